"""HTTP_PROXY integrations: the request handed on to a URL, through a VPC link where the integration names one.

https://docs.aws.amazon.com/apigateway/latest/developerguide/setup-http-integrations.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from localcloud.dataplane import mapping, media, route
from localcloud.dataplane.clock import CLOCK
from localcloud.dataplane.exchange import Exchange, Failure, header
from localcloud.dataplane.failures import identity, pieces
from localcloud.dataplane.functions import forwarded
from localcloud.dataplane.messages import Answer, Blocked, Broken, Headers, Hop, Request

# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html and response-transfer-mode.html
BUFFERED_BYTES = 10 * 1024 * 1024
IDLE_SECONDS = 300.0  # a stream that is silent for longer ends, on regional APIs
UNTHROTTLED_BYTES = 10 * 1024 * 1024
THROTTLED_RATE = 2 * 1024 * 1024  # bytes a second, once a stream is larger than that
AUTOMATIC = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class Proxies:
    """To be made and closed on the event loop that it is used on."""

    def __init__(self) -> None:
        self.session = aiohttp.ClientSession(
            auto_decompress=False, connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
        )

    async def close(self) -> None:
        await self.session.close()

    async def answer(self, exchange: Exchange) -> Answer:
        mapped = mapping.integration_request(exchange)
        url = urlsplit(mapping.fill(exchange.integration.get("uri") or "", exchange, mapped))
        request = outgoing(exchange, url, mapped)
        seconds = int(exchange.integration["timeoutInMillis"]) / 1000
        began = time.perf_counter()
        deadline = asyncio.get_running_loop().time() + CLOCK.lasts(seconds)
        try:
            async with asyncio.timeout_at(deadline):
                answer = await self.send(exchange, url, request)
                exchange.hops += answer.hops
                exchange.told["integrationStatus"] = str(answer.status)
                if exchange.integration.get("responseTransferMode") == "STREAM":
                    answer.body = streamed(answer.body, deadline)
                else:
                    answer.body = pieces(await buffered(exchange, answer))
        except TimeoutError as error:
            raise Failure("INTEGRATION_TIMEOUT", reason=f"{url.netloc} did not answer in {seconds:g} s") from error
        except Blocked as blocked:
            exchange.hops += blocked.hops
            kind = "INTEGRATION_TIMEOUT" if blocked.timed_out else "INTEGRATION_FAILURE"
            raise Failure(kind, reason=blocked.reason) from blocked
        except (aiohttp.ClientError, OSError, Broken) as error:
            raise Failure("INTEGRATION_FAILURE", reason=f"{url.netloc}: {error or type(error).__name__}") from error
        finally:
            exchange.told["integrationLatency"] = f"{(time.perf_counter() - began) * 1000:.0f}"
        answer.headers = [*media.answered(answer.headers), *identity(exchange)]
        return answer

    async def send(self, exchange: Exchange, url: SplitResult, request: Request) -> Answer:
        if exchange.integration.get("connectionType") != "VPC_LINK":
            return await self.call(exchange, url, request)
        link = exchange.with_stage_variables(exchange.integration.get("connectionId") or "")
        port = url.port or (443 if url.scheme == "https" else 80)
        return await route.send(f"vpc-link:{link}", exchange.region, url.hostname or "", port, request)

    async def call(self, exchange: Exchange, url: SplitResult, request: Request) -> Answer:
        """To a URL of the internet."""
        began = time.perf_counter()
        outcome = "no answer"
        try:
            response = await self.session.request(
                request.method,
                URL(f"{url.scheme}://{url.netloc}{request.target}", encoded=True),
                headers=CIMultiDict(request.headers),
                data=request.body or None,
                allow_redirects=False,
                skip_auto_headers=AUTOMATIC,
                timeout=aiohttp.ClientTimeout(total=None),
            )
            outcome = "ok"
        finally:
            milliseconds = (time.perf_counter() - began) * 1000
            exchange.hops.append(Hop("url", url.netloc, exchange.region, milliseconds, outcome))
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers]
        return Answer(response.status, headers, arriving(response))


async def arriving(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.content.iter_any():
            yield chunk
    finally:
        response.close()


def outgoing(exchange: Exchange, url: SplitResult, mapped: mapping.Mapped) -> Request:
    """The request that the endpoint gets: all of the client's, with the integration's own values in place of the client's."""
    sent = exchange.request
    method = exchange.integration.get("httpMethod") or "ANY"
    headers: Headers = [
        (name, value) for name, value in sent.headers if name.lower() not in media.HOP_BY_HOP and name.lower() != "host"
    ]
    if header(headers, "user-agent") is None:
        headers.append(("User-Agent", f"AmazonAPIGateway_{exchange.api_id}"))
    through = header(headers, "x-forwarded-for")
    for name, value in forwarded(exchange):
        mapping.replace_header(headers, name, f"{through}, {value}" if name == "X-Forwarded-For" and through else value)
    headers.append(("x-amzn-apigateway-api-id", exchange.api_id))
    for name, value in mapped.headers:
        mapping.replace_header(headers, name, value)
    path = quote(url.path, safe=mapping.PATH_SAFE + "%") or "/"
    query = query_of(sent.target.partition("?")[2], url.query, mapped.query)
    return Request(
        sent.method if method == "ANY" else method,
        f"{path}?{query}" if query else path,
        [("Host", url.netloc), *headers],
        sent.body,
    )


def query_of(sent: str, fixed: str, mapped: list[tuple[str, str]]) -> str:
    """What the client sent, as it was sent where no mapping replaces a part of it, after what the URI itself has."""
    names = {name for name, _ in mapped}
    if names & {name for name, _ in parse_qsl(sent, keep_blank_values=True)}:
        sent = urlencode(
            [(name, value) for name, value in parse_qsl(sent, keep_blank_values=True) if name not in names]
        )
    return "&".join(part for part in (fixed, sent, urlencode(mapped)) if part)


async def buffered(exchange: Exchange, answer: Answer) -> bytes:
    """The whole body; text is passed on as text unless its type is a binary one of the API."""
    content = bytearray()
    async with closing(answer.body) as body:
        async for chunk in body:
            content += chunk
            if len(content) > BUFFERED_BYTES:
                raise Failure("DEFAULT_5XX", reason=f"the answer is larger than {BUFFERED_BYTES} bytes")
    media_type = (header(answer.headers, "content-type") or "application/json").partition(";")[0].strip().lower()
    if header(answer.headers, "content-encoding") or media.is_binary(exchange, media_type):
        return bytes(content)
    return bytes(content).decode("utf-8", "replace").encode()


async def streamed(body: AsyncIterator[bytes], deadline: float) -> AsyncIterator[bytes]:
    """The pieces as they arrive, until the integration's time is over or the stream is silent for too long."""
    loop = asyncio.get_running_loop()
    sent = 0
    async with closing(body) as arriving_:
        while True:
            try:
                async with asyncio.timeout_at(min(deadline, loop.time() + CLOCK.lasts(IDLE_SECONDS))):
                    chunk = await anext(arriving_)
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                raise Broken("the stream took longer than its integration may") from error
            except (aiohttp.ClientError, OSError) as error:
                raise Broken(f"the stream broke: {error or type(error).__name__}") from error
            yield chunk
            sent += len(chunk)
            if sent > UNTHROTTLED_BYTES:
                await asyncio.sleep(len(chunk) / THROTTLED_RATE)


def closing(body: Any) -> aclosing[Any]:
    return aclosing(body)
