#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: apigateway_stage
version_added: 0.1.0
short_description: Manage stages of API Gateway REST APIs, and deploy to them
description:
  - Creates, updates and deletes stages of REST APIs (API Gateway version 1).
  - Deploys the API to the stage when and only when the API is not what the stage's deployment was made of. API Gateway cannot tell, so the
    module writes a fingerprint of the API into the description of each deployment it makes. A deployment made otherwise has none and
    is replaced.
  - Settings of the stage that were changed by hand are set again.
  - Old deployments that no stage uses are removed, but for some to go back to.
author:
  - "The lks.llm authors (@lks-llm)"
options:
  rest_api_id:
    description:
      - Id of the REST API. One of O(rest_api_id) and O(rest_api_name) is required.
    type: str
  rest_api_name:
    description:
      - Name of the REST API. The module fails if there is more than one of this name.
    type: str
  name:
    description:
      - Name of the stage, the first part of the path of its URLs.
    required: true
    type: str
    aliases: [stage_name]
  description:
    description:
      - Description of the stage.
    type: str
  deployment_description:
    description:
      - What the description of a new deployment says before the fingerprint.
    type: str
    default: ""
  access_log:
    description:
      - Access logging of the stage. An empty dictionary turns it off; left alone when not given.
      - Needs the account's CloudWatch role, see M(lks.llm.apigateway_account).
    type: dict
    suboptions:
      destination_arn:
        description:
          - ARN of the log group or of the Firehose stream.
        type: str
      format:
        description:
          - A line of the log, as text or as a dictionary that becomes a line of JSON, with C($context) variables.
          - C($context.requestId) or C($context.extendedRequestId) must be among them.
        type: raw
  method_settings:
    description:
      - Settings of methods. Settings of methods that are not in the list are removed; left alone when not given.
      - What an element does not say is left alone.
    type: list
    elements: dict
    suboptions:
      path:
        description:
          - Path of the resource, such as C(/orders), or C(*) for all.
        type: str
        default: "*"
      http_method:
        description:
          - Method, such as C(GET), or C(*) for all.
        type: str
        default: "*"
      logging_level:
        description:
          - What is written to the execution log.
        choices: ["OFF", "ERROR", "INFO"]
        type: str
      data_trace_enabled:
        description:
          - Whether whole requests and responses are written to the execution log. They may hold secrets.
        type: bool
      metrics_enabled:
        description:
          - Whether metrics are kept for each method.
        type: bool
      throttling_burst_limit:
        description:
          - How many requests may come at once.
        type: int
      throttling_rate_limit:
        description:
          - How many requests a second may come on average.
        type: float
  variables:
    description:
      - The stage's variables. Others are removed; left alone when not given.
    type: dict
  tracing_enabled:
    description:
      - Whether requests are traced with AWS X-Ray.
    type: bool
  keep_deployments:
    description:
      - How many deployments are kept that no stage uses.
    type: int
    default: 5
  state:
    description:
      - Whether the stage exists.
    choices: [present, absent]
    default: present
    type: str
seealso:
  - module: lks.llm.apigateway_rest_api
  - module: lks.llm.apigateway_account
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amazon.aws.tags
"""

EXAMPLES = r"""
# Note: These examples do not set authentication details, see the AWS Guide for details.
- name: Deploy the API to production if it changed
  lks.llm.apigateway_stage:
    rest_api_name: orders
    name: prod
    description: What customers use
    access_log:
      destination_arn: arn:aws:logs:us-east-1:123456789012:log-group:orders-access
      format:
        requestId: $context.requestId
        status: $context.status
    method_settings:
      - logging_level: ERROR
        metrics_enabled: true
        data_trace_enabled: false
        throttling_rate_limit: 100
        throttling_burst_limit: 200
      - path: /orders
        http_method: POST
        throttling_rate_limit: 10
        throttling_burst_limit: 20
    tags:
      Project: example

- name: Delete the stage
  lks.llm.apigateway_stage:
    rest_api_name: orders
    name: prod
    state: absent
"""

RETURN = r"""
rest_api_id:
  description: Id of the API.
  returned: always
  type: str
  sample: "a1b2c3d4e5"
invoke_url:
  description: URL of the stage, without a slash at the end.
  returned: when O(state=present)
  type: str
  sample: "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/prod"
deployment_id:
  description: Id of the deployment that the stage serves; the old one in check mode.
  returned: when O(state=present)
  type: str
  sample: "f6g7h8"
deployed:
  description: Whether the API was deployed, or would be in check mode.
  returned: when O(state=present)
  type: bool
fingerprint:
  description: Hash of the API as it is deployed.
  returned: when O(state=present)
  type: str
  sample: "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
removed_deployments:
  description: Ids of the old deployments that were removed, or would be in check mode.
  returned: when O(state=present)
  type: list
  elements: str
stage:
  description: The stage.
  returned: when O(state=present)
  type: complex
  contains:
    name:
      description: Name of the stage.
      type: str
      sample: "prod"
    description:
      description: Description of the stage.
      type: str
    access_log:
      description: Where access is logged and how.
      type: dict
    method_settings:
      description: Settings by C(PATH/METHOD), with C(*/*) for all.
      type: dict
      sample: {"*/*": {"logging_level": "ERROR", "metrics_enabled": true}}
    variables:
      description: The stage's variables.
      type: dict
    tracing_enabled:
      description: Whether requests are traced.
      type: bool
    tags:
      description: Tags of the stage.
      type: dict
"""

import json
import re

from ansible_collections.amazon.aws.plugins.module_utils.exceptions import (
    AnsibleAWSError,
    is_ansible_aws_error_code,
)
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.lks.llm.plugins.module_utils.apigateway import (
    ApiGatewayError,
    ApiGatewayErrorHandler,
    apply_tags,
    build_arn,
    connect,
    endpoint_host,
    escape_pointer,
    find_rest_api,
    get_rest_api,
    paginate,
    read_api_parts,
    replace_operation,
)
from ansible_collections.lks.llm.plugins.module_utils.apigateway_state import api_to_state, fingerprint
from ansible_collections.lks.llm.plugins.module_utils.tags import plan_tags

FINGERPRINT = re.compile(r"\[state:([0-9a-f]{64})\]")
# Option, step in the path of a patch operation, key in what AWS returns.
METHOD_SETTINGS = (
    ("logging_level", "logging/loglevel", "loggingLevel"),
    ("data_trace_enabled", "logging/dataTrace", "dataTraceEnabled"),
    ("metrics_enabled", "metrics/enabled", "metricsEnabled"),
    ("throttling_burst_limit", "throttling/burstLimit", "throttlingBurstLimit"),
    ("throttling_rate_limit", "throttling/rateLimit", "throttlingRateLimit"),
)


@ApiGatewayErrorHandler.list_error_handler("read the stage", None)
def get_stage(client, api_id, name):
    stage = client.get_stage(restApiId=api_id, stageName=name, aws_retry=True)
    stage.pop("ResponseMetadata", None)
    return stage


@ApiGatewayErrorHandler.common_error_handler("list the stages of the API")
def get_stages(client, api_id):
    return client.get_stages(restApiId=api_id, aws_retry=True).get("item", [])


@ApiGatewayErrorHandler.common_error_handler("list the deployments of the API")
def get_deployments(client, api_id):
    return paginate(client, "get_deployments", restApiId=api_id, PaginationConfig={"PageSize": 500})


@ApiGatewayErrorHandler.common_error_handler("deploy the API")
def create_deployment(client, api_id, description):
    return client.create_deployment(restApiId=api_id, description=description, aws_retry=True)["id"]


@ApiGatewayErrorHandler.deletion_error_handler("delete an old deployment")
def delete_deployment(client, api_id, deployment_id):
    client.delete_deployment(restApiId=api_id, deploymentId=deployment_id, aws_retry=True)
    return True


def create_stage(client, request):
    @ApiGatewayErrorHandler.common_error_handler(f"create stage {request['stageName']}")
    def create():
        stage = client.create_stage(aws_retry=True, **request)
        stage.pop("ResponseMetadata", None)
        return stage

    return create()


def update_stage(client, api_id, name, operations):
    @ApiGatewayErrorHandler.common_error_handler(f"update stage {name}")
    def update():
        stage = client.update_stage(restApiId=api_id, stageName=name, patchOperations=operations, aws_retry=True)
        stage.pop("ResponseMetadata", None)
        return stage

    try:
        return update()
    except is_ansible_aws_error_code("BadRequestException") as e:
        if "CloudWatch Logs role" in str(e):
            raise ApiGatewayError(
                message=f"Stage {name} cannot log: set the account's CloudWatch role first (module apigateway_account)",
                exception=e.exception,
            ) from e
        raise


@ApiGatewayErrorHandler.deletion_error_handler("delete the stage")
def delete_stage(client, api_id, name):
    client.delete_stage(restApiId=api_id, stageName=name, aws_retry=True)
    return True


def fingerprint_of_deployment(deployments, deployment_id):
    """The fingerprint in the description of a deployment, or an empty string."""
    for deployment in deployments:
        if deployment["id"] == deployment_id:
            found = FINGERPRINT.search(deployment.get("description") or "")
            return found.group(1) if found else ""
    return ""


def build_deployment_description(text, mark):
    return f"{text} [state:{mark}]".strip()


def old_deployments(deployments, stages, keep):
    """Ids of the deployments to remove: used by no stage and no canary, the newest of them kept."""
    used = {stage.get("deploymentId") for stage in stages}
    used |= {(stage.get("canarySettings") or {}).get("deploymentId") for stage in stages}
    unused = [each for each in deployments if each["id"] not in used]
    unused.sort(key=lambda each: (str(each.get("createdDate", "")), each["id"]), reverse=True)
    return [each["id"] for each in unused[keep:]]


def normalise_log_format(value):
    """A log line is one line; a dictionary becomes JSON with its keys in the order given."""
    if value is None:
        return None
    return json.dumps(value) if isinstance(value, (dict, list)) else str(value).rstrip("\n")


def same_log_format(current, wanted):
    if current == wanted:
        return True
    try:
        return json.loads(current or "") == json.loads(wanted or "")
    except ValueError:
        return False


def normalise_access_log(settings):
    # AWS and its other APIs do not agree on whether the ARN of a log group ends in :*.
    settings = settings or {}
    return {
        "destination_arn": (settings.get("destinationArn") or "").removesuffix(":*"),
        "format": settings.get("format") or "",
    }


def setting_key(path, method):
    """The key of a method's settings, however the path is escaped: /orders, ~1orders and orders are the same."""
    return f"{path.replace('~1', '/').strip('/') if path != '/' else '/'}/{method}"


def normalise_method_settings(settings):
    result = {}
    for key, values in (settings or {}).items():
        path, dummy, method = key.rpartition("/")
        names = {aws: option for option, _step, aws in METHOD_SETTINGS}
        result[setting_key(path or "/", method)] = {
            option: values[aws] for aws, option in names.items() if values.get(aws) is not None
        }
    return result


def normalise_stage(stage):
    stage = stage or {}
    return {
        "description": stage.get("description") or "",
        "access_log": normalise_access_log(stage.get("accessLogSettings")),
        "method_settings": normalise_method_settings(stage.get("methodSettings")),
        "variables": dict(stage.get("variables") or {}),
        "tracing_enabled": bool(stage.get("tracingEnabled", False)),
    }


def build_desired(params):
    """What was asked for, in the form of normalise_stage; what was not asked for is missing."""
    desired = {}
    if params["description"] is not None:
        desired["description"] = params["description"]
    if params["access_log"] is not None:
        desired["access_log"] = {
            "destination_arn": (params["access_log"].get("destination_arn") or "").removesuffix(":*"),
            "format": normalise_log_format(params["access_log"].get("format")) or "",
        }
    if params["method_settings"] is not None:
        desired["method_settings"] = {
            setting_key(each["path"], each["http_method"]): {
                option: each[option] for option, _step, _aws in METHOD_SETTINGS if each.get(option) is not None
            }
            for each in params["method_settings"]
        }
    if params["variables"] is not None:
        desired["variables"] = {key: str(value) for key, value in params["variables"].items()}
    if params["tracing_enabled"] is not None:
        desired["tracing_enabled"] = params["tracing_enabled"]
    return desired


def patch_key(key):
    path, dummy, method = key.rpartition("/")
    if path == "*":
        return f"/*/{method}"
    return f"/{escape_pointer('/' + path.strip('/'))}/{method}"


def patch_access_log(current, wanted):
    if not wanted["destination_arn"]:
        return [{"op": "remove", "path": "/accessLogSettings"}] if current["destination_arn"] else []
    operations = []
    if current["destination_arn"] != wanted["destination_arn"]:
        operations.append(replace_operation("/accessLogSettings/destinationArn", wanted["destination_arn"]))
    if not same_log_format(current["format"], wanted["format"]):
        operations.append(replace_operation("/accessLogSettings/format", wanted["format"]))
    return operations


def patch_method_settings(current, wanted):
    operations = []
    for key in sorted(wanted):
        for option, step, _aws in METHOD_SETTINGS:
            value = wanted[key].get(option)
            if value is not None and current.get(key, {}).get(option) != value:
                operations.append(replace_operation(f"{patch_key(key)}/{step}", value))
    for key in sorted(set(current) - set(wanted)):
        operations.append({"op": "remove", "path": patch_key(key)})
    return operations


def patch_variables(current, wanted):
    operations = [
        replace_operation(f"/variables/{escape_pointer(key)}", value)
        for key, value in sorted(wanted.items())
        if current.get(key) != value
    ]
    gone = sorted(set(current) - set(wanted))
    return operations + [{"op": "remove", "path": f"/variables/{escape_pointer(key)}"} for key in gone]


def build_patch(current, desired):
    """Patch operations that bring a stage to what was asked for."""
    operations = []
    if "description" in desired and current["description"] != desired["description"]:
        operations.append(replace_operation("/description", desired["description"]))
    if "access_log" in desired:
        operations.extend(patch_access_log(current["access_log"], desired["access_log"]))
    if "method_settings" in desired:
        operations.extend(patch_method_settings(current["method_settings"], desired["method_settings"]))
    if "variables" in desired:
        operations.extend(patch_variables(current["variables"], desired["variables"]))
    if "tracing_enabled" in desired and current["tracing_enabled"] != desired["tracing_enabled"]:
        operations.append(replace_operation("/tracingEnabled", desired["tracing_enabled"]))
    return operations


def merge_desired(current, desired):
    """What the stage is after the patch."""
    merged = {**current, **desired}
    if "method_settings" in desired:
        merged["method_settings"] = {
            key: {**current["method_settings"].get(key, {}), **values}
            for key, values in desired["method_settings"].items()
        }
    return merged


def diff_stages(current, after):
    before = {key: value for key, value in current.items() if after[key] != value}
    return {"before": before, "after": {key: after[key] for key in before}}


def find_api(client, params):
    if params["rest_api_id"]:
        return get_rest_api(client, params["rest_api_id"])
    return find_rest_api(client, params["rest_api_name"]) if params["rest_api_name"] else None


def describe_api(params):
    return params["rest_api_name"] or params["rest_api_id"] or "(id not known yet)"


def build_result(client, params, facts):
    """facts: api_id, deployment_id, deployed, fingerprint, removed, stage (normalised), tags."""
    api_id = facts["api_id"]
    url = f"https://{endpoint_host(client, api_id)}/{params['name']}" if api_id else ""
    return {
        "rest_api_id": api_id,
        "invoke_url": url,
        "deployment_id": facts["deployment_id"],
        "deployed": facts["deployed"],
        "fingerprint": facts["fingerprint"],
        "removed_deployments": facts["removed"],
        "stage": {"name": params["name"], **facts["stage"], "tags": facts["tags"]},
    }


def missing_api(client, module, desired):
    """In check mode an API may be one that an earlier task would have created."""
    params = module.params
    if not module.check_mode:
        module.fail_json(
            msg=f"Stage {params['name']}: there is no REST API {describe_api(params)} in {module.region}; create it first"
        )
    stage = merge_desired(normalise_stage(None), desired)
    facts = {"api_id": "", "deployment_id": "", "deployed": True, "fingerprint": "", "removed": [], "stage": stage}
    facts["tags"] = params["tags"] or {}
    return {"changed": True, "diff": {"before": {}, "after": stage}, **build_result(client, params, facts)}


def build_stage_request(params, api_id, deployment_id):
    request = {"restApiId": api_id, "stageName": params["name"], "deploymentId": deployment_id}
    if params["description"]:
        request["description"] = params["description"]
    if params["variables"]:
        request["variables"] = {key: str(value) for key, value in params["variables"].items()}
    if params["tracing_enabled"] is not None:
        request["tracingEnabled"] = params["tracing_enabled"]
    if params["tags"]:
        request["tags"] = params["tags"]
    return request


def deploy(client, params, api_id, mark):
    return create_deployment(client, api_id, build_deployment_description(params["deployment_description"], mark))


def prune(client, module, api_id, deployments, stages):
    """Removes old deployments; what check mode returns leaves out the one that would become old by deploying."""
    removed = []
    for deployment_id in old_deployments(deployments, stages, module.params["keep_deployments"]):
        if module.check_mode or delete_deployment(client, api_id, deployment_id):
            removed.append(deployment_id)
    return removed


def ensure_present(client, module):
    params = module.params
    desired = build_desired(params)
    api = find_api(client, params)
    if api is None:
        return missing_api(client, module, desired)
    api_id = api["id"]
    mark = fingerprint(api_to_state(read_api_parts(client, api)))
    stages = get_stages(client, api_id)
    stage = next((each for each in stages if each["stageName"] == params["name"]), None)
    deployments = get_deployments(client, api_id)
    current = normalise_stage(stage)
    after = merge_desired(current, desired)
    deployment_id = (stage or {}).get("deploymentId", "")
    deployed = stage is None or fingerprint_of_deployment(deployments, deployment_id) != mark
    operations = build_patch(current, desired)
    to_set, to_remove, tags = plan_tags((stage or {}).get("tags"), params["tags"], params["purge_tags"])
    changed = deployed or bool(operations or to_set or to_remove)

    diff = diff_stages(current, after)
    if deployed:
        diff["before"]["deployed_state"] = fingerprint_of_deployment(deployments, deployment_id)
        diff["after"]["deployed_state"] = mark
    if to_set or to_remove:
        diff["before"]["tags"], diff["after"]["tags"] = (stage or {}).get("tags") or {}, tags

    if changed and not module.check_mode:
        if deployed:
            deployment_id = deploy(client, params, api_id, mark)
        if stage is None:
            stage = create_stage(client, build_stage_request(params, api_id, deployment_id))
            operations = build_patch(normalise_stage(stage), desired)
        else:
            if deployed:
                operations = [replace_operation("/deploymentId", deployment_id), *operations]
            apply_tags(client, build_arn(client, f"/restapis/{api_id}/stages/{params['name']}"), to_set, to_remove)
        if operations:
            stage = update_stage(client, api_id, params["name"], operations)
        after = normalise_stage(stage)
        deployments, stages = get_deployments(client, api_id), get_stages(client, api_id)

    removed = prune(client, module, api_id, deployments, stages)
    facts = {
        "api_id": api_id,
        "deployment_id": deployment_id,
        "deployed": deployed,
        "fingerprint": mark,
        "removed": removed,
        "stage": after,
        "tags": tags,
    }
    return {"changed": changed or bool(removed), "diff": diff, **build_result(client, params, facts)}


def ensure_absent(client, module):
    params = module.params
    unchanged = {"changed": False, "diff": {"before": {}, "after": {}}, "rest_api_id": ""}
    api = find_api(client, params)
    if api is None:
        return unchanged
    stage = get_stage(client, api["id"], params["name"])
    if stage is None:
        return {**unchanged, "rest_api_id": api["id"]}
    changed = True
    if not module.check_mode:
        changed = delete_stage(client, api["id"], params["name"])
    diff = {"before": {"name": params["name"], **normalise_stage(stage)}, "after": {}}
    return {"changed": changed, "diff": diff, "rest_api_id": api["id"]}


def check_params(params):
    """What an argument spec cannot say; returns the complaint or None."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", params["name"]):
        return f"name '{params['name']}' may hold letters, digits, - and _ only, at most 128 of them"
    for key in params["variables"] or {}:
        if not re.fullmatch(r"[A-Za-z0-9_]+", key):
            return f"variables: '{key}' may hold letters, digits and _ only"
    line = normalise_log_format((params["access_log"] or {}).get("format")) or ""
    if "\n" in line:
        return "access_log: format must be one line"
    if line and not re.search(r"\$context\.(requestId|extendedRequestId)\b", line):
        return "access_log: format must hold $context.requestId or $context.extendedRequestId; AWS takes none without"
    if params["keep_deployments"] < 0:
        return "keep_deployments must not be negative"
    return None


def main():
    module = AnsibleAWSModule(
        argument_spec={
            "rest_api_id": {"type": "str"},
            "rest_api_name": {"type": "str"},
            "name": {"type": "str", "required": True, "aliases": ["stage_name"]},
            "description": {"type": "str"},
            "deployment_description": {"type": "str", "default": ""},
            "access_log": {
                "type": "dict",
                "options": {"destination_arn": {"type": "str"}, "format": {"type": "raw"}},
                "required_together": [("destination_arn", "format")],
            },
            "method_settings": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "path": {"type": "str", "default": "*"},
                    "http_method": {"type": "str", "default": "*"},
                    "logging_level": {"type": "str", "choices": ["OFF", "ERROR", "INFO"]},
                    "data_trace_enabled": {"type": "bool"},
                    "metrics_enabled": {"type": "bool"},
                    "throttling_burst_limit": {"type": "int"},
                    "throttling_rate_limit": {"type": "float"},
                },
            },
            "variables": {"type": "dict"},
            "tracing_enabled": {"type": "bool"},
            "keep_deployments": {"type": "int", "default": 5},
            "tags": {"type": "dict", "aliases": ["resource_tags"]},
            "purge_tags": {"type": "bool", "default": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_one_of=[("rest_api_id", "rest_api_name")],
        mutually_exclusive=[("rest_api_id", "rest_api_name")],
        supports_check_mode=True,
    )
    complaint = check_params(module.params)
    if complaint:
        module.fail_json(msg=complaint)
    client = connect(module)
    try:
        result = ensure_absent(client, module) if module.params["state"] == "absent" else ensure_present(client, module)
    except AnsibleAWSError as e:
        module.fail_json_aws_error(e)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
