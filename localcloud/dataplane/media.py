"""Headers and bodies on their way through API Gateway: which headers it keeps to itself, and which bodies are binary."""

from __future__ import annotations

from localcloud.dataplane.exchange import Exchange, header
from localcloud.dataplane.messages import Headers

# Dropped from requests and answers, and headers of answers that get another name.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html#api-gateway-known-issues-rest-apis
HOP_BY_HOP = frozenset(
    (
        "connection", "content-length", "content-md5", "expect", "keep-alive", "max-forwards", "proxy-authenticate", "server",
        "te", "trailer", "transfer-encoding", "upgrade", "www-authenticate",
    )
)  # fmt: skip
DROPPED = frozenset(("transfer-encoding", "keep-alive"))
REMAPPED = frozenset(("connection", "content-length", "date", "server"))


def answered(headers: Headers) -> Headers:
    """An integration's headers as a client gets them."""
    return [
        (f"x-amzn-Remapped-{name}" if name.lower() in REMAPPED else name, value)
        for name, value in headers
        if name.lower() not in DROPPED
    ]


def is_binary(exchange: Exchange, media_type: str) -> bool:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-payload-encodings.html"""
    known = [each.lower() for each in exchange.picture["rest_api"].get("binaryMediaTypes") or []]
    return media_type in known or "*/*" in known or f"{media_type.partition('/')[0]}/*" in known


def accepts_binary(exchange: Exchange) -> bool:
    """Whether a client takes a binary answer: what it would like best decides.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/lambda-proxy-binary-media.html
    """
    first = (header(exchange.request.headers, "accept") or "").partition(",")[0].partition(";")[0].strip().lower()
    return is_binary(exchange, first)
