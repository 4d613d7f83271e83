"""API Gateway: what an OpenAPI 3.0 document with API Gateway's extensions makes of a REST API.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

from moto.apigateway import models
from moto.apigateway.exceptions import BadRequestException
from moto.apigateway.utils import ApigwAuthorizerIdentifier, ApigwRequestValidatorIdentifier

from localcloud.rules import Call
from localcloud.rules import apigateway as rules

VERBS = ("get", "put", "post", "delete", "options", "head", "patch")
ANY_METHOD = "x-amazon-apigateway-any-method"
INTEGRATION = "x-amazon-apigateway-integration"
PLACES = {"path": "path", "query": "querystring", "header": "header"}
# Keywords of OpenAPI's schemas that API Gateway does not support: it leaves them out and warns.
UNSUPPORTED = {"discriminator", "example", "nullable", "readOnly", "writeOnly", "deprecated", "externalDocs", "xml"}
PARTS = ("resources", "authorizers", "gateway_responses", "models", "request_validators")
SETTINGS = (
    "name", "description", "version", "binaryMediaTypes", "minimum_compression_size", "api_key_source", "policy",
    "disableExecuteApiEndpoint", "endpoint_configuration",
)  # fmt: skip


class Importer:
    """One import; either all of the document is taken, or the API stays as it was."""

    def __init__(self, backend: Any, api: Any, document: dict[str, Any]) -> None:
        self.backend = backend
        self.api = api
        # Numbers as keys (status codes of YAML) are text in JSON.
        self.document = json.loads(json.dumps(document))
        self.warnings: list[str] = []
        self.call = Call("apigateway", "PutRestApi", {}, api.region_name, api.account_id)

    def run(self, *, mode: str, fail_on_warnings: bool) -> list[str]:
        version = str(self.document.get("openapi", ""))
        if not re.match(r"3\.0(\.|$)", version):
            raise BadRequestException(
                f"Invalid OpenAPI input: only OpenAPI 3.0 is supported, not {version or 'swagger'}"
            )
        before = {name: copy.deepcopy(getattr(self.api, name)) for name in (*PARTS, *SETTINGS)}
        try:
            self.apply(mode)
            if fail_on_warnings and self.warnings:
                raise BadRequestException(f"Warnings found during import: {'; '.join(self.warnings)}")
        except Exception:
            for name, value in before.items():
                setattr(self.api, name, value)
            raise
        return self.warnings

    def apply(self, mode: str) -> None:
        if mode == "overwrite":
            self.clear()
        self.settings(overwrite=mode == "overwrite")
        self.gateway_responses()
        self.authorizers()
        self.request_validators()
        self.models()
        for path, item in sorted((self.document.get("paths") or {}).items()):
            self.path(path, self.resolve(item))
        self.forget_unnamed_resources(mode)

    def clear(self) -> None:
        """What overwriting replaces. Resources and authorizers of the same path or name keep their ids."""
        api = self.api
        for resource in api.resources.values():
            resource.resource_methods.clear()
        schemes = self.schemes()
        api.authorizers = {key: each for key, each in api.authorizers.items() if each.name in schemes}
        api.gateway_responses.clear()
        api.request_validators.clear()
        api.models.clear()

    def forget_unnamed_resources(self, mode: str) -> None:
        if mode != "overwrite":
            return
        named = {"/"}
        for path in self.document.get("paths") or {}:
            steps = path.strip("/").split("/")
            named |= {"/" + "/".join(steps[: count + 1]) for count in range(len(steps))}
        paths = {key: resource.get_path() for key, resource in self.api.resources.items()}
        self.api.resources = {key: each for key, each in self.api.resources.items() if paths[key] in named}

    def resolve(self, node: Any) -> Any:
        """Follows references inside the document; there are no others."""
        for _hop in range(20):
            if not (isinstance(node, dict) and isinstance(node.get("$ref"), str)):
                return node
            reference = node["$ref"]
            if not reference.startswith("#/"):
                raise BadRequestException(f"Invalid OpenAPI input: $ref to another file is not supported: {reference}")
            node = self.document
            for step in reference[2:].split("/"):
                step = step.replace("~1", "/").replace("~0", "~")
                if not isinstance(node, dict) or step not in node:
                    raise BadRequestException(f"Invalid OpenAPI input: unresolved reference {reference}")
                node = node[step]
        raise BadRequestException("Invalid OpenAPI input: circular reference")

    # --- settings -------------------------------------------------------------------------------------------------

    def settings(self, *, overwrite: bool) -> None:
        document, api = self.document, self.api
        info = document.get("info") or {}
        said = {
            "name": info.get("title"),
            "version": info.get("version"),
            "description": info.get("description"),
            "binaryMediaTypes": document.get("x-amazon-apigateway-binary-media-types"),
            "minimum_compression_size": document.get("x-amazon-apigateway-minimum-compression-size"),
            "api_key_source": document.get("x-amazon-apigateway-api-key-source"),
            "policy": self.policy(),
        }
        silent = {"binaryMediaTypes": [], "api_key_source": "HEADER", "name": api.name}
        for name, value in said.items():
            if value is not None:
                setattr(api, name, value)
            elif overwrite:
                setattr(api, name, silent.get(name))
        for holder in [*(document.get("servers") or []), document]:
            endpoint = holder.get("x-amazon-apigateway-endpoint-configuration") or {}
            if "disableExecuteApiEndpoint" in endpoint:
                api.disableExecuteApiEndpoint = bool(endpoint["disableExecuteApiEndpoint"])
            if "vpcEndpointIds" in endpoint:
                api.endpoint_configuration["vpcEndpointIds"] = list(endpoint["vpcEndpointIds"])

    def policy(self) -> str | None:
        policy = self.document.get("x-amazon-apigateway-policy")
        return json.dumps(policy) if isinstance(policy, dict) else policy

    # --- what methods refer to ------------------------------------------------------------------------------------

    def gateway_responses(self) -> None:
        for kind, source in (self.document.get("x-amazon-apigateway-gateway-responses") or {}).items():
            known = self.backend_types()
            if kind not in known:
                raise BadRequestException(f"Invalid gateway response type: {kind}")
            for target in source.get("responseParameters") or {}:
                if not re.fullmatch(r"gatewayresponse\.(header|path|querystring)\.[\w.-]+", target):
                    raise BadRequestException(rules.mapping_error(target))
            status = source.get("statusCode")
            self.api.gateway_responses[kind] = models.GatewayResponse(
                kind,
                str(status) if status is not None else None,  # type: ignore[arg-type]
                source.get("responseParameters") or {},
                source.get("responseTemplates") or {},
            )

    @staticmethod
    def backend_types() -> set[str]:
        from localcloud.services.apigateway import GATEWAY_RESPONSES

        return set(GATEWAY_RESPONSES)

    def schemes(self) -> dict[str, Any]:
        found = (self.document.get("components") or {}).get("securitySchemes") or {}
        return {name: self.resolve(scheme) for name, scheme in found.items()}

    def authorizers(self) -> None:
        for name, scheme in self.schemes().items():
            source = scheme.get("x-amazon-apigateway-authorizer")
            if not source:
                continue
            where = scheme.get("name") if scheme.get("in") == "header" else None
            wanted = {
                **source,
                "type": str(source.get("type", "")).upper(),
                "identitySource": source.get("identitySource") or (f"method.request.header.{where}" if where else None),
            }
            for fault in rules.authorizer_faults(wanted, self.call):
                raise BadRequestException(f"Unable to create authorizer {name}: {fault}")
            existing = next((each.id for each in self.api.authorizers.values() if each.name == name), None)
            identity = existing or ApigwAuthorizerIdentifier(self.api.account_id, self.api.region_name, name).generate(
                list(self.api.authorizers)
            )
            self.api.authorizers[identity] = models.Authorizer(
                identity,
                name,
                wanted["type"],
                provider_arns=wanted.get("providerARNs"),
                auth_type=scheme.get("x-amazon-apigateway-authtype"),
                authorizer_uri=wanted.get("authorizerUri"),
                authorizer_credentials=wanted.get("authorizerCredentials"),
                identity_source=wanted["identitySource"],
                identity_validation_expression=wanted.get("identityValidationExpression"),
                authorizer_result_ttl=int(wanted.get("authorizerResultTtlInSeconds") or 300),
            )

    def request_validators(self) -> None:
        for name, source in (self.document.get("x-amazon-apigateway-request-validators") or {}).items():
            same = [key for key, each in self.api.request_validators.items() if each.name == name]
            identifier = ApigwRequestValidatorIdentifier(self.api.account_id, self.api.region_name, name)
            identity = same[0] if same else identifier.generate(list(self.api.request_validators))
            self.api.request_validators[identity] = models.RequestValidator(
                identity,
                name,
                bool(source.get("validateRequestBody", False)),
                bool(source.get("validateRequestParameters", False)),
            )

    def models(self) -> None:
        for name, schema in ((self.document.get("components") or {}).get("schemas") or {}).items():
            self.add_model(name, schema)

    def add_model(self, name: str, schema: Any) -> None:
        text = json.dumps(self.schema(schema, name))
        for fault in rules.model_faults(name, text):
            raise BadRequestException(f"Unable to create model {name}: {fault}")
        self.api.add_model(name, schema.get("description", ""), text, "application/json")

    def schema(self, node: Any, where: str) -> Any:
        """A schema as a model holds it: references to models by their URL, no keywords that are not supported."""
        if isinstance(node, list):
            return [self.schema(each, where) for each in node]
        if not isinstance(node, dict):
            return node
        if isinstance(node.get("$ref"), str):
            self.resolve(node)
            name = node["$ref"].rsplit("/", 1)[-1]
            return {"$ref": f"https://apigateway.amazonaws.com/restapis/{self.api.id}/models/{name}"}
        result: dict[str, Any] = {}
        for key, value in node.items():
            if key in ("properties", "patternProperties") and isinstance(value, dict):
                result[key] = {name: self.schema(each, where) for name, each in value.items()}
            elif key in UNSUPPORTED:
                self.warnings.append(f"Model {where}: {key} is not supported and was ignored")
            elif key in ("enum", "default", "required") or key.startswith("x-"):
                result.update({} if key.startswith("x-") else {key: value})
            else:
                result[key] = self.schema(value, where)
        return result

    # --- paths ----------------------------------------------------------------------------------------------------

    def path(self, path: str, item: dict[str, Any]) -> None:
        resource = self.resource_of(path)
        for key in [*VERBS, ANY_METHOD]:
            if key in item:
                verb = "ANY" if key == ANY_METHOD else key.upper()
                self.method(resource, verb, item, self.resolve(item[key]))

    def resource_of(self, path: str) -> Any:
        """The resource of a path, made with all that are missing above it."""
        if not path.startswith("/"):
            raise BadRequestException(f"Invalid OpenAPI input: path must begin with /: {path}")
        current = next(each for each in self.api.resources.values() if each.parent_id is None)
        for step in [each for each in path.split("/") if each]:
            if fault := rules.path_fault(step):
                raise BadRequestException(f"Unable to create resource at path '{path}': {fault}")
            siblings = [each for each in self.api.resources.values() if each.parent_id == current.id]
            found = next((each for each in siblings if each.path_part == step), None)
            if found is None:
                self.check_place(path, step, current, siblings)
                found = self.api.add_child(step, current.id)
            current = found
        return current

    def check_place(self, path: str, step: str, parent: Any, siblings: list[Any]) -> None:
        named = {"/" + each.strip("/") for each in self.document.get("paths") or {}}
        if parent.path_part.endswith("+}"):
            raise BadRequestException(
                f"Unable to create resource at path '{path}': a greedy path variable must come last"
            )
        for sibling in siblings:
            kept = any(each == sibling.get_path() or each.startswith(sibling.get_path() + "/") for each in named)
            if step.startswith("{") and sibling.path_part.startswith("{") and kept:
                raise BadRequestException(
                    f"Unable to create resource at path '{path}': A sibling ({sibling.path_part}) of this resource already has a "
                    "variable path part -- only one unique variable path part is allowed"
                )

    def method(self, resource: Any, verb: str, item: dict[str, Any], operation: dict[str, Any]) -> None:
        body = self.resolve(operation.get("requestBody") or {})
        method = resource.add_method(
            verb,
            **self.security(operation),
            request_parameters=dict(self.parameters(item, operation)),
            request_models=self.body_models(body.get("content")),
            operation_name=operation.get("operationId"),
            request_validator_id=self.validator(operation),
        )
        for status, response in (operation.get("responses") or {}).items():
            if re.fullmatch(r"[1-5]\d\d", status):
                response = self.resolve(response)
                headers = {f"method.response.header.{name}": False for name in response.get("headers") or {}}
                method.create_response(status, self.body_models(response.get("content")), headers)
        source = self.resolve(operation.get(INTEGRATION))
        if source is not None:
            method.method_integration = self.integration(f"{verb} {resource.get_path()}", resource, method, source)

    def security(self, operation: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {
            "authorization_type": "NONE",
            "authorizer_id": None,
            "authorization_scopes": None,
            "api_key_required": False,
        }
        schemes = self.schemes()
        for requirement in operation.get("security", self.document.get("security")) or []:
            for name, scopes in requirement.items():
                scheme = schemes.get(name)
                if scheme is None:
                    raise BadRequestException(f"Invalid OpenAPI input: security scheme {name} is not defined")
                authorizer = next((each for each in self.api.authorizers.values() if each.name == name), None)
                if scheme.get("x-amazon-apigateway-authorizer") and authorizer:
                    pools = authorizer.type == "COGNITO_USER_POOLS"
                    found["authorization_type"] = "COGNITO_USER_POOLS" if pools else "CUSTOM"
                    found["authorizer_id"] = authorizer.id
                    found["authorization_scopes"] = list(scopes) or None
                elif str(scheme.get("x-amazon-apigateway-authtype", "")).lower() == "awssigv4":
                    found["authorization_type"] = "AWS_IAM"
                elif scheme.get("type") == "apiKey" and str(scheme.get("name", "")).lower() == "x-api-key":
                    found["api_key_required"] = True
                else:
                    self.warnings.append(f"Security scheme {name} is not supported and was ignored")
        return found

    def parameters(self, item: dict[str, Any], operation: dict[str, Any]) -> Iterator[tuple[str, bool]]:
        for each in [*(item.get("parameters") or []), *(operation.get("parameters") or [])]:
            parameter = self.resolve(each)
            place = PLACES.get(parameter.get("in", ""))
            if place is None:
                self.warnings.append(
                    f"Parameter {parameter.get('name')} in {parameter.get('in')} is not supported and was ignored"
                )
                continue
            yield (
                f"method.request.{place}.{parameter['name'].removesuffix('+')}",
                bool(parameter.get("required", False)),
            )

    def body_models(self, content: dict[str, Any] | None) -> dict[str, str]:
        found = {}
        for media_type, media in (content or {}).items():
            schema = media.get("schema")
            if schema is None:
                continue
            if isinstance(schema.get("$ref"), str):
                self.resolve(schema)
                name = schema["$ref"].rsplit("/", 1)[-1]
            else:
                # A schema without a name gets one that nobody chose.
                name = "MODEL" + hashlib.sha256(json.dumps(schema, sort_keys=True).encode()).hexdigest()[:6]
                self.add_model(name, schema)
            found[media_type] = name
        return found

    def validator(self, operation: dict[str, Any]) -> str | None:
        key = "x-amazon-apigateway-request-validator"
        name = operation.get(key, self.document.get(key))
        if name is None:
            return None
        found = next((each.id for each in self.api.request_validators.values() if each.name == name), None)
        if found is None:
            raise BadRequestException(f"Invalid OpenAPI input: request validator {name} is not defined")
        return found

    def integration(self, where: str, resource: Any, method: Any, source: dict[str, Any]) -> Any:
        from localcloud.services.apigateway import extend_integration

        wanted = {
            **source,
            "type": str(source.get("type", "")).upper().replace("-", "_"),
            "integrationHttpMethod": source.get("httpMethod"),
            "connectionType": str(source.get("connectionType") or "INTERNET").upper(),
            "passthroughBehavior": str(source.get("passthroughBehavior") or "WHEN_NO_MATCH").upper(),
        }
        declared = set(method.request_parameters or {})
        for fault in rules.integration_faults(wanted, declared, rules.links_by_id(self.backend)):
            raise BadRequestException(f"Unable to put integration on '{where}': {fault}")
        integration = models.Integration(
            wanted["type"],
            wanted.get("uri"),  # type: ignore[arg-type]
            wanted.get("httpMethod"),  # type: ignore[arg-type]
            request_templates=wanted.get("requestTemplates"),
            passthrough_behavior=wanted["passthroughBehavior"],
            tls_config=wanted.get("tlsConfig"),
            cache_namespace=wanted.get("cacheNamespace") or resource.id,
            timeout_in_millis=wanted.get("timeoutInMillis"),
            request_parameters=wanted.get("requestParameters"),
            content_handling=wanted.get("contentHandling"),
            credentials=wanted.get("credentials"),
            connection_type=wanted["connectionType"],
        )
        extend_integration(integration, wanted.get)
        for pattern, response in (source.get("responses") or {}).items():
            self.integration_response(where, method, integration, pattern, response)
        return integration

    def integration_response(
        self, where: str, method: Any, integration: Any, pattern: str, response: dict[str, Any]
    ) -> None:
        status = str(response.get("statusCode", ""))
        known = method.method_responses.get(status)
        declared = known.response_parameters if known else None
        for fault in rules.response_faults(response, status, declared):
            raise BadRequestException(f"Unable to put integration response on '{where}': {fault}")
        integration.create_integration_response(
            status,
            "" if pattern == "default" else pattern,
            dict(response.get("responseTemplates") or {}),
            dict(response.get("responseParameters") or {}),
            response.get("contentHandling"),
        )
