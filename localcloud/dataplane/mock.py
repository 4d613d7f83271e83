"""MOCK integrations: the request template says a status, and the response for that status is the answer.

https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-mock-integration.html
"""

from __future__ import annotations

import json
import re
from typing import Any

from localcloud.dataplane import mapping
from localcloud.dataplane.exchange import Exchange, Failure, header
from localcloud.dataplane.failures import identity, pieces
from localcloud.dataplane.messages import Answer, Headers


def answer(exchange: Exchange) -> Answer:
    body = request_body(exchange)
    try:
        status = json.loads(body)["statusCode"]
    except (ValueError, KeyError, TypeError):
        status = None
    if not isinstance(status, int):
        raise Failure(
            "API_CONFIGURATION_ERROR", reason="the request template of the mock gives no number as statusCode"
        )
    exchange.told["integrationStatus"] = str(status)
    return respond(exchange, chosen(exchange, str(status)), [], b"")


def request_body(exchange: Exchange) -> bytes:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/integration-passthrough-behaviors.html"""
    templates = exchange.integration.get("requestTemplates") or {}
    template = templates.get(exchange.media_type)
    if template is not None:
        return mapping.render(template, exchange, exchange.request.body).encode()
    behaviour = exchange.integration.get("passthroughBehavior") or "WHEN_NO_MATCH"
    if behaviour == "NEVER" or (behaviour == "WHEN_NO_TEMPLATES" and templates):
        raise Failure("UNSUPPORTED_MEDIA_TYPE", reason=f"there is no request template for {exchange.media_type}")
    return exchange.request.body


def chosen(exchange: Exchange, status: str) -> dict[str, Any]:
    """The integration response whose pattern matches the status, else the one without a pattern."""
    responses = list((exchange.integration.get("integrationResponses") or {}).values())
    default = None
    for each in responses:
        pattern = each.get("selectionPattern")
        if not pattern:
            default = default or each
        elif re.fullmatch(pattern, status):
            return dict(each)
    if default is None:
        raise Failure(
            "API_CONFIGURATION_ERROR", reason=f"no integration response is for {status}, and none for the rest"
        )
    return dict(default)


def respond(exchange: Exchange, response: dict[str, Any], headers: Headers, body: bytes) -> Answer:
    media_type, template = mapping.template_for(
        response.get("responseTemplates") or {}, header(exchange.request.headers, "accept")
    )
    text = mapping.render(template, exchange, body).encode() if template else body
    answered: Headers = [("Content-Type", media_type), *identity(exchange), ("X-Amzn-Trace-Id", exchange.trace_id)]
    for target, source in (response.get("responseParameters") or {}).items():
        name = target.removeprefix("method.response.header.")
        value = mapping.response_value(exchange, source, headers, body)
        if name != target and value is not None:
            mapping.replace_header(answered, name, value)
    return Answer(int(response["statusCode"]), answered, pieces(text))
