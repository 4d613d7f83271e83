"""From an HTTP request to an AWS operation with its parameters, and from a refusal to an answer in the service's own protocol.

Everything is read from botocore's service models, through moto's parsers and serializers.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, unquote

from moto.core.exceptions import ServiceException
from moto.core.model import OperationModel, ServiceModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.wrappers import Request

# Names in a signature's scope that differ from botocore's name of the service.
SERVICES = {
    "elasticloadbalancing": "elbv2",
    "monitoring": "cloudwatch",
    "elasticfilesystem": "efs",
    "tagging": "resourcegroupstaggingapi",
    "execute-api": "apigatewaymanagementapi",
    "eventbridge": "events",
}
# Operations that clients send without a signature, by the prefix of X-Amz-Target.
UNSIGNED = {"AWSCognitoIdentityProviderService": "cognito-idp", "AWSCognitoIdentityService": "cognito-identity"}
CREDENTIAL = re.compile(r"Credential=(?P<key>[^/,\s]+)/\d{8}/(?P<region>[^/]*)/(?P<service>[^/]+)/aws4_request")
REGION = re.compile(r"region/(?P<region>[a-z0-9-]+)")


@dataclass(frozen=True)
class Operation:
    """An AWS operation that a request names."""

    service: str
    name: str
    region: str
    model: OperationModel
    protocol: str
    url_parameters: dict[str, str]

    @property
    def mutating(self) -> bool:
        return is_mutating(self.service, self.name)


READS = re.compile(
    r"^(Describe|Get|List|Head|Search|Lookup|BatchGet|BatchDescribe|Filter|Simulate|Select|Query|Scan|Validate|Test|Detect|Check)"
)
# Reads in spite of their names, and calls that use the system without changing what is deployed.
READS_BY_NAME = {
    "cognito-idp": {"InitiateAuth", "RespondToAuthChallenge", "AdminInitiateAuth", "RevokeToken"},
    "lambda": {"Invoke", "InvokeAsync", "InvokeWithResponseStream"},
    "sts": {"AssumeRole", "DecodeAuthorizationMessage"},
    "cloudwatch": {"PutMetricData"},
    "logs": {"PutLogEvents", "StartQuery", "StopQuery"},
    "kms": {"Decrypt", "Encrypt", "GenerateDataKey"},
}


def is_mutating(service: str, operation: str) -> bool:
    """Whether an operation changes what is there, judged by AWS's own way of naming."""
    return not (READS.match(operation) or operation in READS_BY_NAME.get(service, ()))


@functools.cache
def service_model(service: str) -> ServiceModel | None:
    try:
        return get_service_model(service)
    except Exception:  # botocore and moto raise several kinds for a service that does not exist
        return None


@functools.cache
def operation_model(service: str, name: str) -> OperationModel | None:
    model = service_model(service)
    return model.operation_model(name) if model and name in model.operation_names else None


@functools.cache
def rest_routes(service: str) -> list[tuple[str, re.Pattern[str], dict[str, str], str]]:
    """(method, path pattern, query that must be there, operation), the most specific first."""
    model = service_model(service)
    routes = []
    for name in model.operation_names if model else []:
        http = model.operation_model(name).http if model else {}
        path, _, query = http.get("requestUri", "/").partition("?")
        names = re.findall(r"\{([^}]+)\}", path)
        pattern = re.escape(path.rstrip("/") or "/")
        for each in names:
            greedy = each.endswith("+")
            escaped = re.escape("{" + each + "}")
            group = re.sub(r"\W", "_", each.rstrip("+"))
            pattern = pattern.replace(escaped, f"(?P<{group}>{'.+' if greedy else '[^/]+'})")
        wanted = dict(parse_qsl(query, keep_blank_values=True))
        rank = (len(wanted), -len(names), len(path))
        routes.append((rank, (http.get("method", "POST"), re.compile(f"^{pattern}/?$"), wanted, name)))
    return [route for _, route in sorted(routes, key=lambda item: item[0], reverse=True)]


def credentials(environ: dict[str, Any]) -> tuple[str, str, str] | None:
    """(access key id, region, service) of the signature, in the header or in the query."""
    found = CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    if not found and "X-Amz-Credential" in environ.get("QUERY_STRING", ""):
        query = dict(parse_qsl(environ["QUERY_STRING"]))
        found = CREDENTIAL.search("Credential=" + query.get("X-Amz-Credential", ""))
    return (found["key"], found["region"], found["service"].lower()) if found else None


def buffered(environ: dict[str, Any]) -> bytes:
    """The body, put back so that moto can read it again."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    stream = environ["wsgi.input"]
    body = stream.read(length) if length else b""
    environ["wsgi.input"] = BytesIO(body)
    return body


def identify(environ: dict[str, Any], body: bytes) -> Operation | None:
    """The operation that a request asks for; None where it is none of AWS's (a browser's request, say)."""
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    signed = credentials(environ)
    if signed:
        _, region, service = signed
        service = SERVICES.get(service, service)
    elif target.partition(".")[0] in UNSIGNED:
        service = UNSIGNED[target.partition(".")[0]]
        found = REGION.search(environ.get("HTTP_USER_AGENT", ""))
        region = found["region"] if found else "us-east-1"
    else:
        return None
    form: dict[str, str] = {}
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    if service == "elbv2" and form.get("Version") == "2012-06-01":
        service = "elb"
    model = service_model(service)
    if model is None:
        return None
    name = ""
    url_parameters: dict[str, str] = {}
    if target:
        name = target.rpartition(".")[2]
    elif "Action" in form:
        name = form["Action"]
    else:
        name, url_parameters = match_route(service, environ)
    operation = operation_model(service, name)
    if operation is None:
        return None
    try:
        protocol = determine_request_protocol(model, environ.get("CONTENT_TYPE", "").partition(";")[0])
    except NotImplementedError:
        protocol = str(model.protocol)
    return Operation(service, name, region or "us-east-1", operation, protocol, url_parameters)


def match_route(service: str, environ: dict[str, Any]) -> tuple[str, dict[str, str]]:
    path = environ.get("RAW_URI", environ.get("REQUEST_URI", "")).partition("?")[0] or environ.get("PATH_INFO", "/")
    method = environ["REQUEST_METHOD"]
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    for expected, pattern, wanted, name in rest_routes(service):
        if expected != method or any(
            key not in query or (value and query[key] != value) for key, value in wanted.items()
        ):
            continue
        if found := pattern.match(path):
            return name, {key: unquote(value) for key, value in found.groupdict().items()}
    return "", {}


def parse(operation: Operation, environ: dict[str, Any], body: bytes) -> dict[str, Any]:
    """The operation's parameters, named and typed as in the service model."""
    request = Request({**environ, "wsgi.input": BytesIO(body)})
    parser = PROTOCOL_PARSERS[operation.protocol](operation.model, map_type=dict)
    parameters = parser.parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": body,
            "url_path": request.path,
            "url_params": operation.url_parameters,
        }
    )
    return dict(parameters or {})


class Refused(ServiceException):
    """A refusal of ours: moto looks for the service model of an exception by its package, and its own base class has none."""


def refuse(operation: Operation, code: str, message: str, status: int) -> tuple[int, dict[str, str], bytes]:
    """A refusal as the service would put it: (status, headers, body)."""
    serializer = get_serializer_class(operation.service, operation.protocol)(operation_model=operation.model)
    answer = serializer.serialize(Refused(code, message))
    body = answer["body"]
    headers = {key: str(value) for key, value in answer["headers"].items()}
    known = status if status != 400 else answer["status_code"]
    return known, headers, body.encode() if isinstance(body, str) else body
