#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: apigateway_rest_api
version_added: 0.1.0
short_description: Manage API Gateway REST APIs from OpenAPI documents
description:
  - Creates, updates and deletes REST APIs (API Gateway version 1) from an OpenAPI 3.0 document with API Gateway's extensions.
  - The API is compared with what the document means, resource by resource and method by method, so it is imported again when
    and only when something differs. That may be the document, or something that was changed by hand.
  - What AWS adds by itself is no difference, such as the models C(Empty) and C(Error), default gateway responses and default timeouts.
  - An import in the mode C(overwrite) resets settings that the document does not hold and may leave parts behind that the document no
    longer names. The module writes the settings into the document that it sends, and removes what is left behind.
  - Clients see a change only after a deployment, see M(lks.llm.apigateway_stage).
author:
  - "The lks.llm authors (@lks-llm)"
options:
  name:
    description:
      - Name of the API, by which it is found. It replaces the title of the document.
      - API Gateway allows the same name more than once; the module fails then.
    required: true
    type: str
  definition:
    description:
      - The OpenAPI document, as a dictionary or as JSON or YAML text.
      - Schema names of authorizers become the names of authorizers.
      - Required when O(state=present).
    type: raw
  description:
    description:
      - Description of the API. By default that of the document.
    type: str
  endpoint_type:
    description:
      - Kind of endpoint.
    choices: [REGIONAL, EDGE, PRIVATE]
    default: REGIONAL
    type: str
  binary_media_types:
    description:
      - Media types that are treated as binary. By default what the document says in C(x-amazon-apigateway-binary-media-types).
    type: list
    elements: str
  minimum_compression_size:
    description:
      - Answers of this many bytes and more are compressed, 0 to 10485760. V(-1) turns compression off.
      - By default what the document says in C(x-amazon-apigateway-minimum-compression-size), or off.
    type: int
  disable_execute_api_endpoint:
    description:
      - Whether the API's default endpoint is turned off, so that only a custom domain name leads to it.
      - By default what the document says in C(x-amazon-apigateway-endpoint-configuration), or V(false).
    type: bool
  api_key_source:
    description:
      - Where an API key is taken from. By default what the document says, or V(HEADER).
    choices: [HEADER, AUTHORIZER]
    type: str
  fail_on_warnings:
    description:
      - Whether an import about which AWS warns is undone and fails.
    type: bool
    default: true
  state:
    description:
      - Whether the API exists.
    choices: [present, absent]
    default: present
    type: str
notes:
  - The resource policy of the API is taken from C(x-amazon-apigateway-policy) of the document; without it the API has none.
seealso:
  - module: lks.llm.apigateway_stage
  - module: lks.llm.apigateway_vpc_link
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amazon.aws.tags
"""

EXAMPLES = r"""
# Note: These examples do not set authentication details, see the AWS Guide for details.
- name: An API from a file
  lks.llm.apigateway_rest_api:
    name: orders
    definition: "{{ lookup('ansible.builtin.template', 'orders.openapi.yml.j2') }}"
    tags:
      Project: example

- name: An API with one method
  lks.llm.apigateway_rest_api:
    name: orders
    description: Orders of the shop
    definition:
      openapi: 3.0.1
      info:
        title: orders
        version: "1"
      paths:
        /orders:
          get:
            responses:
              "200":
                description: All orders
            x-amazon-apigateway-integration:
              type: http_proxy
              httpMethod: GET
              uri: https://backend.example.com/orders

- name: Delete the API
  lks.llm.apigateway_rest_api:
    name: orders
    state: absent
"""

RETURN = r"""
id:
  description: Id of the API; an empty string in check mode when it would be created.
  returned: always
  type: str
  sample: "a1b2c3d4e5"
name:
  description: Name of the API.
  returned: always
  type: str
  sample: "orders"
description:
  description: Description of the API.
  returned: when O(state=present)
  type: str
  sample: "Orders of the shop"
arn:
  description: ARN of the API, for tags.
  returned: when O(state=present)
  type: str
  sample: "arn:aws:apigateway:us-east-1::/restapis/a1b2c3d4e5"
root_resource_id:
  description: Id of the resource C(/).
  returned: when O(state=present)
  type: str
  sample: "f6g7h8i9j0"
host:
  description: Host name of the default endpoint. The path of a URL there begins with the name of the stage.
  returned: when O(state=present)
  type: str
  sample: "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"
fingerprint:
  description: Hash of everything that a deployment would take a picture of.
  returned: when O(state=present)
  type: str
  sample: "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
settings:
  description: The API's own settings.
  returned: when O(state=present)
  type: dict
  sample: {"api_key_source": "HEADER", "binary_media_types": [], "endpoint_type": "REGIONAL"}
tags:
  description: Tags of the API.
  returned: when O(state=present)
  type: dict
  sample: {"Project": "example"}
differences:
  description: Paths, methods and parts in which the API was not what the document means.
  returned: when O(state=present)
  type: list
  elements: str
  sample: ["GET /orders", "gateway_response DEFAULT_4XX"]
warnings_of_import:
  description: What AWS remarked on when it imported the document.
  returned: when the document was imported
  type: list
  elements: str
"""

import contextlib
import copy
import json

with contextlib.suppress(ImportError):  # needed for a definition in YAML only
    import yaml

from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.lks.llm.plugins.module_utils.apigateway import (
    ApiGatewayErrorHandler,
    apply_tags,
    build_arn,
    connect,
    endpoint_host,
    escape_pointer,
    find_rest_api,
    get_rest_api,
    read_api_parts,
    replace_operation,
)
from ansible_collections.lks.llm.plugins.module_utils.apigateway_state import (
    api_to_state,
    as_diff,
    diff_settings,
    diff_states,
    document_to_state,
    fingerprint,
    leftovers,
    settings_to_state,
    summarise,
)
from ansible_collections.lks.llm.plugins.module_utils.tags import plan_tags

OPTIONS_OF_SETTINGS = (
    "description",
    "endpoint_type",
    "binary_media_types",
    "minimum_compression_size",
    "disable_execute_api_endpoint",
    "api_key_source",
)


def create_rest_api(client, request):
    @ApiGatewayErrorHandler.common_error_handler(f"create REST API {request['name']}")
    def create():
        api = client.create_rest_api(aws_retry=True, **request)
        api.pop("ResponseMetadata", None)
        return api

    return create()


def put_rest_api(client, api_id, document, fail_on_warnings):
    @ApiGatewayErrorHandler.common_error_handler(f"import the definition into REST API {document['info']['title']}")
    def put():
        return client.put_rest_api(
            restApiId=api_id,
            mode="overwrite",
            failOnWarnings=fail_on_warnings,
            body=json.dumps(document).encode(),
            aws_retry=True,
        )

    return put().get("warnings", [])


@ApiGatewayErrorHandler.common_error_handler("update the settings of the REST API")
def update_rest_api(client, api_id, operations):
    client.update_rest_api(restApiId=api_id, patchOperations=operations, aws_retry=True)


@ApiGatewayErrorHandler.deletion_error_handler("delete REST API")
def delete_rest_api(client, api_id):
    client.delete_rest_api(restApiId=api_id, aws_retry=True)
    return True


@ApiGatewayErrorHandler.deletion_error_handler("delete an authorizer that the definition does not name")
def delete_authorizer(client, api_id, authorizer_id):
    client.delete_authorizer(restApiId=api_id, authorizerId=authorizer_id, aws_retry=True)


@ApiGatewayErrorHandler.deletion_error_handler("reset a gateway response that the definition does not name")
def delete_gateway_response(client, api_id, response_type):
    client.delete_gateway_response(restApiId=api_id, responseType=response_type, aws_retry=True)


@ApiGatewayErrorHandler.deletion_error_handler("delete a model that the definition does not name")
def delete_model(client, api_id, name):
    client.delete_model(restApiId=api_id, modelName=name, aws_retry=True)


@ApiGatewayErrorHandler.deletion_error_handler("delete a request validator that the definition does not name")
def delete_request_validator(client, api_id, validator_id):
    client.delete_request_validator(restApiId=api_id, requestValidatorId=validator_id, aws_retry=True)


def parse_definition(definition):
    """The document as a dictionary; a ValueError tells what is wrong with it."""
    if isinstance(definition, str):
        try:
            definition = json.loads(definition)
        except ValueError:
            try:
                definition = yaml.safe_load(definition)
            except NameError as e:
                raise ValueError("definition is not JSON, and PyYAML, which YAML needs, is not installed") from e
            except yaml.YAMLError as e:
                raise ValueError(f"definition is neither JSON nor YAML: {e}") from e
    if not isinstance(definition, dict):
        raise ValueError(f"definition must be an OpenAPI document, not a {type(definition).__name__}")
    if not definition.get("paths"):
        raise ValueError("definition: paths is missing or empty, and an API without a method cannot be deployed")
    return definition


def choose_options(params):
    """The settings that were given; -1 is how an option spells 'no compression', which is None at AWS."""
    return {key: params[key] for key in OPTIONS_OF_SETTINGS}


def finish_settings(settings):
    size = settings["minimum_compression_size"]
    return {**settings, "minimum_compression_size": None if size is None or size < 0 else int(size)}


def build_import_document(definition, name, settings):
    """The document with the settings in it: in overwrite mode AWS resets what the document does not hold."""
    document = copy.deepcopy(definition)
    document["info"] = {"version": "1.0", **(document.get("info") or {}), "title": name}
    document["info"]["description"] = settings["description"]
    document["x-amazon-apigateway-api-key-source"] = settings["api_key_source"]
    for key, value in (
        ("x-amazon-apigateway-binary-media-types", settings["binary_media_types"]),
        ("x-amazon-apigateway-minimum-compression-size", settings["minimum_compression_size"]),
    ):
        document.pop(key, None)
        if value not in (None, []):
            document[key] = value
    return document


def build_settings_patch(actual, desired):
    """Patch operations for the settings that differ; actual with the name and the desired policy as text."""
    operations = []
    for key, path in (
        ("name", "/name"),
        ("description", "/description"),
        ("api_key_source", "/apiKeySource"),
        ("disable_execute_api_endpoint", "/disableExecuteApiEndpoint"),
    ):
        if actual[key] != desired[key]:
            operations.append(replace_operation(path, desired[key]))
    if actual["minimum_compression_size"] != desired["minimum_compression_size"]:
        size = desired["minimum_compression_size"]
        # A replacement without a value is how compression is turned off.
        operation = {"op": "replace", "path": "/minimumCompressionSize"}
        operations.append(operation if size is None else {**operation, "value": str(size)})
    if actual["endpoint_type"] != desired["endpoint_type"]:
        path = f"/endpointConfiguration/types/{actual['endpoint_type']}"
        operations.append(replace_operation(path, desired["endpoint_type"]))
    for media_type in sorted(set(desired["binary_media_types"]) - set(actual["binary_media_types"])):
        operations.append({"op": "add", "path": f"/binaryMediaTypes/{escape_pointer(media_type)}"})
    for media_type in sorted(set(actual["binary_media_types"]) - set(desired["binary_media_types"])):
        operations.append({"op": "remove", "path": f"/binaryMediaTypes/{escape_pointer(media_type)}"})
    for endpoint in sorted(set(desired["vpc_endpoint_ids"]) - set(actual["vpc_endpoint_ids"])):
        operations.append({"op": "add", "path": "/endpointConfiguration/vpcEndpointIds", "value": endpoint})
    for endpoint in sorted(set(actual["vpc_endpoint_ids"]) - set(desired["vpc_endpoint_ids"])):
        operations.append({"op": "remove", "path": "/endpointConfiguration/vpcEndpointIds", "value": endpoint})
    if actual["policy"] != desired["policy"]:
        operations.append(replace_operation("/policy", json.dumps(desired["policy"]) if desired["policy"] else ""))
    return operations


def build_create_request(name, settings, tags):
    endpoint = {"types": [settings["endpoint_type"]]}
    if settings["vpc_endpoint_ids"]:
        endpoint["vpcEndpointIds"] = settings["vpc_endpoint_ids"]
    request = {
        "name": name,
        "endpointConfiguration": endpoint,
        "apiKeySource": settings["api_key_source"],
        "disableExecuteApiEndpoint": settings["disable_execute_api_endpoint"],
    }
    if settings["description"]:
        request["description"] = settings["description"]
    if settings["binary_media_types"]:
        request["binaryMediaTypes"] = settings["binary_media_types"]
    if settings["minimum_compression_size"] is not None:
        request["minimumCompressionSize"] = settings["minimum_compression_size"]
    if tags:
        request["tags"] = tags
    return request


def remove_leftovers(client, parts, desired):
    """Removes the parts that overwriting left behind; methods no longer use them."""
    api_id = parts["api"]["id"]
    left = leftovers(api_to_state(parts), desired)
    for kind in left["gateway_responses"]:
        delete_gateway_response(client, api_id, kind)
    for each in parts["authorizers"]:
        if each["name"] in left["authorizers"]:
            delete_authorizer(client, api_id, each["id"])
    for name in left["models"]:
        delete_model(client, api_id, name)
    for each in parts["request_validators"]:
        if each["name"] in left["request_validators"]:
            delete_request_validator(client, api_id, each["id"])
    return any(left.values())


def with_name(api):
    return {"name": api["name"], **settings_to_state(api)}


def apply_definition(client, module, api, definition, desired):
    """Imports, tidies up, and returns the parts as they are afterwards with AWS's warnings."""
    name = module.params["name"]
    document = build_import_document(definition, name, desired["settings"])
    warnings = put_rest_api(client, api["id"], document, module.params["fail_on_warnings"])
    parts = read_api_parts(client, get_rest_api(client, api["id"]))
    if remove_leftovers(client, parts, desired):
        parts = read_api_parts(client, parts["api"])
    remaining = diff_states(api_to_state(parts), desired)
    if remaining:
        # Without this word the next run would import again, and nobody would know why.
        details = "; ".join(f"{each['where']}: {each['what']}" for each in remaining[:10])
        module.warn(
            f"REST API {name}: after the import AWS holds something else than the definition says ({details}). "
            "Write the definition as AWS holds it, or every run will import it again"
        )
    return parts, warnings


def build_result(client, parts, tags):
    api = parts["api"]
    state = api_to_state(parts)
    root = next((each["id"] for each in parts["resources"] if each["path"] == "/"), api.get("rootResourceId", ""))
    return {
        "id": api["id"],
        "name": api["name"],
        "description": state["settings"]["description"],
        "arn": build_arn(client, f"/restapis/{api['id']}"),
        "root_resource_id": root,
        "host": endpoint_host(client, api["id"]),
        "fingerprint": fingerprint(state),
        "settings": state["settings"],
        "tags": tags,
    }


def would_be(name, desired, tags):
    """What check mode returns of an API that is not there."""
    return {
        "id": "",
        "name": name,
        "description": desired["settings"]["description"],
        "arn": "",
        "root_resource_id": "",
        "host": "",
        "fingerprint": fingerprint(desired),
        "settings": desired["settings"],
        "tags": tags,
    }


def create(client, module, definition, desired):
    params = module.params
    tags = params["tags"] or {}
    nothing: dict = {key: {} for key in ("paths", "authorizers", "gateway_responses", "models", "request_validators")}
    differences = diff_states(nothing, desired)
    result = {"changed": True, "differences": summarise(differences), "diff": as_diff(differences)}
    if module.check_mode:
        return {**result, **would_be(params["name"], desired, tags)}
    api = create_rest_api(client, build_create_request(params["name"], desired["settings"], tags))
    parts, warnings = apply_definition(client, module, api, definition, desired)
    parts = settle(client, module, parts, desired)
    return {**result, "warnings_of_import": warnings, **build_result(client, parts, tags)}


def settle(client, module, parts, desired):
    """Brings the settings to what is wanted, also those that an import reset."""
    wanted = {"name": module.params["name"], **desired["settings"]}
    operations = build_settings_patch(with_name(parts["api"]), wanted)
    if not operations:
        return parts
    update_rest_api(client, parts["api"]["id"], operations)
    return {**parts, "api": get_rest_api(client, parts["api"]["id"])}


def update(client, module, api, definition, desired):
    params = module.params
    parts = read_api_parts(client, api)
    actual = api_to_state(parts)
    differences = diff_states(actual, desired)
    of_settings = diff_settings(actual["settings"], desired["settings"])
    to_set, to_remove, tags = plan_tags(api.get("tags"), params["tags"], params["purge_tags"])
    diff = as_diff([*differences, *of_settings])
    if to_set or to_remove:
        diff["before"]["tags"], diff["after"]["tags"] = api.get("tags") or {}, tags
    result = {
        "changed": bool(differences or of_settings or to_set or to_remove),
        "differences": summarise([*differences, *of_settings]),
        "diff": diff,
    }
    if not module.check_mode:
        if differences:
            parts, result["warnings_of_import"] = apply_definition(client, module, api, definition, desired)
        if differences or of_settings:
            parts = settle(client, module, parts, desired)
        apply_tags(client, build_arn(client, f"/restapis/{api['id']}"), to_set, to_remove)
    return {**result, **build_result(client, parts, tags)}


def ensure_present(client, module, definition):
    desired = document_to_state(definition, choose_options(module.params))
    desired["settings"] = finish_settings(desired["settings"])
    api = find_rest_api(client, module.params["name"])
    if api is None:
        return create(client, module, definition, desired)
    return update(client, module, api, definition, desired)


def ensure_absent(client, module):
    name = module.params["name"]
    api = find_rest_api(client, name)
    if api is None:
        return {"changed": False, "diff": {"before": {}, "after": {}}, "id": "", "name": name}
    changed = True
    if not module.check_mode:
        changed = delete_rest_api(client, api["id"])
    diff = {"before": {"id": api["id"], "name": name}, "after": {}}
    return {"changed": changed, "diff": diff, "id": api["id"], "name": name}


def main():
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "definition": {"type": "raw"},
            "description": {"type": "str"},
            "endpoint_type": {"type": "str", "choices": ["REGIONAL", "EDGE", "PRIVATE"], "default": "REGIONAL"},
            "binary_media_types": {"type": "list", "elements": "str"},
            "minimum_compression_size": {"type": "int"},
            "disable_execute_api_endpoint": {"type": "bool"},
            "api_key_source": {"type": "str", "choices": ["HEADER", "AUTHORIZER"]},
            "fail_on_warnings": {"type": "bool", "default": True},
            "tags": {"type": "dict", "aliases": ["resource_tags"]},
            "purge_tags": {"type": "bool", "default": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ["definition"])],
        supports_check_mode=True,
    )
    params = module.params
    size = params["minimum_compression_size"]
    if size is not None and not -1 <= size <= 10485760:
        module.fail_json(msg=f"minimum_compression_size must be 0 to 10485760, or -1 for none, not {size}")
    client = connect(module)
    try:
        if params["state"] == "absent":
            result = ensure_absent(client, module)
        else:
            result = ensure_present(client, module, parse_definition(params["definition"]))
    except ValueError as e:
        module.fail_json(msg=f"REST API {params['name']}: {e}")
    except AnsibleAWSError as e:
        module.fail_json_aws_error(e)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
