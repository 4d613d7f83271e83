# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What an OpenAPI document means to API Gateway, what a REST API is, and how the two differ. No calls here.

Both sides are brought to one form, the state:

    settings            binary media types, compression, key source, policy, endpoint
    paths               {path: {METHOD: {authorization, ..., responses, integration}}}
    authorizers         {name: {...}}
    gateway_responses   {TYPE: {...}}, the customised ones alone
    models              {name: schema}
    request_validators  {name: {...}}

What refers to something by id in AWS refers to it by name here, and what AWS fills in by default is filled in on both sides.
"""

import copy
import hashlib
import json
import re

HTTP_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
ANY_METHOD = "x-amazon-apigateway-any-method"
INTEGRATION = "x-amazon-apigateway-integration"
PROXY_TYPES = ("HTTP_PROXY", "AWS_PROXY")
DEFAULT_TIMEOUT = 29000
DEFAULT_AUTHORIZER_TTL = 300
DEFAULT_GATEWAY_TEMPLATES = {"application/json": '{"message":$context.error.messageString}'}
# CreateRestApi adds these two models to every API.
DEFAULT_MODELS = ("Empty", "Error")
# A schema written inside an operation becomes a model with a name that AWS makes up.
GENERATED_MODEL = re.compile(r"MODEL[0-9a-zA-Z]{6,}")
# What API Gateway drops from schemas, or what says nothing about which bodies are valid.
IGNORED_SCHEMA_KEYS = {
    "$schema",
    "deprecated",
    "description",
    "discriminator",
    "example",
    "examples",
    "externalDocs",
    "id",
    "nullable",
    "readOnly",
    "title",
    "writeOnly",
    "xml",
}
STATE_SECTIONS = ("authorizers", "gateway_responses", "models", "request_validators")


# --- shared by both sides -------------------------------------------------------------------------------------------


def as_text(value):
    return "" if value is None else str(value)


def normalise_schema(schema):
    """A schema without notes, its references reduced to the names of models."""
    if isinstance(schema, list):
        return [normalise_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(schema.get("$ref"), str):
        return {"$ref": schema["$ref"].rsplit("/", 1)[-1]}
    result: dict = {}
    for key, value in schema.items():
        if key in ("properties", "patternProperties", "definitions") and isinstance(value, dict):
            # Names of properties are not keywords: one may be called title.
            result[key] = {name: normalise_schema(each) for name, each in value.items()}
        elif key == "required" and isinstance(value, list):
            result[key] = sorted(value)
        elif key not in IGNORED_SCHEMA_KEYS and not key.startswith("x-"):
            result[key] = normalise_schema(value)
    return result


def normalise_integration(source, responses):
    """An integration as both the document and the API spell it; responses are {status: {...}} already."""
    kind = as_text(source.get("type")).upper().replace("-", "_")
    connection = as_text(source.get("connectionType") or "INTERNET").upper()
    result = {
        "type": kind,
        "passthrough_behavior": as_text(source.get("passthroughBehavior") or "WHEN_NO_MATCH").upper(),
        "timeout_in_millis": int(source.get("timeoutInMillis") or DEFAULT_TIMEOUT),
        "connection_type": connection,
        "connection_id": as_text(source.get("connectionId")) if connection == "VPC_LINK" else "",
        "credentials": as_text(source.get("credentials")),
        "request_parameters": {key: as_text(value) for key, value in (source.get("requestParameters") or {}).items()},
        "cache_key_parameters": sorted(source.get("cacheKeyParameters") or []),
        "content_handling": as_text(source.get("contentHandling")).upper(),
        "response_transfer_mode": as_text(source.get("responseTransferMode") or "BUFFERED").upper(),
        "integration_target": as_text(source.get("integrationTarget")),
        "insecure_skip_verification": bool((source.get("tlsConfig") or {}).get("insecureSkipVerification", False)),
    }
    if kind != "MOCK":
        result["http_method"] = as_text(source.get("httpMethod")).upper()
        result["uri"] = as_text(source.get("uri"))
    if kind not in PROXY_TYPES:
        # A proxy passes everything through: templates and responses have no effect there, whoever wrote them.
        result["request_templates"] = {k: as_text(v) for k, v in (source.get("requestTemplates") or {}).items()}
        result["responses"] = responses
    return result


def normalise_integration_response(source, pattern):
    return {
        "selection_pattern": pattern,
        "parameters": {key: as_text(value) for key, value in (source.get("responseParameters") or {}).items()},
        "templates": {key: as_text(value) for key, value in (source.get("responseTemplates") or {}).items()},
        "content_handling": as_text(source.get("contentHandling")).upper(),
    }


def normalise_authorizer(source):
    kind = as_text(source.get("type")).upper()
    result = {
        "type": kind,
        "identity_source": re.sub(r"\s*,\s*", ",", as_text(source.get("identitySource")).strip()),
        "validation_expression": as_text(source.get("identityValidationExpression")),
    }
    if kind == "COGNITO_USER_POOLS":
        result["provider_arns"] = sorted(source.get("providerARNs") or [])
    else:
        ttl = source.get("authorizerResultTtlInSeconds")
        result["uri"] = as_text(source.get("authorizerUri"))
        result["credentials"] = as_text(source.get("authorizerCredentials"))
        result["result_ttl"] = DEFAULT_AUTHORIZER_TTL if ttl is None else int(ttl)
    return result


def normalise_gateway_response(source):
    templates = {key: as_text(value) for key, value in (source.get("responseTemplates") or {}).items()}
    return {
        "status_code": as_text(source.get("statusCode")),
        "parameters": {key: as_text(value) for key, value in (source.get("responseParameters") or {}).items()},
        # Without templates AWS shows its own.
        "templates": {} if templates == DEFAULT_GATEWAY_TEMPLATES else templates,
    }


def normalise_policy(policy):
    """A resource policy with AWS's freedoms of spelling taken out; None when there is none."""
    if not policy:
        return None
    if isinstance(policy, str):
        try:
            policy = json.loads(policy)
        except ValueError:
            # GetRestApi returns the policy with every quotation mark escaped.
            policy = json.loads(policy.replace('\\"', '"').replace("\\/", "/"))
    statements = policy.get("Statement", [])
    result = []
    for statement in statements if isinstance(statements, list) else [statements]:
        item = {}
        for key, value in statement.items():
            if key in ("Resource", "NotResource"):
                # AWS puts the ARN of the API before what may be written as execute-api:/STAGE/METHOD/PATH.
                values = value if isinstance(value, list) else [value]
                value = [re.sub(r"^arn:[^:]+:execute-api:[^:]*:[^:]*:[^/]+/", "execute-api:/", each) for each in values]
            if key in ("Action", "NotAction", "Resource", "NotResource"):
                value = sorted(value) if isinstance(value, list) else [value]
            if key == "Principal" and value == "*":
                value = {"AWS": "*"}
            item[key] = value
        result.append(item)
    return {"Version": policy.get("Version", "2012-10-17"), "Statement": result}


# --- the document ---------------------------------------------------------------------------------------------------


def resolve(document, node):
    """Follows a reference inside the document."""
    for _hop in range(20):
        if not (isinstance(node, dict) and isinstance(node.get("$ref"), str)):
            return node
        reference = node["$ref"]
        if not reference.startswith("#/"):
            raise ValueError(f"definition: {reference} leads out of the document; only #/... can be followed")
        node = document
        for step in reference[2:].split("/"):
            step = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(node, dict) or step not in node:
                raise ValueError(f"definition: {reference} leads nowhere")
            node = node[step]
    raise ValueError("definition: references lead in a circle")


def security_of(document, operation):
    """Authorization type, authorizer, scopes and whether an API key is needed."""
    result = {"authorization": "NONE", "authorizer": "", "authorization_scopes": [], "api_key_required": False}
    schemes = (document.get("components") or {}).get("securitySchemes") or {}
    required = operation.get("security", document.get("security")) or []
    for name, scopes in [pair for requirement in required for pair in requirement.items()]:
        if name not in schemes:
            raise ValueError(f"definition: security names the scheme {name}, which components.securitySchemes lacks")
        scheme = resolve(document, schemes[name])
        authorizer = scheme.get("x-amazon-apigateway-authorizer")
        if authorizer:
            cognito = as_text(authorizer.get("type")).lower() == "cognito_user_pools"
            result["authorization"] = "COGNITO_USER_POOLS" if cognito else "CUSTOM"
            result["authorizer"] = name
            result["authorization_scopes"] = sorted(scopes or [])
        elif as_text(scheme.get("x-amazon-apigateway-authtype")).lower() == "awssigv4":
            result["authorization"] = "AWS_IAM"
        elif scheme.get("type") == "apiKey" and as_text(scheme.get("name")).lower() == "x-api-key":
            result["api_key_required"] = True
    explicit = (operation.get("x-amazon-apigateway-auth") or {}).get("type")
    if explicit and not result["authorizer"]:
        result["authorization"] = explicit.upper()
    return result


def model_of(document, schema):
    """A reference's model by name, any other schema by what it says."""
    if isinstance(schema.get("$ref"), str):
        resolve(document, schema)
        return schema["$ref"].rsplit("/", 1)[-1]
    return normalise_schema(schema)


def models_of(document, content):
    found = {}
    for media_type, media in (content or {}).items():
        if media.get("schema"):
            found[media_type] = model_of(document, media["schema"])
    return found


def request_parameters_of(document, path_item, operation):
    places = {"path": "path", "query": "querystring", "header": "header"}
    found = {}
    for parameter in [*(path_item.get("parameters") or []), *(operation.get("parameters") or [])]:
        parameter = resolve(document, parameter)
        place = places.get(parameter.get("in", ""))
        if place:
            name = parameter["name"].removesuffix("+") if place == "path" else parameter["name"]
            found[f"method.request.{place}.{name}"] = bool(parameter.get("required", False))
    return found


def responses_of(document, operation):
    found = {}
    for status, response in (operation.get("responses") or {}).items():
        # API Gateway has no method response for "default" or "4XX".
        if re.fullmatch(r"[1-5]\d\d", str(status)):
            response = resolve(document, response)
            found[str(status)] = {
                "headers": sorted(response.get("headers") or {}),
                "models": models_of(document, response.get("content")),
            }
    return found


def integration_of(document, operation):
    source = operation.get(INTEGRATION)
    if source is None:
        return None
    source = resolve(document, source)
    responses = {}
    for pattern, response in (source.get("responses") or {}).items():
        status = as_text(response.get("statusCode"))
        responses[status] = normalise_integration_response(response, "" if pattern == "default" else pattern)
    return normalise_integration(source, responses)


def method_of(document, path_item, operation):
    validator = operation.get(
        "x-amazon-apigateway-request-validator", document.get("x-amazon-apigateway-request-validator")
    )
    body = resolve(document, operation.get("requestBody") or {})
    return {
        **security_of(document, operation),
        "request_validator": as_text(validator),
        "operation_name": as_text(operation.get("operationId")),
        "request_parameters": request_parameters_of(document, path_item, operation),
        "request_models": models_of(document, body.get("content")),
        "responses": responses_of(document, operation),
        "integration": integration_of(document, operation),
    }


def ancestors(path):
    """The resources above a path, which AWS creates with it: / and /a for /a/b."""
    steps = path.strip("/").split("/")
    return ["/", *("/" + "/".join(steps[:count]) for count in range(1, len(steps)))]


def paths_of(document):
    paths: dict = {"/": {}}
    for raw_path, item in (document.get("paths") or {}).items():
        path = "/" + raw_path.strip("/")
        item = resolve(document, item)
        for above in ancestors(path):
            paths.setdefault(above, {})
        methods = paths.setdefault(path, {})
        for verb in HTTP_METHODS:
            if verb in item:
                methods[verb.upper()] = method_of(document, item, item[verb])
        if ANY_METHOD in item:
            methods["ANY"] = method_of(document, item, item[ANY_METHOD])
    return paths


def authorizers_of(document):
    found = {}
    for name, scheme in ((document.get("components") or {}).get("securitySchemes") or {}).items():
        scheme = resolve(document, scheme)
        extension = scheme.get("x-amazon-apigateway-authorizer")
        if extension:
            source = dict(extension)
            if not source.get("identitySource") and scheme.get("in") == "header":
                source["identitySource"] = f"method.request.header.{scheme['name']}"
            found[name] = normalise_authorizer(source)
    return found


def references_in(node):
    """Names of the models that a normalised schema or a map of models refers to."""
    if isinstance(node, list):
        return {name for each in node for name in references_in(each)}
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            return {node["$ref"]}
        return {name for each in node.values() for name in references_in(each)}
    return set()


def used_names(paths, models):
    """Which models and authorizers the methods use, directly or through other models."""
    authorizers: set = set()
    wanted: set = set()
    for methods in paths.values():
        for method in methods.values():
            authorizers.add(method["authorizer"])
            maps = [method["request_models"], *(response["models"] for response in method["responses"].values())]
            for model in [model for each in maps for model in each.values()]:
                wanted |= {model} if isinstance(model, str) else references_in(model)
    used: set = set()
    while wanted:
        name = wanted.pop()
        if name not in used:
            used.add(name)
            wanted |= references_in(models.get(name, {}))
    return {"authorizers": authorizers, "models": used}


def endpoint_extension(document):
    for holder in [*(document.get("servers") or []), document]:
        if holder.get("x-amazon-apigateway-endpoint-configuration"):
            return holder["x-amazon-apigateway-endpoint-configuration"]
    return {}


def settings_of(document, options):
    """The API's own settings: an option wins over the document, and AWS's default stands where both are silent."""
    endpoint = endpoint_extension(document)

    def choose(option, said, default):
        value = options.get(option)
        if value is None:
            value = said
        return default if value is None else value

    return {
        "description": choose("description", (document.get("info") or {}).get("description"), ""),
        "endpoint_type": choose("endpoint_type", None, "REGIONAL"),
        "vpc_endpoint_ids": sorted(endpoint.get("vpcEndpointIds") or []),
        "disable_execute_api_endpoint": bool(
            choose("disable_execute_api_endpoint", endpoint.get("disableExecuteApiEndpoint"), False)
        ),
        "binary_media_types": sorted(
            choose("binary_media_types", document.get("x-amazon-apigateway-binary-media-types"), [])
        ),
        "minimum_compression_size": choose(
            "minimum_compression_size", document.get("x-amazon-apigateway-minimum-compression-size"), None
        ),
        "api_key_source": choose(
            "api_key_source", document.get("x-amazon-apigateway-api-key-source"), "HEADER"
        ).upper(),
        "policy": normalise_policy(document.get("x-amazon-apigateway-policy")),
    }


def document_to_state(document, options):
    """What the document means. options: the module's options that are settings of the API."""
    document = json.loads(json.dumps(document))  # status codes of YAML are numbers, AWS's are text
    if not re.match(r"3\.0(\.|$)", as_text(document.get("openapi"))):
        raise ValueError(
            f"definition: REST APIs take OpenAPI 3.0, and this says openapi: {document.get('openapi')!r}; write 3.0.1"
        )
    paths = paths_of(document)
    models = {
        name: normalise_schema(schema)
        for name, schema in ((document.get("components") or {}).get("schemas") or {}).items()
    }
    authorizers = authorizers_of(document)
    validators = document.get("x-amazon-apigateway-request-validators") or {}
    gateway_responses = document.get("x-amazon-apigateway-gateway-responses") or {}
    used = used_names(paths, models)
    return {
        "settings": settings_of(document, options),
        "paths": paths,
        "authorizers": authorizers,
        "gateway_responses": {kind: normalise_gateway_response(each) for kind, each in gateway_responses.items()},
        "models": models,
        "request_validators": {
            name: {
                "body": bool(each.get("validateRequestBody", False)),
                "parameters": bool(each.get("validateRequestParameters", False)),
            }
            for name, each in validators.items()
        },
        # What nothing uses may be left out by AWS; that is no difference.
        "optional": {
            "authorizers": sorted(set(authorizers) - used["authorizers"]),
            "models": sorted(set(models) - used["models"]),
        },
    }


# --- the API --------------------------------------------------------------------------------------------------------


def parse_schema(text):
    try:
        return normalise_schema(json.loads(text or "{}"))
    except ValueError:
        return {"unreadable": text}


def method_to_state(method, names):
    """names: authorizers and validators by id, schemas of the models that AWS made up by name."""

    def model_map(models):
        return {kind: names["generated"].get(model, model) for kind, model in (models or {}).items()}

    authorizer_id = method.get("authorizerId")
    validator_id = method.get("requestValidatorId")
    integration = method.get("methodIntegration")
    responses = {}
    for status, response in (method.get("methodResponses") or {}).items():
        headers = (response.get("responseParameters") or {}).keys()
        responses[str(status)] = {
            "headers": sorted(key.removeprefix("method.response.header.") for key in headers),
            "models": model_map(response.get("responseModels")),
        }
    return {
        "authorization": method.get("authorizationType") or "NONE",
        # An id that leads nowhere is an authorizer that somebody deleted.
        "authorizer": names["authorizers"].get(authorizer_id, f"missing {authorizer_id}") if authorizer_id else "",
        "authorization_scopes": sorted(method.get("authorizationScopes") or []),
        "api_key_required": bool(method.get("apiKeyRequired", False)),
        "request_validator": names["validators"].get(validator_id, f"missing {validator_id}") if validator_id else "",
        "operation_name": as_text(method.get("operationName")),
        "request_parameters": {key: bool(value) for key, value in (method.get("requestParameters") or {}).items()},
        "request_models": model_map(method.get("requestModels")),
        "responses": responses,
        "integration": integration_to_state(integration) if integration else None,
    }


def integration_to_state(integration):
    responses = {
        str(status): normalise_integration_response(response, as_text(response.get("selectionPattern")))
        for status, response in (integration.get("integrationResponses") or {}).items()
    }
    return normalise_integration(integration, responses)


def settings_to_state(api):
    endpoint = api.get("endpointConfiguration") or {}
    return {
        "description": as_text(api.get("description")),
        "endpoint_type": (endpoint.get("types") or ["EDGE"])[0],
        "vpc_endpoint_ids": sorted(endpoint.get("vpcEndpointIds") or []),
        "disable_execute_api_endpoint": bool(api.get("disableExecuteApiEndpoint", False)),
        "binary_media_types": sorted(api.get("binaryMediaTypes") or []),
        "minimum_compression_size": api.get("minimumCompressionSize"),
        "api_key_source": api.get("apiKeySource") or "HEADER",
        "policy": normalise_policy(api.get("policy")),
    }


def api_to_state(parts):
    """What is there; parts as AWS returns them (see read_api_parts)."""
    schemas = {model["name"]: parse_schema(model.get("schema")) for model in parts["models"]}
    names = {
        "authorizers": {each["id"]: each["name"] for each in parts["authorizers"]},
        "validators": {each["id"]: each["name"] for each in parts["request_validators"]},
        "generated": {name: schema for name, schema in schemas.items() if GENERATED_MODEL.fullmatch(name)},
    }
    paths = {
        resource["path"]: {
            verb: method_to_state(method, names) for verb, method in (resource.get("resourceMethods") or {}).items()
        }
        for resource in parts["resources"]
    }
    return {
        "settings": settings_to_state(parts["api"]),
        "paths": paths,
        "authorizers": {each["name"]: normalise_authorizer(each) for each in parts["authorizers"]},
        "gateway_responses": {
            each["responseType"]: normalise_gateway_response(each)
            for each in parts["gateway_responses"]
            if not each.get("defaultResponse", False)
        },
        "models": {name: schema for name, schema in schemas.items() if name not in names["generated"]},
        "request_validators": {
            each["name"]: {
                "body": bool(each.get("validateRequestBody", False)),
                "parameters": bool(each.get("validateRequestParameters", False)),
            }
            for each in parts["request_validators"]
        },
    }


# --- differences ----------------------------------------------------------------------------------------------------


def flatten(value, prefix=""):
    """{'integration.uri': ...}: one level, so that a difference can be named."""
    if not isinstance(value, dict) or not value:
        return {prefix: value}
    result = {}
    for key, each in value.items():
        result.update(flatten(each, f"{prefix}.{key}" if prefix else key))
    return result


def difference(where, what, before, after):
    return {"where": where, "what": what, "before": before, "after": after}


def diff_values(where, actual, desired):
    before, after = flatten(actual), flatten(desired)
    # An empty map on one side shows as its own key beside the keys of the other side: the keys tell enough.
    found = []
    for key in sorted({*before, *after}):
        if before.get(key) != after.get(key) and (before.get(key), after.get(key)) not in (({}, None), (None, {})):
            found.append(difference(where, key, before.get(key), after.get(key)))
    return found


def diff_paths(actual, desired):
    found = []
    for path in sorted({*actual, *desired}):
        if path not in desired:
            found.append(difference(path, "path", "there", None))
            continue
        if path not in actual:
            found.append(difference(path, "path", None, "there"))
        there, wanted = actual.get(path, {}), desired[path]
        for verb in sorted({*there, *wanted}):
            where = f"{verb} {path}"
            if verb not in wanted:
                found.append(difference(where, "method", "there", None))
            elif verb not in there:
                found.append(difference(where, "method", None, "there"))
            else:
                found.extend(diff_values(where, there[verb], wanted[verb]))
    return found


def adjust_gateway_responses(actual, desired):
    """A document that leaves the status code out means the type's own, which the API shows."""
    result = copy.deepcopy(desired)
    for kind, response in result.items():
        if not response["status_code"] and kind in actual:
            response["status_code"] = actual[kind]["status_code"]
    return result


def diff_section(section, actual, desired, optional):
    if section == "gateway_responses":
        desired = adjust_gateway_responses(actual, desired)
    label = {"request_validators": "request validator"}.get(section, section.replace("_", " ").removesuffix("s"))
    found = []
    for name in sorted({*actual, *desired}):
        where = f"{label} {name}"
        if name not in desired:
            if not (section == "models" and name in DEFAULT_MODELS):
                found.append(difference(where, label, "there", None))
        elif name not in actual:
            if name not in optional:
                found.append(difference(where, label, None, "there"))
        else:
            found.extend(diff_values(where, actual[name], desired[name]))
    return found


def diff_states(actual, desired):
    """Where the API is not what the document means: [{where, what, before, after}], settings left out."""
    found = diff_paths(actual["paths"], desired["paths"])
    for section in STATE_SECTIONS:
        optional = desired.get("optional", {}).get(section, [])
        found.extend(diff_section(section, actual[section], desired[section], optional))
    return found


def diff_settings(actual, desired):
    return [
        difference("settings", key, actual.get(key), value)
        for key, value in desired.items()
        if actual.get(key) != value
    ]


def leftovers(actual, desired):
    """What PutRestApi may leave behind in overwrite mode: parts of the API that the document does not name."""
    found = {}
    for section in STATE_SECTIONS:
        names = set(actual[section]) - set(desired[section])
        if section == "models":
            names -= set(DEFAULT_MODELS)
        found[section] = sorted(names)
    return found


def summarise(differences):
    """The paths, methods and parts that differ, each once, for people."""
    return list(dict.fromkeys(each["where"] for each in differences))


def as_diff(differences):
    """For --diff: {where: {what: value}} before and after."""
    before: dict = {}
    after: dict = {}
    for each in differences:
        for side, value in ((before, each["before"]), (after, each["after"])):
            if value is not None:
                side.setdefault(each["where"], {})[each["what"]] = value
    return {"before": before, "after": after}


def fingerprint(state):
    """A hash of all that a deployment takes a picture of: the description is not part of it."""
    seen = {key: state[key] for key in ("paths", *STATE_SECTIONS)}
    used = used_names(state["paths"], state["models"])["models"]
    seen["models"] = {k: v for k, v in state["models"].items() if k not in DEFAULT_MODELS or k in used}
    seen["settings"] = {key: value for key, value in state["settings"].items() if key != "description"}
    text = json.dumps(seen, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
