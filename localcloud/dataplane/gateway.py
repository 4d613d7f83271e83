"""API Gateway's front: the stage that a request is for, its resource and method, its caller, and the integration that answers it.

Only what was deployed counts, see localcloud.services.apigateway.deployed().
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from moto.apigateway.models import apigateway_backends

from localcloud import ACCOUNT
from localcloud.dataplane import authorizers, failures, mock, validation
from localcloud.dataplane.access_log import AccessLogs
from localcloud.dataplane.exchange import Exchange, Failure
from localcloud.dataplane.functions import Functions
from localcloud.dataplane.journeys import Journeys
from localcloud.dataplane.messages import Answer, Broken, Request
from localcloud.dataplane.proxies import Proxies
from localcloud.dataplane.resources import Resources
from localcloud.dataplane.throttling import Throttle
from localcloud.services.apigateway import deployed

# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
PAYLOAD_BYTES = 10 * 1024 * 1024
HEAD_BYTES = 10_240  # request line and headers together
KEPT_ROUTERS = 100
OF_INTEGRATIONS = ("API_CONFIGURATION_ERROR", "DEFAULT_5XX", "INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT")
log = logging.getLogger("localcloud")

Deliver = Callable[[Answer, bool], Awaitable[None]]


@dataclass(frozen=True)
class Call:
    """A request and what its address says; the region only where the host names it. `path` is what follows the stage, as sent."""

    request: Request
    api_id: str
    stage: str
    path: str
    region: str | None = None
    source_ip: str = "127.0.0.1"
    protocol: str = "HTTP/1.1"


class Gateway:
    """To be made and closed on the event loop that it is used on. `endpoint`: where functions call AWS."""

    def __init__(self, endpoint: str, journeys: Journeys) -> None:
        self.journeys = journeys
        self.throttle = Throttle()
        self.functions = Functions(endpoint)
        self.proxies = Proxies()
        self.logs = AccessLogs()
        self.routers: dict[tuple[str, str, str], Resources] = {}

    async def close(self) -> None:
        await self.proxies.close()
        self.functions.close()
        self.logs.close()

    async def serve(self, call: Call, deliver: Deliver) -> None:
        """Answers a call through `deliver(answer, streams)`, and keeps a record of how it went."""
        began = time.perf_counter()
        exchange = find(call)
        if exchange is None:
            return await deliver(forbidden(), False)
        sent, status, reason = 0, 0, "the client went away"

        async def counted(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
            nonlocal sent
            async for chunk in body:
                sent += len(chunk)
                yield chunk

        try:
            answer, reason = await self.answer(exchange)
            status = answer.status
            body, answer.body = answer.body, counted(answer.body)
            try:
                await deliver(answer, not reason and exchange.integration.get("responseTransferMode") == "STREAM")
            except Broken as broken:
                reason = exchange.told["integrationErrorMessage"] = str(broken)
                raise
            finally:
                await close(body)
        finally:
            milliseconds = (time.perf_counter() - began) * 1000
            exchange.told |= {
                "status": str(status),
                "responseLength": str(sent),
                "responseLatency": f"{milliseconds:.0f}",
            }
            self.journeys.add(exchange, status, milliseconds, sent, reason)
            self.logs.write(exchange)

    async def answer(self, exchange: Exchange) -> tuple[Answer, str]:
        """The answer, and what went wrong, in words."""
        try:
            return await self.integrate(exchange), ""
        except Failure as failure:
            if failure.kind in OF_INTEGRATIONS:
                exchange.told["integrationErrorMessage"] = failure.reason
            return failures.answer(exchange, failure), failure.reason or failure.kind
        except Exception as error:  # a fault of ours must reach the client as an answer, and our log as a traceback
            log.exception("%s %s of API %s", exchange.request.method, exchange.path, exchange.api_id)
            fault = Failure("DEFAULT_5XX", reason=f"the local cloud failed: {error!r}")
            return failures.answer(exchange, fault), fault.reason

    async def integrate(self, exchange: Exchange) -> Answer:
        if len(exchange.request.body) > PAYLOAD_BYTES or head_bytes(exchange.request) > HEAD_BYTES:
            raise Failure("REQUEST_TOO_LARGE")
        self.route(exchange)
        self.throttle.take(exchange)
        authorizers.authorize(exchange)
        validation.validate(exchange)
        kind = exchange.integration.get("type")
        if kind == "MOCK":
            return mock.answer(exchange)
        if kind == "AWS_PROXY":
            return await self.functions.answer(exchange)
        if kind == "HTTP_PROXY":
            return await self.proxies.answer(exchange)
        raise Failure("API_CONFIGURATION_ERROR", reason=f"the local cloud does not run integrations of type {kind}")

    def route(self, exchange: Exchange) -> None:
        """Puts resource, method and path parameters into the exchange."""
        if exchange.picture["rest_api"].get("disableExecuteApiEndpoint"):
            raise Failure("INVALID_API_KEY", "Forbidden", reason="the API's default endpoint is disabled")
        key = (exchange.region, exchange.api_id, exchange.deployment_id)
        router = self.routers.get(key)
        if router is None:
            if len(self.routers) >= KEPT_ROUTERS:
                self.routers.clear()
            router = self.routers[key] = Resources(exchange.picture["paths"])
        match = router.match(exchange.path)
        methods = exchange.picture["paths"][match.resource] if match else {}
        method = methods.get(exchange.request.method) or methods.get("ANY")
        if match is None or method is None:
            # https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
            raise Failure("MISSING_AUTHENTICATION_TOKEN", reason="there is no such resource, or it has no such method")
        exchange.resource, exchange.path_parameters, exchange.method = match.resource, match.parameters, method


def head_bytes(request: Request) -> int:
    line = len(request.method) + len(request.target) + len("  HTTP/1.1\r\n")
    return line + sum(len(name) + len(value) + 4 for name, value in request.headers)


async def close(body: Any) -> None:
    if hasattr(body, "aclose"):
        await body.aclose()


def find(call: Call) -> Exchange | None:
    """The exchange for a call; None where there is no such API, or it has no such stage."""
    regions = apigateway_backends[ACCOUNT]
    for region in [call.region] if call.region else list(regions):
        api = regions[region].apis.get(call.api_id) if region in regions else None
        picture = deployed(api, call.stage) if api else None
        if api is None or picture is None:
            continue
        stage = api.stages[call.stage]
        return Exchange(
            region=region,
            api_id=call.api_id,
            stage=call.stage,
            picture=picture,
            request=call.request,
            path="/" + call.path.lstrip("/"),
            deployment_id=str(stage.deployment_id),
            stage_variables=dict(stage.variables or {}),
            method_settings=stage.method_settings,
            access_log=stage.access_log_settings,
            source_ip=call.source_ip,
            protocol=call.protocol,
        )
    return None


def forbidden() -> Answer:
    """What API Gateway answers for stages that are not there; it knows no gateway response then."""
    headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", "ForbiddenException")]
    return Answer(403, headers, failures.pieces(b'{"message":"Forbidden"}'))
