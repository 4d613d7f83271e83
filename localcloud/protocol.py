"""From an HTTP request to an AWS operation with its parameters, and from a refusal to an answer in the service's own protocol.

Everything is read from botocore's service models, through moto's parsers and serializers.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, unquote

from moto.core.exceptions import ServiceException
from moto.core.model import OperationModel, ServiceModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.datastructures import EnvironHeaders, MultiDict

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
# Hosts under which no bucket is part of the name. https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
BUCKET_HOST = re.compile(r"^(?P<bucket>[a-z0-9][a-z0-9.-]+)\.(localhost|s3[.-].*amazonaws\.com)(:\d+)?$")


@dataclass(frozen=True)
class Operation:
    """An AWS operation that a request names."""

    service: str
    name: str
    region: str
    model: OperationModel
    protocol: str
    url_parameters: dict[str, str]
    form: dict[str, str] = field(default_factory=dict, repr=False)

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


# Operations that wait for what a data plane does: they must not keep others waiting, so they are answered side by side.
CONCURRENT = {
    ("lambda", "Invoke"),
    ("lambda", "InvokeAsync"),
    ("lambda", "InvokeWithResponseStream"),
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


@dataclass(frozen=True)
class Route:
    """How a REST operation is asked for: what must be there to take a request for it."""

    method: str
    path: re.Pattern[str]
    query: dict[str, str]
    headers: tuple[str, ...]
    operation: str


@functools.cache
def rest_routes(service: str) -> list[Route]:
    """The operations of a service, the most specific first."""
    model = service_model(service)
    routes = []
    for name in model.operation_names if model else []:
        operation = model.operation_model(name) if model else None
        http = operation.http if operation else {}
        path, _, query = http.get("requestUri", "/").partition("?")
        names = re.findall(r"\{([^}]+)\}", path)
        pattern = re.escape(path.rstrip("/") or "/")
        for each in names:
            greedy = each.endswith("+")
            escaped = re.escape("{" + each + "}")
            group = re.sub(r"\W", "_", each.rstrip("+"))
            pattern = pattern.replace(escaped, f"(?P<{group}>{'.+' if greedy else '[^/]+'})")
        wanted = dict(parse_qsl(query, keep_blank_values=True))
        headers = []
        if service == "s3" and operation is not None and operation.input_shape is not None:
            # UploadPart is a PutObject with a part's number, CopyObject one with a source: only what they require tells them apart.
            for member in operation.input_shape.required_members:
                where = operation.input_shape.members[member].serialization
                if where.get("location") == "querystring":
                    wanted.setdefault(where["name"], "")
                elif where.get("location") == "header":
                    headers.append("HTTP_" + where["name"].upper().replace("-", "_"))
        current = (
            operation is not None and not operation.deprecated
        )  # PutBucketLifecycle has the same route as its successor
        rank = (len(wanted) + len(headers), -len(names), len(path), current)
        route = Route(http.get("method", "POST"), re.compile(f"^{pattern}/?$"), wanted, tuple(headers), name)
        routes.append((rank, route))
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
    elif "Action=" in environ.get("QUERY_STRING", ""):  # a presigned request of a query service
        form = dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))
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
    return Operation(service, name, region or "us-east-1", operation, protocol, url_parameters, form)


def match_route(service: str, environ: dict[str, Any]) -> tuple[str, dict[str, str]]:
    path = environ.get("RAW_URI", environ.get("REQUEST_URI", "")).partition("?")[0] or environ.get("PATH_INFO", "/")
    method = environ["REQUEST_METHOD"]
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    if service == "s3" and (host := BUCKET_HOST.match(environ.get("HTTP_HOST", ""))):
        path = f"/{host['bucket']}{path}"
    for route in rest_routes(service):
        if route.method != method or any(header not in environ for header in route.headers):
            continue
        if any(key not in query or (value and query[key] != value) for key, value in route.query.items()):
            continue
        if found := route.path.match(path):
            return route.operation, {key: unquote(value) for key, value in found.groupdict().items()}
    return "", {}


def parse(operation: Operation, environ: dict[str, Any], body: bytes) -> dict[str, Any]:
    """The operation's parameters, named and typed as in the service model."""
    if operation.protocol in ("query", "ec2"):
        values = MultiDict(operation.form)
    else:
        values = MultiDict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    parser = PROTOCOL_PARSERS[operation.protocol](operation.model, map_type=dict)
    parameters = parser.parse(
        {
            "method": environ["REQUEST_METHOD"],
            "values": values,
            "headers": EnvironHeaders(environ),
            "body": body,
            "url_path": environ.get("PATH_INFO", "/"),
            "url_params": operation.url_parameters,
        }
    )
    return dict(parameters or {})


class Refused(ServiceException):
    """A refusal for moto's serializers, which take a class of moto's own modules for one of the service that the module is named after."""


def refuse(operation: Operation, code: str, message: str, status: int) -> tuple[int, dict[str, str], bytes]:
    """A refusal as the service would put it: (status, headers, body)."""
    serializer = get_serializer_class(operation.service, operation.protocol)(operation_model=operation.model)
    answer = serializer.serialize(Refused(code, message))
    body = answer["body"]
    headers = {key: str(value) for key, value in answer["headers"].items()}
    known = status if status != 400 else answer["status_code"]
    return known, headers, body.encode() if isinstance(body, str) else body
