"""AWS_PROXY integrations: the request as an event, the function's answer as the response.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

from __future__ import annotations

import asyncio
import base64
import fnmatch
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from moto.awslambda.models import lambda_backends
from moto.core.exceptions import JsonRESTError, ServiceException

from localcloud import ACCOUNT
from localcloud.dataplane import media
from localcloud.dataplane.clock import CLOCK
from localcloud.dataplane.exchange import Exchange, Failure
from localcloud.dataplane.failures import identity, pieces
from localcloud.dataplane.messages import Answer, Headers, Hop
from localcloud.lambda_runtime.environment import Outcome

URI = re.compile(
    r".*:lambda:path/[\d-]+/functions/arn:aws[a-z-]*:lambda:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):function:"
    r"(?P<name>[\w-]+)(?::(?P<qualifier>[\w$-]+))?/(?P<call>(?:response-streaming-)?invocations)"
)
KEYS = {"isBase64Encoded", "statusCode", "headers", "multiValueHeaders", "body"}
# A function that streams writes what it answers with as JSON, this, and the body.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html
DELIMITER = b"\0" * 8
MALFORMED = "the function's answer is not one of a proxy integration"


@dataclass(frozen=True)
class Target:
    region: str
    name: str
    qualifier: str | None
    streams: bool


class Functions:
    """Invokes functions on threads: an invocation waits for a process."""

    def __init__(self, endpoint: str, threads: int = 256) -> None:
        self.endpoint = endpoint  # where functions call AWS
        self.threads = ThreadPoolExecutor(threads, "invocation")

    def close(self) -> None:
        self.threads.shutdown(wait=False, cancel_futures=True)

    async def answer(self, exchange: Exchange) -> Answer:
        target = target_of(exchange.with_stage_variables(exchange.integration.get("uri") or ""))
        function = permitted(exchange, target)
        payload = json.dumps(event(exchange)).encode()
        seconds = int(exchange.integration["timeoutInMillis"]) / 1000
        began = time.perf_counter()
        told = "no answer in time"
        try:
            run = asyncio.get_running_loop().run_in_executor(
                self.threads, function.run, payload, self.endpoint, "", target.qualifier
            )
            outcome: Outcome = await asyncio.wait_for(run, CLOCK.lasts(seconds))
            told = "ok" if outcome.error is None else problem(outcome)
        except TimeoutError as error:
            raise Failure("INTEGRATION_TIMEOUT", reason=f"{target.name} did not answer in {seconds:g} s") from error
        except (ServiceException, JsonRESTError) as error:  # throttled, still being made, of another runtime
            told = str(error.message)
            raise Failure(
                "INTEGRATION_FAILURE", "Internal server error", status=502, reason=f"{target.name}: {told}"
            ) from error
        finally:
            milliseconds = (time.perf_counter() - began) * 1000
            exchange.hops.append(Hop("function", target.name, target.region, milliseconds, told))
            exchange.told["integrationLatency"] = f"{milliseconds:.0f}"
        exchange.hops += outcome.hops
        exchange.told["integrationStatus"] = "200"
        if outcome.error is not None:
            raise Failure("DEFAULT_5XX", status=502, reason=f"{target.name} failed: {told}")
        return response(exchange, outcome.payload, streams=target.streams)


def problem(outcome: Outcome) -> str:
    try:
        return str(json.loads(outcome.payload)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return str(outcome.error)


def target_of(uri: str) -> Target:
    found = URI.fullmatch(uri)
    if not found:
        raise Failure("API_CONFIGURATION_ERROR", reason=f"{uri} names no function")
    return Target(found["region"], found["name"], found["qualifier"], found["call"] != "invocations")


def permitted(exchange: Exchange, target: Target) -> Any:
    """The function, if it is there and lets this method of the API invoke it.

    https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway.html#apigateway-permissions
    """
    try:
        function = lambda_backends[ACCOUNT][target.region].get_function(target.name, target.qualifier)
    except (ServiceException, JsonRESTError) as error:
        raise Failure("API_CONFIGURATION_ERROR", reason=f"there is no function {target.name}") from error
    verb = exchange.method.get("httpMethod") or exchange.request.method
    verb = exchange.request.method if verb == "ANY" else verb
    source = (
        f"arn:aws:execute-api:{exchange.region}:{ACCOUNT}:{exchange.api_id}/{exchange.stage}/{verb}{exchange.resource}"
    )
    if not exchange.integration.get("credentials") and not any(
        allows(statement, source) for statement in function.policy.statements
    ):
        raise Failure("API_CONFIGURATION_ERROR", reason=f"{target.name} does not permit {source} to invoke it")
    return function


def allows(statement: dict[str, Any], source: str) -> bool:
    principal = statement.get("Principal")
    service = principal.get("Service") if isinstance(principal, dict) else principal
    if statement.get("Effect") != "Allow" or service not in ("apigateway.amazonaws.com", "*"):
        return False
    if statement.get("Action") not in ("lambda:InvokeFunction", "lambda:*"):
        return False
    condition = statement.get("Condition") or {}
    pattern = (condition.get("ArnLike") or {}).get("AWS:SourceArn")
    account = (condition.get("StringEquals") or {}).get("AWS:SourceAccount")
    return (pattern is None or fnmatch.fnmatchcase(source, pattern)) and account in (None, ACCOUNT)


def event(exchange: Exchange) -> dict[str, Any]:
    """The event of payload format version 1.0."""
    request = exchange.request
    single, several = grouped([*passed(request.headers), *forwarded(exchange)])
    query, queries = grouped(exchange.query)
    binary = bool(request.body) and media.is_binary(exchange, exchange.media_type)
    body = base64.b64encode(request.body).decode() if binary else request.body.decode("utf-8", "replace")
    return {
        "resource": exchange.resource,
        "path": exchange.path,
        "httpMethod": request.method,
        "headers": single or None,
        "multiValueHeaders": several or None,
        "queryStringParameters": query or None,
        "multiValueQueryStringParameters": queries or None,
        "pathParameters": exchange.path_parameters or None,
        "stageVariables": exchange.stage_variables or None,
        "requestContext": exchange.context(),
        "body": body or None,
        "isBase64Encoded": binary,
    }


def grouped(pairs: list[tuple[str, str]]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The last value of each name, and all of them."""
    several: dict[str, list[str]] = {}
    for name, value in pairs:
        several.setdefault(name, []).append(value)
    return {name: values[-1] for name, values in several.items()}, several


def passed(headers: Headers) -> Headers:
    return [(name, value) for name, value in headers if name.lower() not in media.HOP_BY_HOP]


def forwarded(exchange: Exchange) -> Headers:
    """What API Gateway adds to what a client sent."""
    return [
        ("X-Amzn-Trace-Id", exchange.trace_id),
        ("X-Forwarded-For", exchange.source_ip),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
    ]


def response(exchange: Exchange, payload: bytes, *, streams: bool) -> Answer:
    """The answer that a function's payload stands for; raises Failure (502) for what is malformed."""
    rest: bytes | None = None
    if streams:
        payload, delimiter, rest = payload.partition(DELIMITER)
        if not delimiter:
            raise Failure("DEFAULT_5XX", status=502, reason="the function does not stream, but its integration does")
    try:
        said = json.loads(payload)
    except ValueError as error:
        raise Failure("DEFAULT_5XX", status=502, reason=f"{MALFORMED}: {error}") from error
    if fault := fault_of(said):
        raise Failure("DEFAULT_5XX", status=502, reason=f"{MALFORMED}: {fault}")
    body = rest if rest is not None else (said.get("body") or "").encode()
    if rest is None and said.get("isBase64Encoded") and media.accepts_binary(exchange):
        try:
            body = base64.b64decode(body, validate=True)
        except ValueError as error:
            raise Failure("API_CONFIGURATION_ERROR", reason=f"the function's body is not base64: {error}") from error
    several = said.get("multiValueHeaders") or {}
    headers: Headers = [(name, text_of(value)) for name, each in several.items() for value in each]
    headers += [
        (name, text_of(value))
        for name, value in (said.get("headers") or {}).items()
        if name.lower() not in {key.lower() for key in several}
    ]
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json"))
    more: Headers = [*identity(exchange), ("X-Amzn-Trace-Id", exchange.trace_id)]
    return Answer(int(said.get("statusCode") or 200), [*media.answered(headers), *more], pieces(body))


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def fault_of(said: Any) -> str:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html#api-gateway-simple-proxy-for-lambda-output-format"""
    if not isinstance(said, dict):
        return "it is no object"
    if more := sorted(set(said) - KEYS):
        return f"it has {', '.join(more)}"
    status = said.get("statusCode", 200)
    if isinstance(status, bool) or not re.fullmatch(r"[1-5]\d\d", str(status)):
        return f"its statusCode is {status!r}"
    if not isinstance(said.get("body"), str | None):
        return "its body is no text"
    if not isinstance(said.get("isBase64Encoded"), bool | None):
        return "its isBase64Encoded is neither true nor false"
    headers, several = said.get("headers"), said.get("multiValueHeaders")
    plain = str | bool | int | float
    if headers is not None and not (
        isinstance(headers, dict) and all(isinstance(value, plain) for value in headers.values())
    ):
        return "its headers are not names with values"
    if several is not None and not (
        isinstance(several, dict)
        and all(isinstance(each, list) and all(isinstance(value, plain) for value in each) for each in several.values())
    ):
        return "its multiValueHeaders are not names with lists of values"
    return ""
