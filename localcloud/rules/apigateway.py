"""API Gateway (version 1): what its requests must agree with beyond their own shape."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlparse

from moto.backends import get_backend

from localcloud.rules import Call, Refusal, rule

GUIDE = "https://docs.aws.amazon.com/apigateway/latest/developerguide"
REFERENCE = "https://docs.aws.amazon.com/apigateway/latest/api"

SHORTEST_TIMEOUT, LONGEST_TIMEOUT, LONGEST_STREAM = 50, 29_000, 900_000
STREAMING_TYPES = ("HTTP_PROXY", "AWS_PROXY")
HTTP_TYPES = ("HTTP", "HTTP_PROXY")
PROXY_TYPES = ("HTTP_PROXY", "AWS_PROXY")
DESCRIPTION_LENGTH = 1024
LAMBDA_URI = re.compile(
    r"arn:aws[a-z-]*:apigateway:[a-z0-9-]+:lambda:path/\d{4}-\d{2}-\d{2}/functions/"
    r"(arn:aws[a-z-]*:lambda:(?P<region>[a-z0-9-]+):\d{12}:function:[A-Za-z0-9_-]+(:[A-Za-z0-9$_-]+)?|.*\$\{stageVariables\..*)"
    r"/(invocations|response-streaming-invocations)"
)
PATH_PART = re.compile(r"[A-Za-z0-9._:,-]+|\{[A-Za-z0-9._:-]+\+?\}")
POOL = re.compile(
    r"arn:aws[a-z-]*:cognito-idp:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):userpool/(?P<id>[\w-]+_[0-9a-zA-Z]+)"
)
LOAD_BALANCER = re.compile(
    r"arn:aws[a-z-]*:elasticloadbalancing:(?P<region>[a-z0-9-]+):\d{12}:loadbalancer/(?P<kind>[a-z]+)/"
)
LOG_DESTINATION = re.compile(
    r"arn:aws[a-z-]*:(logs:[a-z0-9-]+:\d{12}:log-group:[\w./#-]+(:\*)?|firehose:[a-z0-9-]+:\d{12}:deliverystream/amazon-apigateway-[\w.-]+)"
)
MAPPED = re.compile(
    r"method\.request\.(path|querystring|header|multivalueheader|multivaluequerystring)\.(?P<name>[\w.$-]+)"
)
TARGET = re.compile(r"integration\.request\.(path|querystring|header)\.[\w.$-]+")


def apis(call: Call) -> Any:
    return get_backend("apigateway")[call.account][call.region]


def bad(message: str) -> Refusal:
    return Refusal("BadRequestException", message)


def conflict(message: str) -> Refusal:
    return Refusal("ConflictException", message, 409)


def short(call: Call, *names: str) -> None:
    for name in names:
        if len(call.parameters.get(name) or "") > DESCRIPTION_LENGTH:
            raise bad(f"Invalid {name}: its length must not exceed {DESCRIPTION_LENGTH} characters")


@rule("apigateway", "CreateRestApi", source=f"{REFERENCE}/API_CreateRestApi.html")
def an_api_has_a_name(call: Call) -> None:
    if not (call.parameters.get("name") or "").strip():
        raise bad("Name must not be blank")
    short(call, "name", "description")


# --- integrations, also of imported documents ------------------------------------------------------------------------


def integration_faults(integration: dict[str, Any], declared: set[str], links: dict[str, Any]) -> Iterator[str]:
    """What API Gateway refuses of an integration.

    integration as PutIntegration names things; declared: method.request.path.id and the like, of its method; links by id.
    {GUIDE}/response-transfer-mode.html, {GUIDE}/limits.html, {GUIDE}/request-response-data-mappings.html
    """
    kind = integration.get("type") or ""
    yield from timing_faults(integration, kind)
    uri = integration.get("uri") or ""
    if kind != "MOCK" and not uri:
        yield f"Integration of type {kind} needs a uri"
    elif kind in HTTP_TYPES:
        parts = urlparse(uri.replace("${", "{"))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            yield "Invalid HTTP endpoint specified for URI"
    elif kind == "AWS_PROXY" and ":lambda:" in uri and not LAMBDA_URI.fullmatch(uri):
        yield "Invalid ARN specified in the request"
    if kind != "MOCK" and not integration.get("integrationHttpMethod"):
        yield "Enumeration value for HttpMethod must be non-empty"
    yield from link_faults(integration, kind, links)
    for target, source in (integration.get("requestParameters") or {}).items():
        if not TARGET.fullmatch(target):
            yield mapping_error(target)
        elif not is_mappable(str(source), declared):
            yield mapping_error(str(source))


def is_mappable(source: str, declared: set[str]) -> bool:
    """Whether a request parameter may be set to this: a declared one of the method, a constant, or something of the context."""
    if MAPPED.fullmatch(source):
        return source in declared
    return bool(re.fullmatch(r"'.*'|(context|stageVariables)\.[\w.]+|method\.request\.body.*", source))


def mapping_error(what: str) -> str:
    return (
        "Invalid mapping expression specified: Validation Result: warnings : [], errors : "
        f"[Invalid mapping expression parameter specified: {what}]"
    )


def timing_faults(integration: dict[str, Any], kind: str) -> Iterator[str]:
    streams = integration.get("responseTransferMode") == "STREAM"
    if streams and kind not in STREAMING_TYPES:
        yield f"Response transfer mode STREAM is only supported for integrations of type {' and '.join(STREAMING_TYPES)}"
    longest = LONGEST_STREAM if streams else LONGEST_TIMEOUT
    timeout = integration.get("timeoutInMillis")
    if timeout is not None and not SHORTEST_TIMEOUT <= int(timeout) <= longest:
        yield f"Timeout should be between {SHORTEST_TIMEOUT} ms and {longest} ms"


def link_faults(integration: dict[str, Any], kind: str, links: dict[str, Any]) -> Iterator[str]:
    connection = integration.get("connectionId") or ""
    if integration.get("connectionType") == "VPC_LINK":
        if kind not in HTTP_TYPES:
            yield "VPC_LINK is only supported for integrations of type HTTP and HTTP_PROXY"
        if not connection:
            yield "Vpc link id is required for connection type VPC_LINK"
        elif not connection.startswith("${stageVariables.") and connection not in links:
            yield f"Invalid Vpc link identifier specified: {connection}"
    elif connection:
        yield "Connection id is only allowed for connection type VPC_LINK"


def links_by_id(backend: Any) -> dict[str, Any]:
    return {link.id: link for link in backend.get_vpc_links()}


@rule("apigateway", "PutIntegration", source=f"{REFERENCE}/API_PutIntegration.html")
def an_integration_fits_its_method(call: Call) -> None:
    api = apis(call).apis.get(call.parameters["restApiId"])
    resource = api.resources.get(call.parameters["resourceId"]) if api else None
    method = resource.resource_methods.get(call.parameters["httpMethod"]) if resource else None
    if method is None:
        return  # moto says what is missing
    declared = set(method.request_parameters or {})
    for fault in integration_faults(call.parameters, declared, links_by_id(apis(call))):
        raise bad(fault)


def response_faults(response: dict[str, Any], status: str, declared: dict[str, Any] | None) -> Iterator[str]:
    """declared: the parameters of the method response of this status; None where the method has no such response."""
    if declared is None:
        yield f"Invalid Response status code specified: {status}"
        return
    for target, source in (response.get("responseParameters") or {}).items():
        if target not in declared:
            yield mapping_error(target)
        elif not re.fullmatch(r"'.*'|integration\.response\..+|(context|stageVariables)\.[\w.]+", str(source)):
            yield mapping_error(str(source))


@rule("apigateway", "PutIntegrationResponse", source=f"{REFERENCE}/API_PutIntegrationResponse.html")
def an_integration_response_fits_its_method(call: Call) -> None:
    api = apis(call).apis.get(call.parameters["restApiId"])
    resource = api.resources.get(call.parameters["resourceId"]) if api else None
    method = resource.resource_methods.get(call.parameters["httpMethod"]) if resource else None
    if method is None:
        return
    response = method.method_responses.get(str(call.parameters["statusCode"]))
    declared = (response.response_parameters or {}) if response else None
    for fault in response_faults(call.parameters, str(call.parameters["statusCode"]), declared):
        if declared is None:
            raise Refusal("NotFoundException", "Invalid Response status code specified", 404)
        raise bad(fault)


# --- resources and models ---------------------------------------------------------------------------------------------


def path_fault(part: str) -> str | None:
    if not PATH_PART.fullmatch(part):
        return (
            "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the "
            f"beginning and the end: {part}"
        )
    return None


@rule("apigateway", "CreateResource", source=f"{GUIDE}/api-gateway-method-settings-method-request.html")
def a_resource_has_its_place(call: Call) -> None:
    part = call.parameters["pathPart"]
    if fault := path_fault(part):
        raise bad(fault)
    api = apis(call).apis.get(call.parameters["restApiId"])
    parent = api.resources.get(call.parameters["parentId"]) if api else None
    if parent is None:
        raise Refusal("NotFoundException", "Invalid Resource identifier specified", 404)
    if (parent.path_part or "").endswith("+}"):
        raise bad(f"Cannot create a child of a resource with a greedy path variable: {parent.path_part}")
    for sibling in api.resources.values():
        if sibling.parent_id != parent.id:
            continue
        if sibling.path_part == part:
            raise conflict(f"Another resource with the same parent already has this name: {part}")
        if part.startswith("{") and sibling.path_part.startswith("{"):
            raise bad(
                f"A sibling ({sibling.path_part}) of this resource already has a variable path part -- only one unique variable "
                "path part is allowed"
            )


@rule("apigateway", "CreateModel", source=f"{GUIDE}/api-gateway-known-issues.html")
def a_model_is_named_and_written_right(call: Call) -> None:
    for fault in model_faults(call.parameters["name"], call.parameters.get("schema") or "{}"):
        raise bad(fault)
    api = apis(call).apis.get(call.parameters["restApiId"])
    if api and call.parameters["name"] in api.models:
        raise conflict(f"Model name already exists for this REST API: {call.parameters['name']}")


# JSON schema draft 4, which is what models are written in: https://json-schema.org/specification-links#draft-4
DRAFT_4 = {
    "$ref", "$schema", "additionalItems", "additionalProperties", "allOf", "anyOf", "default", "definitions", "dependencies",
    "description", "enum", "exclusiveMaximum", "exclusiveMinimum", "format", "id", "items", "maxItems", "maxLength",
    "maxProperties", "maximum", "minItems", "minLength", "minProperties", "minimum", "multipleOf", "not", "oneOf", "pattern",
    "patternProperties", "properties", "required", "title", "type", "uniqueItems",
}  # fmt: skip


def model_faults(name: str, schema: str) -> Iterator[str]:
    if not re.fullmatch(r"[A-Za-z0-9]+", name):
        yield f"Model name must be alphanumeric: {name}"
    try:
        content = json.loads(schema)
    except ValueError:
        yield "Invalid model schema specified: it is not JSON"
        return
    if unknown := sorted(set(keywords(content)) - DRAFT_4):
        yield (
            "Invalid model specified: Validation Result: warnings : [], errors : [Invalid model schema specified. "
            f"Unsupported keyword(s): {json.dumps(unknown)}]"
        )


def keywords(schema: Any) -> Iterator[str]:
    """Every keyword of a schema; names of properties are none, nor is what examples and enumerations hold."""
    if isinstance(schema, list):
        for each in schema:
            yield from keywords(each)
    elif isinstance(schema, dict):
        for key, value in schema.items():
            yield key
            if key in ("properties", "patternProperties", "definitions", "dependencies") and isinstance(value, dict):
                for each in value.values():
                    yield from keywords(each)
            elif key not in ("enum", "default", "example", "examples", "required", "const"):
                yield from keywords(value)


@rule("apigateway", "DeleteModel", source=f"{REFERENCE}/API_DeleteModel.html")
def a_model_in_use_stays(call: Call) -> None:
    name = call.parameters["modelName"]
    api = apis(call).apis.get(call.parameters["restApiId"])
    for resource in api.resources.values() if api else ():
        for verb, method in resource.resource_methods.items():
            maps = [
                method.request_models or {},
                *((each.response_models or {}) for each in method.method_responses.values()),
            ]
            if any(name in each.values() for each in maps):
                raise conflict(f"Cannot delete model '{name}', is referenced in method: {verb} {resource.get_path()}")
    for other in api.models.values() if api else ():
        if other.name != name and f'/models/{name}"' in (other.schema or ""):
            raise conflict(f"Cannot delete model '{name}', is referenced in model: {other.name}")


# --- authorizers ------------------------------------------------------------------------------------------------------


def pool_fault(arn: str, call: Call) -> str | None:
    found = POOL.fullmatch(arn)
    if not found:
        return f"Invalid Cognito User Pool ARN: {arn}"
    if found["region"] != call.region:
        return f"Cognito User Pool {arn} must be in the region of the API, {call.region}"
    pools = get_backend("cognito-idp")[found["account"]][found["region"]].user_pools
    return None if found["id"] in pools else f"Cognito User Pool does not exist: {arn}"


@rule("apigateway", "CreateAuthorizer", source=f"{GUIDE}/apigateway-integrate-with-cognito.html")
def an_authorizer_has_its_pool(call: Call) -> None:
    for fault in authorizer_faults(call.parameters, call):
        raise bad(fault)


def authorizer_faults(authorizer: dict[str, Any], call: Call) -> Iterator[str]:
    kind = authorizer.get("type")
    if kind == "COGNITO_USER_POOLS":
        if not authorizer.get("providerARNs"):
            yield "Provider ARNs are required for authorizers of type COGNITO_USER_POOLS"
        for arn in authorizer.get("providerARNs") or []:
            if fault := pool_fault(arn, call):
                yield fault
    elif not authorizer.get("authorizerUri"):
        yield f"Authorizer URI is required for authorizers of type {kind}"
    if kind != "REQUEST" and not authorizer.get("identitySource"):
        yield f"Identity source is required for authorizers of type {kind}"
    ttl = authorizer.get("authorizerResultTtlInSeconds")
    if ttl is not None and not 0 <= int(ttl) <= 3600:
        yield "Authorizer result TTL must be between 0 and 3600 seconds"


@rule("apigateway", "DeleteAuthorizer", source=f"{REFERENCE}/API_DeleteAuthorizer.html")
def an_authorizer_in_use_stays(call: Call) -> None:
    api = apis(call).apis.get(call.parameters["restApiId"])
    if api is None:
        return
    if call.parameters["authorizerId"] not in api.authorizers:
        raise Refusal("NotFoundException", "Invalid Authorizer identifier specified", 404)
    for resource in api.resources.values():
        for verb, method in resource.resource_methods.items():
            if method.authorizer_id == call.parameters["authorizerId"]:
                raise conflict(f"Cannot delete authorizer, is referenced in method: {verb} {resource.get_path()}")


@rule("apigateway", "PutMethod", source=f"{REFERENCE}/API_PutMethod.html")
def a_method_names_what_there_is(call: Call) -> None:
    api = apis(call).apis.get(call.parameters["restApiId"])
    resource = api.resources.get(call.parameters["resourceId"]) if api else None
    if resource is None:
        return
    if call.parameters["httpMethod"] in resource.resource_methods:
        raise conflict("Method already exists for this resource")
    needs = call.parameters["authorizationType"] in ("COGNITO_USER_POOLS", "CUSTOM")
    if needs and call.parameters.get("authorizerId") not in api.authorizers:
        raise bad(
            "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid authorizer."
        )


# --- stages and deployments -------------------------------------------------------------------------------------------


@rule("apigateway", "CreateStage", "CreateDeployment", source=f"{GUIDE}/api-gateway-known-issues.html")
def a_stage_is_named_right(call: Call) -> None:
    name = call.parameters.get("stageName")
    if name is not None and not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", name):
        raise bad("Stage name only allows a-zA-Z0-9_-, at most 128 of them")
    short(call, "description")
    for key, value in (call.parameters.get("variables") or {}).items():
        check_variable(key, value)
    deployment = call.parameters.get("deploymentId")
    api = apis(call).apis.get(call.parameters["restApiId"])
    if deployment is not None and api and deployment not in api.deployments:
        raise bad("Deployment id does not exist")


def check_variable(key: str, value: str) -> None:
    """{GUIDE}/aws-api-gateway-stage-variables-reference.html"""
    if not re.fullmatch(r"[A-Za-z0-9_]+", key) or not re.fullmatch(r"[A-Za-z0-9\-._~:/?#&=,]+", value):
        raise bad(
            f"Stage variable '{key}' is invalid: its name must be alphanumeric or _, its value must match [A-Za-z0-9-._~:/?#&=,]+"
        )


@rule("apigateway", "UpdateStage", source=f"{GUIDE}/set-up-logging.html")
def a_stage_logs_where_it_may(call: Call) -> None:
    backend = apis(call)
    api = backend.apis.get(call.parameters["restApiId"])
    for operation in call.parameters.get("patchOperations") or []:
        path, value = operation.get("path", ""), operation.get("value", "")
        logs = path.startswith("/accessLogSettings") and operation["op"] != "remove"
        traces = path.endswith("/logging/loglevel") and value in ("ERROR", "INFO")
        if (logs or traces) and not backend.account.cloudwatch_role_arn:
            raise bad("CloudWatch Logs role ARN must be set in account settings to enable logging")
        if path == "/accessLogSettings/destinationArn" and not LOG_DESTINATION.fullmatch(value):
            raise bad(
                f"Invalid ARN specified in the request. ARNs must name a log group or an amazon-apigateway- stream: {value}"
            )
        if path == "/accessLogSettings/format":
            check_log_format(value)
        if path.endswith("/logging/loglevel") and value not in ("OFF", "ERROR", "INFO"):
            raise bad("Invalid logging level specified. Must be one of [OFF, ERROR, INFO]")
        if path == "/deploymentId" and api and value not in api.deployments:
            raise bad("Deployment id does not exist")
        if path.startswith("/variables/") and operation["op"] != "remove":
            check_variable(path.removeprefix("/variables/"), value)


def check_log_format(text: str) -> None:
    if "\n" in text.strip("\n"):
        raise bad("Access log format must be single line, new line character is not allowed in the format")
    if "$context.requestId" not in text and "$context.extendedRequestId" not in text:
        raise bad(
            "Invalid access log format: it must contain at least $context.requestId or $context.extendedRequestId"
        )


@rule("apigateway", "UpdateAccount", source=f"{GUIDE}/set-up-logging.html")
def the_account_role_exists(call: Call) -> None:
    for operation in call.parameters.get("patchOperations") or []:
        arn = operation.get("value") or ""
        if operation.get("path") != "/cloudwatchRoleArn" or not arn:
            continue
        roles = get_backend("iam")[call.account]["aws"].get_roles()
        role = next((each for each in roles if each.arn == arn), None)
        if role is None or "apigateway.amazonaws.com" not in str(role.assume_role_policy_document):
            raise bad(
                "The role ARN does not have required permissions configured. Please grant trust permission for API Gateway and "
                "add the required role policy."
            )


# --- VPC links --------------------------------------------------------------------------------------------------------


@rule("apigateway", "CreateVpcLink", source=f"{GUIDE}/set-up-nlb-for-vpclink-using-console.html")
def a_link_leads_to_one_active_nlb(call: Call) -> None:
    short(call, "name", "description")
    targets = call.parameters.get("targetArns") or []
    if len(targets) != 1:
        raise bad(
            "More than one target arn specified for vpc link." if targets else "No target arn specified for vpc link."
        )
    found = LOAD_BALANCER.match(targets[0])
    if not found or found["kind"] != "net":
        raise bad(f"Invalid target arn specified for vpc link, it must be a network load balancer: {targets[0]}")
    if found["region"] != call.region:
        raise bad(f"The load balancer of a vpc link must be in the region of the link, {call.region}: {targets[0]}")
    balancer = get_backend("elbv2")[call.account][call.region].load_balancers.get(targets[0])
    if balancer is None:
        raise bad(f"Failed to find load balancer {targets[0]}")
    if balancer_state(balancer) != "active":
        raise bad(f"Load balancer {targets[0]} is not active yet")


def balancer_state(balancer: Any) -> str:
    state = getattr(balancer, "state", "active")
    return state if isinstance(state, str) else state.get("Code", "active")


@rule("apigateway", "DeleteVpcLink", source=f"{REFERENCE}/API_DeleteVpcLink.html")
def a_link_in_use_stays(call: Call) -> None:
    identity = call.parameters["vpcLinkId"]
    uses = [use for api in apis(call).apis.values() for use in uses_of_link(api, identity)]
    if uses:
        raise bad(
            f"Cannot delete vpc link. Vpc link '{identity}', is referenced in [{', '.join(uses)}] in format of [Method:Resource:Stage]."
        )


def uses_of_link(api: Any, identity: str) -> Iterator[str]:
    """Where methods use a link: as they are, and as the deployments of living stages hold them."""
    for resource in api.resources.values():
        for verb, method in resource.resource_methods.items():
            if getattr(method.method_integration, "connection_id", None) == identity:
                yield f"{verb}:{resource.id}"
    for stage in api.stages.values():
        deployment = api.deployments.get(stage.deployment_id)
        held = deployment.picture if deployment else {"paths": {}}
        for path, methods in held["paths"].items():
            for verb, method in methods.items():
                if (method.get("methodIntegration") or {}).get("connectionId") == identity:
                    yield f"{verb}:{held['resource_ids'][path]}:{stage.name}"


@rule("elbv2", "DeleteLoadBalancer", source=f"{GUIDE}/set-up-private-integration.html")
def a_balancer_under_a_link_stays(call: Call) -> None:
    arn = call.parameters["LoadBalancerArn"]
    if any(arn in link.target_arns for link in apis(call).get_vpc_links()):
        raise Refusal(
            "ResourceInUse",
            f"Load balancer '{arn}' cannot be deleted because it is currently associated with another service",
        )
