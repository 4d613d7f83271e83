"""Gateway responses: what API Gateway answers when a request does not reach an integration, or the integration fails.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gatewayResponse-definition.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from localcloud.dataplane import mapping
from localcloud.dataplane.exchange import Exchange, Failure, header
from localcloud.dataplane.messages import Answer, Headers

# Type: (message, x-amzn-ErrorType)
TYPES = {
    "ACCESS_DENIED": ("User is not authorized to access this resource", "AccessDeniedException"),
    "API_CONFIGURATION_ERROR": ("Internal server error", "InternalServerErrorException"),
    "AUTHORIZER_CONFIGURATION_ERROR": ("Internal server error", "AuthorizerConfigurationException"),
    "AUTHORIZER_FAILURE": ("Internal server error", "InternalServerErrorException"),
    "BAD_REQUEST_BODY": ("Invalid request body", "BadRequestException"),
    "BAD_REQUEST_PARAMETERS": ("Missing required request parameters", "BadRequestException"),
    "DEFAULT_4XX": ("Bad Request", "BadRequestException"),
    "DEFAULT_5XX": ("Internal server error", "InternalServerErrorException"),
    "INTEGRATION_FAILURE": ("Network error communicating with endpoint", "InternalServerErrorException"),
    "INTEGRATION_TIMEOUT": ("Endpoint request timed out", "InternalServerErrorException"),
    "INVALID_API_KEY": ("Forbidden", "ForbiddenException"),
    "MISSING_AUTHENTICATION_TOKEN": ("Missing Authentication Token", "MissingAuthenticationTokenException"),
    "REQUEST_TOO_LARGE": ("Request Too Long", "RequestTooLargeException"),
    "THROTTLED": ("Too Many Requests", "TooManyRequestsException"),
    "UNAUTHORIZED": ("Unauthorized", "UnauthorizedException"),
    "UNSUPPORTED_MEDIA_TYPE": ("Unsupported Media Type", "BadRequestException"),
}
REASON = "X-Localcloud-Reason"  # beyond what AWS tells a client: why, in words


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    """A body that is there already."""
    for part in parts:
        if part:
            yield part


def definition(picture: dict[str, Any], failure: Failure) -> tuple[dict[str, Any], int]:
    """The gateway response of a failure and its status. One that nobody defined is that of its class, with its own status."""
    responses = picture["gateway_responses"]
    own = responses[failure.kind]
    status = int(failure.status or own.get("statusCode") or (500 if failure.kind == "DEFAULT_5XX" else 400))
    if not own.get("defaultResponse"):
        return own, int(own.get("statusCode") or status) if failure.status is None else status
    group = responses["DEFAULT_4XX" if status < 500 else "DEFAULT_5XX"]
    if group.get("defaultResponse"):
        return own, status
    return group, int(group.get("statusCode") or status)


def answer(exchange: Exchange, failure: Failure) -> Answer:
    """The answer to a failure; what it says is put into the exchange, where access logs find it."""
    message, error = TYPES[failure.kind]
    message = failure.message or message
    exchange.told |= {
        "error.message": message,
        "error.messageString": json.dumps(message),
        "error.responseType": failure.kind,
    }
    found, status = definition(exchange.picture, failure)
    media_type, template = mapping.template_for(
        found.get("responseTemplates") or {}, header(exchange.request.headers, "accept")
    )
    body = mapping.substitute(template, exchange).encode()
    headers: Headers = [("Content-Type", media_type), *identity(exchange), ("x-amzn-ErrorType", error)]
    if failure.reason:
        headers.append((REASON, "".join(each if " " <= each <= "~" else "?" for each in failure.reason)[:1000]))
    for target, source in (found.get("responseParameters") or {}).items():
        name = target.removeprefix("gatewayresponse.header.")
        value = mapping.request_value(exchange, source)
        if name != target and value is not None:
            mapping.replace_header(headers, name, value)
    return Answer(status, headers, pieces(body))


def identity(exchange: Exchange) -> Headers:
    """What every answer of API Gateway carries."""
    return [("x-amzn-RequestId", exchange.request_id), ("x-amz-apigw-id", exchange.extended_id)]
