"""Requests that a method's validator refuses.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html
"""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft4Validator
from referencing import Registry
from referencing.jsonschema import DRAFT4

from localcloud.dataplane.exchange import Exchange, Failure
from localcloud.dataplane.mapping import request_value


def validate(exchange: Exchange) -> None:
    validator = exchange.picture["request_validators"].get(exchange.method.get("requestValidatorId"))
    if validator is None:
        return
    if validator.get("validateRequestParameters"):
        wanted = [name for name, needed in (exchange.method.get("requestParameters") or {}).items() if needed]
        missing = [name.rpartition(".")[2] for name in wanted if not request_value(exchange, name)]
        if missing:
            raise Failure("BAD_REQUEST_PARAMETERS", f"Missing required request parameters: [{', '.join(missing)}]")
    if validator.get("validateRequestBody"):
        check_body(exchange)


def check_body(exchange: Exchange) -> None:
    models = exchange.method.get("requestModels") or {}
    name = models.get(exchange.media_type) or models.get("$default")
    model = exchange.picture["models"].get(name)
    if model is None:
        return
    schema = json.loads(model["schema"])
    try:
        document = json.loads(exchange.request.body or b"")
    except ValueError as error:
        raise Failure("BAD_REQUEST_BODY", reason=f"the body is not JSON: {error}") from error
    fault = next(Draft4Validator(schema, registry=registry(exchange)).iter_errors(document), None)
    if fault is not None:
        raise Failure("BAD_REQUEST_BODY", reason=f"{fault.json_path}: {fault.message}")


def registry(exchange: Exchange) -> Registry[Any]:
    """The API's models under the addresses by which they refer to each other."""
    base = f"https://apigateway.amazonaws.com/restapis/{exchange.api_id}/models/"
    models = exchange.picture["models"].items()
    return Registry().with_resources(
        [(base + name, DRAFT4.create_resource(json.loads(model["schema"]))) for name, model in models]
    )
