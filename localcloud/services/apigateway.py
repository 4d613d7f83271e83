"""API Gateway (version 1): deployments that hold what was deployed, links that take their time, tags, settings and whole documents.

moto keeps one set of resources and serves it at once; here a deployment keeps a picture of the API as it was, see picture().
"""

from __future__ import annotations

import copy
import json
import time
from typing import Any
from urllib.parse import unquote

import yaml
from moto.apigateway import exceptions, models, responses, urls
from moto.apigateway.utils import ApigwDeploymentIdentifier, deserialize_body
from moto.backends import get_backend

from localcloud.pace import PACE, passed
from localcloud.services.apigateway_document import Importer

Response = responses.APIGatewayResponse

DEFAULT_TIMEOUT = 29000
# The status of what API Gateway answers by itself.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
GATEWAY_RESPONSES = {
    "DEFAULT_4XX": None,
    "DEFAULT_5XX": None,
    "ACCESS_DENIED": "403",
    "API_CONFIGURATION_ERROR": "500",
    "AUTHORIZER_CONFIGURATION_ERROR": "500",
    "AUTHORIZER_FAILURE": "500",
    "BAD_REQUEST_BODY": "400",
    "BAD_REQUEST_PARAMETERS": "400",
    "EXPIRED_TOKEN": "403",
    "INTEGRATION_FAILURE": "504",
    "INTEGRATION_TIMEOUT": "504",
    "INVALID_API_KEY": "403",
    "INVALID_SIGNATURE": "403",
    "MISSING_AUTHENTICATION_TOKEN": "403",
    "QUOTA_EXCEEDED": "429",
    "REQUEST_TOO_LARGE": "413",
    "RESOURCE_NOT_FOUND": "404",
    "THROTTLED": "429",
    "UNAUTHORIZED": "401",
    "UNSUPPORTED_MEDIA_TYPE": "415",
    "WAF_FILTERED": "403",
}
DEFAULT_TEMPLATE = {"application/json": '{"message":$context.error.messageString}'}
DRAFT_4 = "http://json-schema.org/draft-04/schema#"
# CreateRestApi adds these. https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html
DEFAULT_MODELS = {
    "Empty": {"$schema": DRAFT_4, "title": "Empty Schema", "type": "object"},
    "Error": {
        "$schema": DRAFT_4,
        "title": "Error Schema",
        "type": "object",
        "properties": {"message": {"type": "string"}},
    },
}
# https://docs.aws.amazon.com/apigateway/latest/api/API_MethodSetting.html
DEFAULT_METHOD_SETTINGS = {
    "metricsEnabled": False,
    "loggingLevel": "OFF",
    "dataTraceEnabled": False,
    "throttlingBurstLimit": 5000,
    "throttlingRateLimit": 10000.0,
    "cachingEnabled": False,
    "cacheTtlInSeconds": 300,
    "cacheDataEncrypted": False,
    "requireAuthorizationForCacheControl": True,
    "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER",
}


class NotFound(exceptions.NotFoundException):
    code = 404


def present(items: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in items.items() if value is not None}


def segments(request: Any) -> list[str]:
    """The steps of the path: ["restapis", "a1b2c3", …]."""
    return request.path.strip("/").split("/")


def truth(value: Any) -> bool:
    return value if isinstance(value, bool) else str(value).lower() == "true"


def unescape(step: str) -> str:
    """One step of a JSON pointer as it was before it was escaped."""
    return step.replace("~1", "/").replace("~0", "~")


# --- integrations ---------------------------------------------------------------------------------------------------

MORE_OF_INTEGRATION = {
    "connectionId": "connection_id",
    "responseTransferMode": "response_transfer_mode",
    "integrationTarget": "integration_target",
    "cacheKeyParameters": "cache_key_parameters",
}


def extend_integration(integration: Any, source: Any) -> None:
    """Keeps what moto's integration has no argument for; source is a function that returns a parameter by name."""
    for name, attribute in MORE_OF_INTEGRATION.items():
        value = source(name)
        if value is not None:
            setattr(integration, attribute, value)


integration_to_json = models.Integration.to_json


def full_integration(self: Any) -> dict[str, Any]:
    result = {
        **integration_to_json(self),
        **{name: getattr(self, attribute, None) for name, attribute in MORE_OF_INTEGRATION.items()},
    }
    result["timeoutInMillis"] = int(result["timeoutInMillis"] or DEFAULT_TIMEOUT)
    result["passthroughBehavior"] = result["passthroughBehavior"] or "WHEN_NO_MATCH"
    result["responseTransferMode"] = result["responseTransferMode"] or "BUFFERED"
    return present(result)


put_integration = Response.put_integration


def put_whole_integration(self: Any) -> Any:
    put_integration(self)
    _, api, _, resource, _, method, _ = segments(self)
    integration = self.backend.get_integration(api, resource, method)
    extend_integration(integration, self._get_param)
    return 201, {"status": 201}, json.dumps(integration.to_json())


def apply_to(target: Any, names: dict[str, str], operations: list[dict[str, Any]]) -> None:
    """Patch operations on attributes: /timeoutInMillis, or one key of a map as /requestParameters/KEY."""
    for operation in operations:
        first, *rest = operation["path"].strip("/").split("/", 1)
        if first not in names:
            raise exceptions.BadRequestException(f"Invalid patch path {operation['path']}")
        if rest:
            items = dict(getattr(target, names[first]) or {})
            if operation["op"] == "remove":
                items.pop(unescape(rest[0]), None)
            else:
                items[unescape(rest[0])] = operation.get("value")
            setattr(target, names[first], items)
        else:
            value = None if operation["op"] == "remove" else operation.get("value")
            current = getattr(target, names[first], None)
            setattr(target, names[first], truth(value) if isinstance(current, bool) else value)


def update_integration(self: Any) -> str:
    _, api, _, resource, _, method, _ = segments(self)
    integration = self.backend.get_integration(api, resource, method)
    if integration is None:
        raise NotFound("Invalid Integration identifier specified")
    names = {
        "uri": "uri",
        "httpMethod": "http_method",
        "timeoutInMillis": "timeout_in_millis",
        "passthroughBehavior": "passthrough_behaviour",
        "requestParameters": "request_parameters",
        "requestTemplates": "request_templates",
        "connectionType": "connection_type",
        "credentials": "credentials",
        **MORE_OF_INTEGRATION,
    }
    apply_to(integration, names, self._get_param("patchOperations") or [])
    return json.dumps(integration.to_json())


def update_method(self: Any) -> str:
    _, api, _, resource, _, method, *_ = segments(self)
    found = self.backend.get_method(api, resource, method)
    names = {
        "authorizationType": "authorization_type",
        "authorizerId": "authorizer_id",
        "apiKeyRequired": "api_key_required",
        "requestValidatorId": "request_validator_id",
        "operationName": "operation_name",
        "requestParameters": "request_parameters",
        "requestModels": "request_models",
    }
    apply_to(found, names, self._get_param("patchOperations") or [])
    if found.authorization_type in (None, "NONE", "AWS_IAM"):
        found.authorizer_id = None
    return json.dumps(found.to_json())


def get_resources(self: Any) -> str:
    """Methods are told in full only where embed=methods asks for it."""
    embedded = "methods" in (self.querystring.get("embed") or [])
    items = []
    for resource in self.backend.get_resources(segments(self)[1]):
        item = resource.to_dict()
        if not embedded and "resourceMethods" in item:
            item["resourceMethods"] = {verb: {} for verb in item["resourceMethods"]}
        items.append(item)
    return json.dumps({"item": items})


# --- documents ------------------------------------------------------------------------------------------------------


def import_document(backend: Any, api: Any, document: dict[str, Any], *, mode: str, fail_on_warnings: bool) -> Any:
    importer = Importer(backend, api, document)
    warnings = importer.run(mode=mode, fail_on_warnings=fail_on_warnings)
    return {**api.to_dict(), "warnings": warnings}


def document_of(body: str) -> dict[str, Any]:
    """An OpenAPI document in JSON or YAML; empty where it is something else."""
    try:
        return deserialize_body(body)
    except (TypeError, yaml.YAMLError):
        return {}


def put_rest_api(self: Any) -> Any:
    api = self.backend.get_rest_api(segments(self)[1])
    document = document_of(self.body)
    mode = self._get_param("mode", "merge")
    strict = self._get_bool_param("failonwarnings") or False
    answer = import_document(self.backend, api, document, mode=mode, fail_on_warnings=strict)
    return 200, {}, json.dumps(answer)


create_rest_api = Response.create_rest_api


def create_or_import(self: Any) -> Any:
    document = document_of(self.body)
    if document or self._get_param("mode") == "import":  # what is no document is refused by whoever imports it
        api = self.backend.create_rest_api(name=(document.get("info") or {}).get("title", ""), description="")
        strict = self._get_bool_param("failonwarnings") or False
        try:
            answer = import_document(self.backend, api, document, mode="overwrite", fail_on_warnings=strict)
        except Exception:
            self.backend.apis.pop(api.id)
            raise
        return 201, {"status": 201}, json.dumps(answer)
    status, headers, body = create_rest_api(self)
    if status >= 400:
        return status, headers, body
    api = self.backend.get_rest_api(json.loads(body)["id"])
    api.binaryMediaTypes = self._get_param("binaryMediaTypes") or []
    return 201, {"status": 201}, json.dumps(api.to_dict())


# --- the API itself -------------------------------------------------------------------------------------------------

make_api = models.RestAPI.__init__


def make_api_with_models(self: Any, *arguments: Any, **named: Any) -> None:
    make_api(self, *arguments, **named)
    self.version = None
    for name, schema in DEFAULT_MODELS.items():
        self.add_model(name, "This is a default model", json.dumps(schema), "application/json")


def patch_api(self: Any, operations: list[dict[str, Any]]) -> None:
    for operation in operations:
        first, *rest = operation["path"].strip("/").split("/")
        value = operation.get("value")
        if first == "name" and value:
            self.name = value
        elif first == "description":
            self.description = value or ""
        elif first == "apiKeySource":
            self.api_key_source = value
        elif first == "disableExecuteApiEndpoint":
            self.disableExecuteApiEndpoint = truth(value)
        elif first == "policy":
            self.policy = value or None
        elif first == "minimumCompressionSize":
            self.minimum_compression_size = int(value) if value not in (None, "") else None
        elif first == "binaryMediaTypes" and rest:
            change_list(self.binaryMediaTypes, operation["op"], unescape(rest[0]), value)
        elif first == "endpointConfiguration" and rest:
            change_endpoint(self.endpoint_configuration, operation, rest)
        else:
            raise exceptions.BadRequestException(f"Invalid patch path {operation['path']}")


def change_list(items: list[str], operation: str, item: str, value: str | None) -> None:
    if operation == "add" and item not in items:
        items.append(item)
    elif operation == "remove":
        if item not in items:
            raise NotFound(f"Invalid path: {item}")
        items.remove(item)
    elif operation == "replace" and item in items:
        items[items.index(item)] = value or item


def change_endpoint(configuration: dict[str, Any], operation: dict[str, Any], steps: list[str]) -> None:
    if steps[0] == "types":
        configuration["types"] = [operation["value"]]
    elif steps[0] == "vpcEndpointIds":
        items = configuration.setdefault("vpcEndpointIds", [])
        change_list(items, operation["op"], operation["value"], None)


def delete_rest_api(self: Any) -> Any:
    self.backend.get_rest_api(segments(self)[1])
    self.backend.delete_rest_api(segments(self)[1])
    return 202, {"status": 202}, ""


# --- gateway responses ----------------------------------------------------------------------------------------------


def gateway_response(api: Any, kind: str) -> dict[str, Any]:
    own = api.gateway_responses.get(kind)
    if own is None:
        answer = {"responseType": kind, "responseParameters": {}, "responseTemplates": DEFAULT_TEMPLATE}
        return present({**answer, "statusCode": GATEWAY_RESPONSES[kind], "defaultResponse": True})
    answer = own.to_json()
    answer["statusCode"] = answer.get("statusCode") or GATEWAY_RESPONSES[kind]
    answer["responseTemplates"] = answer.get("responseTemplates") or DEFAULT_TEMPLATE
    return present(answer)


def get_gateway_responses(self: Any) -> Any:
    api = self.backend.get_rest_api(segments(self)[1])
    return 200, {}, json.dumps({"item": [gateway_response(api, kind) for kind in GATEWAY_RESPONSES]})


def get_gateway_response(self: Any) -> Any:
    api = self.backend.get_rest_api(segments(self)[1])
    return 200, {}, json.dumps(gateway_response(api, segments(self)[3]))


def delete_gateway_response(self: Any) -> Any:
    api = self.backend.get_rest_api(segments(self)[1])
    if api.gateway_responses.pop(segments(self)[3], None) is None:
        raise NotFound("Gateway response type not defined on api")
    return 202, {"status": 202}, ""


# --- deployments and stages -----------------------------------------------------------------------------------------


def picture(api: Any) -> dict[str, Any]:
    """Everything that serving the API needs, as plain data; what is changed later is not in it.

    paths: {path: {METHOD: as GetMethod returns it}}; authorizers and validators by id; models and gateway_responses by name.
    """
    return copy.deepcopy(
        {
            "rest_api": api.to_dict(),
            "paths": {
                resource.get_path(): {verb: method.to_json() for verb, method in resource.resource_methods.items()}
                for resource in api.resources.values()
            },
            "resource_ids": {resource.get_path(): resource.id for resource in api.resources.values()},
            "authorizers": {each.id: each.to_json() for each in api.authorizers.values()},
            "request_validators": {each.id: each.to_dict() for each in api.request_validators.values()},
            "models": {each.name: each.to_json() for each in api.models.values()},
            "gateway_responses": {kind: gateway_response(api, kind) for kind in GATEWAY_RESPONSES},
        }
    )


def deployed(api: Any, stage_name: str) -> dict[str, Any] | None:
    """The picture that a stage serves; None where there is no such stage."""
    stage = api.stages.get(stage_name)
    deployment = api.deployments.get(stage.deployment_id) if stage else None
    return deployment.picture if deployment else None


def create_deployment(self: Any, name: str, description: str = "", stage_variables: Any = None) -> Any:
    for resource in self.resources.values():
        for verb, method in resource.resource_methods.items():
            if method.method_integration is None:
                raise exceptions.BadRequestException(f"No integration defined for method: {verb} {resource.get_path()}")
    identifier = ApigwDeploymentIdentifier(self.account_id, self.region_name, stage_name=name)
    kind: Any = models.Deployment
    deployment = kind(identifier.generate(list(self.deployments)), name, description or "")
    deployment.picture = picture(self)
    self.deployments[deployment.id] = deployment
    if name and name in self.stages:
        self.stages[name].deployment_id = deployment.id
        self.stages[name].variables.update(stage_variables or {})
    elif name:
        self.stages[name] = models.Stage(name=name, deployment_id=deployment.id, variables=stage_variables)
    return deployment


def deployment_to_json(self: Any) -> dict[str, Any]:
    return {"id": self.id, "description": self.description, "createdDate": self.created_date}


def get_deployment(self: Any, deployment_id: str) -> Any:
    if deployment_id not in self.deployments:
        raise NotFound("Invalid Deployment identifier specified")
    return self.deployments[deployment_id]


def delete_deployment(self: Any, deployment_id: str) -> Any:
    deployment = get_deployment(self, deployment_id)
    if any(stage.deployment_id == deployment_id for stage in self.stages.values()):
        raise exceptions.StageStillActive()
    del self.deployments[deployment_id]
    return deployment


def create_deployment_response(self: Any) -> Any:
    """moto's backend looks at some methods only, and answers with another error than AWS."""
    api = self.backend.get_rest_api(segments(self)[1])
    if not any(resource.resource_methods for resource in api.resources.values()):
        raise exceptions.NoMethodDefined()
    deployment = api.create_deployment(
        self._get_param("stageName"), self._get_param("description"), self._get_param("variables")
    )
    return 201, {"status": 201}, json.dumps(deployment.to_json())


def delete_deployment_response(self: Any) -> Any:
    _, api, _, deployment = segments(self)
    self.backend.delete_deployment(api, deployment)
    return 202, {"status": 202}, ""


make_stage = models.Stage.__init__
stage_to_json = models.Stage.to_json
patch_stage = models.Stage.apply_operations


def make_dated_stage(self: Any, *arguments: Any, **named: Any) -> None:
    make_stage(self, *arguments, **named)
    self.created = self.updated = int(time.time())


def full_stage(self: Any) -> dict[str, Any]:
    return present(
        {
            **stage_to_json(self),
            "createdDate": self.created,
            "lastUpdatedDate": self.updated,
            "tracingEnabled": bool(self.tracing_enabled),
            "cacheClusterEnabled": bool(self.cache_cluster_enabled),
            "cacheClusterStatus": self.cache_cluster_status or "NOT_AVAILABLE",
        }
    )


def patch_whole_stage(self: Any, operations: list[dict[str, Any]]) -> Any:
    """/PATH/METHOD/logging/loglevel and the like; PATH is escaped as a step of a JSON pointer, and kept without its first slash."""
    for operation in operations:
        steps = operation["path"].strip("/").split("/")
        if operation["op"] == "remove" and len(steps) == 2 and steps[0] != "variables":
            if self.method_settings.pop(setting_key(steps), None) is None:
                raise NotFound(f"Invalid method setting path: {operation['path']}")
        elif operation["op"] == "replace" and len(steps) == 4:
            self._patch_method_setting(setting_key(steps), "/".join(steps[2:]), operation["value"])
        elif steps[0] == "variables":
            patch_stage(self, [{**operation, "path": f"/variables/{unescape(steps[1])}"}])
        else:
            patch_stage(self, [operation])
    self.updated = int(time.time())
    return self


def setting_key(steps: list[str]) -> str:
    return f"{unescape(steps[0]).lstrip('/') or '/'}/{steps[1]}"


update_stage = models.APIGatewayBackend.update_stage


def update_stage_and_its_logs(self: Any, function_id: str, stage_name: str, patch_operations: Any) -> Any:
    stage = update_stage(self, function_id, stage_name, patch_operations)
    if any(each.get("loggingLevel", "OFF") != "OFF" for each in stage.method_settings.values()):
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
        create_log_group(self, f"API-Gateway-Execution-Logs_{function_id}/{stage_name}")
    return stage


def create_log_group(backend: Any, name: str) -> None:
    logs = get_backend("logs")[backend.account_id][backend.region_name]
    if name not in logs.groups:
        logs.create_log_group(name, {})


# --- VPC links ------------------------------------------------------------------------------------------------------

create_vpc_link = models.APIGatewayBackend.create_vpc_link


def create_pending_link(self: Any, *arguments: Any, **named: Any) -> Any:
    link: Any = create_vpc_link(self, *arguments, **named)
    link.ready = PACE.ready_at("vpc link", self.region_name, link.name)
    link.gone = None
    return link


def link_to_json(self: Any) -> dict[str, Any]:
    if self.gone:
        status, message = "DELETING", "Your vpc link is being deleted"
    elif not passed(self.ready):
        status, message = "PENDING", "Your vpc link is being provisioned"
    else:
        status, message = "AVAILABLE", "Your vpc link is ready for use"
    return present(
        {
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "targetArns": self.target_arns,
            "tags": self.tags or {},
            "status": status,
            "statusMessage": message,
        }
    )


def living_links(self: Any) -> list[Any]:
    for link in list(self.vpc_links.values()):
        if link.gone and passed(link.gone):
            del self.vpc_links[link.id]
    return list(self.vpc_links.values())


def living_link(self: Any, vpc_link_id: str) -> Any:
    link = next((each for each in living_links(self) if each.id == vpc_link_id), None)
    if link is None:
        raise exceptions.VpcLinkNotFound
    return link


def delete_vpc_link(self: Any, vpc_link_id: str) -> None:
    link = living_link(self, vpc_link_id)
    link.gone = link.gone or PACE.ready_at("vpc link deletion", self.region_name, link.name)


def update_vpc_link(self: Any) -> str:
    link = self.backend.get_vpc_link(segments(self)[1])
    for operation in self._get_param("patchOperations") or []:
        if operation["path"] not in ("/name", "/description"):
            raise exceptions.BadRequestException("Target arns are not allowed to be changed/added.")
        setattr(link, operation["path"].strip("/"), operation.get("value", ""))
    return json.dumps(link.to_json())


# --- authorizers, models, account -----------------------------------------------------------------------------------


def delete_model(self: Any) -> Any:
    _, api_id, _, name = segments(self)
    self.backend.delete_model(api_id, name)
    return 202, {"status": 202}, ""


def create_authorizer(self: Any, authorizer_id: str, name: str, authorizer_type: str, **details: Any) -> Any:
    details["identity_validation_expression"] = details.pop("identiy_validation_expression", None)
    self.authorizers[authorizer_id] = models.Authorizer(authorizer_id, name, authorizer_type, **details)
    return self.authorizers[authorizer_id]


def account_to_json(self: Any) -> dict[str, Any]:
    answer = {"throttleSettings": self.throttle_settings, "features": self.features or ["UsagePlans"]}
    return present({**answer, "apiKeyVersion": "4", "cloudwatchRoleArn": self.cloudwatch_role_arn or None})


update_account = models.APIGatewayBackend.update_account


def update_account_and_greet(self: Any, patch_operations: list[dict[str, Any]]) -> Any:
    """API Gateway tries a new role by writing a greeting, in a group that it leaves behind."""
    before = self.account.cloudwatch_role_arn
    account = update_account(self, [{"value": "", **operation} for operation in patch_operations])
    if account.cloudwatch_role_arn and account.cloudwatch_role_arn != before:
        create_log_group(self, "/aws/apigateway/welcome")
    return account


# --- tags -----------------------------------------------------------------------------------------------------------


def tagged_object(backend: Any, arn: str) -> Any:
    """What an ARN such as arn:aws:apigateway:us-east-1::/restapis/a1b2c3/stages/v1 names."""
    kind, identity, *rest = arn.rpartition("::/")[2].split("/")
    if kind == "restapis" and rest[:1] == ["stages"]:
        return backend.get_stage(identity, rest[1])
    found = {
        "restapis": lambda: backend.get_rest_api(identity),
        "vpclinks": lambda: backend.get_vpc_link(identity),
        "apikeys": lambda: backend.get_api_key(identity),
        "usageplans": lambda: backend.get_usage_plan(identity),
        "domainnames": lambda: backend.get_domain_name(identity),
    }.get(kind)
    if found is None:
        raise exceptions.BadRequestException(f"Invalid ARN specified: {arn}")
    return found()


def arn_of(request: Any) -> str:
    return unquote(request.path.split("/tags/", 1)[1])


def get_tags(self: Any) -> str:
    return json.dumps({"tags": tagged_object(self.backend, arn_of(self)).tags or {}})


def tag_resource(self: Any) -> Any:
    found = tagged_object(self.backend, arn_of(self))
    found.tags = {**(found.tags or {}), **(self._get_param("tags") or {})}
    return 204, {"status": 204}, ""


def untag_resource(self: Any) -> Any:
    found = tagged_object(self.backend, arn_of(self))
    gone = set(self.querystring.get("tagKeys") or [])
    found.tags = {key: value for key, value in (found.tags or {}).items() if key not in gone}
    return 204, {"status": 204}, ""


def replace(owner: type, **functions: Any) -> None:
    for name, function in functions.items():
        setattr(owner, name, function)


def install() -> None:
    replace(models.Integration, to_json=full_integration)
    replace(
        models.RestAPI,
        __init__=make_api_with_models,
        apply_patch_operations=patch_api,
        create_authorizer=create_authorizer,
        create_deployment=create_deployment,
        get_deployment=get_deployment,
        delete_deployment=delete_deployment,
        update_integration_mocks=lambda self, stage_name: None,
    )
    replace(models.Deployment, to_json=deployment_to_json)
    replace(
        models.Stage,
        __init__=make_dated_stage,
        to_json=full_stage,
        apply_operations=patch_whole_stage,
        _get_default_method_settings=lambda self: dict(DEFAULT_METHOD_SETTINGS),
    )
    replace(models.VpcLink, to_json=link_to_json)
    replace(models.Account, to_json=account_to_json)
    replace(
        models.APIGatewayBackend,
        update_stage=update_stage_and_its_logs,
        update_account=update_account_and_greet,
        create_vpc_link=create_pending_link,
        get_vpc_links=living_links,
        get_vpc_link=living_link,
        delete_vpc_link=delete_vpc_link,
    )
    replace(
        Response,
        put_integration=put_whole_integration,
        update_integration=update_integration,
        update_method=update_method,
        get_resources=get_resources,
        put_rest_api=put_rest_api,
        create_rest_api=create_or_import,
        import_rest_api=create_or_import,
        delete_rest_api=delete_rest_api,
        get_gateway_responses=get_gateway_responses,
        get_gateway_response=get_gateway_response,
        delete_gateway_response=delete_gateway_response,
        create_deployment=create_deployment_response,
        delete_deployment=delete_deployment_response,
        delete_model=delete_model,
        update_vpc_link=update_vpc_link,
        get_tags=get_tags,
        tag_resource=tag_resource,
        untag_resource=untag_resource,
    )
    # An ARN has slashes, which are decoded before the path is matched.
    urls.url_paths["{0}/tags/(?P<arn>arn:.+)$"] = Response.dispatch
