#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: rds_parameter_group
version_added: 0.1.0
short_description: Manage RDS DB parameter groups
description:
  - Creates, updates and deletes DB parameter groups of RDS.
  - In contrast to M(amazon.aws.rds_instance_param_group) check mode and diff tell of parameters that differ,
    and a parameter that cannot be set is an error.
author:
  - "The lks.llm authors (@lks-llm)"
options:
  name:
    description:
      - Name of the group. Letters, digits and single hyphens, beginning with a letter, at most 255; RDS keeps it in lower case.
    required: true
    type: str
  family:
    description:
      - Family of the engine's version, such as V(postgres17). It cannot be changed later.
      - Required when O(state=present).
    type: str
  description:
    description:
      - Description of the group. It cannot be changed later.
      - Required when O(state=present).
    type: str
  parameters:
    description:
      - Names and values of the parameters to set. Dynamic ones apply at once, static ones when the instance is rebooted.
    default: {}
    type: dict
  purge_parameters:
    description:
      - Whether parameters that somebody set and that O(parameters) does not name go back to their defaults.
    default: true
    type: bool
  state:
    description:
      - Whether the group exists.
    choices: [present, absent]
    default: present
    type: str
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.tags
  - amazon.aws.boto3
"""

EXAMPLES = r"""
# Note: These examples do not set authentication details, see the AWS Guide for details.
- name: PostgreSQL that speaks TLS only
  lks.llm.rds_parameter_group:
    name: service-parameters
    family: postgres17
    description: PostgreSQL that speaks TLS only
    parameters:
      rds.force_ssl: 1

- name: Remove the group
  lks.llm.rds_parameter_group:
    name: service-parameters
    state: absent
"""

RETURN = r"""
parameter_group:
  description: The group as it is now, or as it would be in check mode.
  returned: when O(state=present)
  type: dict
  contains:
    name:
      description: Name of the group.
      type: str
      sample: "service-parameters"
    arn:
      description: ARN of the group; an empty string in check mode when it would be created.
      type: str
      sample: "arn:aws:rds:us-east-1:123456789012:pg:service-parameters"
    family:
      description: Family of the group.
      type: str
      sample: "postgres17"
    description:
      description: Description of the group.
      type: str
      sample: "PostgreSQL that speaks TLS only"
    parameters:
      description: The parameters that differ from the family's defaults because somebody set them.
      type: dict
      sample: {"rds.force_ssl": "1"}
    tags:
      description: Tags of the group.
      type: dict
      sample: {"Project": "service"}
"""

import re

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.amazon.aws.plugins.module_utils.tagging import (
    ansible_dict_to_boto3_tag_list,
    boto3_tag_list_to_ansible_dict,
)
from ansible_collections.lks.llm.plugins.module_utils.tags import plan_tags

# https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBParameterGroup.html
NAME = re.compile(r"(?=.{1,255}\Z)[a-z](-?[a-z0-9])*")
# https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBParameterGroup.html
PARAMETERS_AT_ONCE = 20


class ParameterGroupErrorHandler(AWSErrorHandler):
    @classmethod
    def _is_missing(cls):
        return is_boto3_error_code(["DBParameterGroupNotFound", "DBParameterGroupNotFoundFault"])


@AWSRetry.jittered_backoff()
def describe_parameters(client, name, **which):
    pages = client.get_paginator("describe_db_parameters").paginate(DBParameterGroupName=name, **which)
    return {each["ParameterName"]: each for page in pages for each in page["Parameters"]}


@ParameterGroupErrorHandler.list_error_handler("read the parameter group", None)
def get_group(client, name):
    """The group as `parameter_group` of RETURN, or None."""
    group = client.describe_db_parameter_groups(DBParameterGroupName=name, aws_retry=True)["DBParameterGroups"][0]
    arn = group["DBParameterGroupArn"]
    tags = client.list_tags_for_resource(ResourceName=arn, aws_retry=True)["TagList"]
    chosen = describe_parameters(client, name, Source="user")
    return {
        "name": name,
        "arn": arn,
        "family": group["DBParameterGroupFamily"],
        "description": group["Description"],
        "parameters": {key: each.get("ParameterValue", "") for key, each in chosen.items()},
        "tags": boto3_tag_list_to_ansible_dict(tags),
    }


@ParameterGroupErrorHandler.common_error_handler("create the parameter group")
def create_group(client, wanted):
    answer = client.create_db_parameter_group(
        DBParameterGroupName=wanted["name"],
        DBParameterGroupFamily=wanted["family"],
        Description=wanted["description"],
        Tags=ansible_dict_to_boto3_tag_list(wanted["tags"]),
        aws_retry=True,
    )
    return answer["DBParameterGroup"]["DBParameterGroupArn"]


@ParameterGroupErrorHandler.common_error_handler("read the parameters of the group")
def read_parameters(client, name):
    return describe_parameters(client, name)


@ParameterGroupErrorHandler.common_error_handler("set the parameters of the group")
def modify_parameters(client, name, parameters):
    for start in range(0, len(parameters), PARAMETERS_AT_ONCE):
        part = parameters[start : start + PARAMETERS_AT_ONCE]
        client.modify_db_parameter_group(DBParameterGroupName=name, Parameters=part, aws_retry=True)


@ParameterGroupErrorHandler.common_error_handler("reset the parameters of the group")
def reset_parameters(client, name, parameters):
    for start in range(0, len(parameters), PARAMETERS_AT_ONCE):
        part = parameters[start : start + PARAMETERS_AT_ONCE]
        client.reset_db_parameter_group(DBParameterGroupName=name, Parameters=part, aws_retry=True)


@ParameterGroupErrorHandler.common_error_handler("tag the parameter group")
def set_tags(client, arn, to_set, to_remove):
    if to_remove:
        client.remove_tags_from_resource(ResourceName=arn, TagKeys=to_remove, aws_retry=True)
    if to_set:
        client.add_tags_to_resource(ResourceName=arn, Tags=ansible_dict_to_boto3_tag_list(to_set), aws_retry=True)


@ParameterGroupErrorHandler.deletion_error_handler("delete the parameter group")
def delete_group(client, name):
    client.delete_db_parameter_group(DBParameterGroupName=name, aws_retry=True)
    return True


def build_wanted(current, params):
    """The group as it should be, from what there is (None: nothing) and what was asked for."""
    base = current or {"name": params["name"], "arn": "", "parameters": {}, "tags": {}}
    given = {key: as_text(value) for key, value in params["parameters"].items()}
    kept = {} if params["purge_parameters"] else base["parameters"]
    return {
        **base,
        "family": params["family"],
        "description": params["description"],
        "parameters": {**kept, **given},
        "tags": plan_tags(base["tags"], params["tags"], params["purge_tags"])[2],
    }


def as_text(value):
    """RDS writes yes and no as 1 and 0."""
    return str(int(value)) if isinstance(value, bool) else str(value)


def build_changes(parameters, known):
    """What to hand to RDS for these values; a ValueError names what cannot be set. `known` is what the family has."""
    changes = []
    for key, value in sorted(parameters.items()):
        if key not in known:
            raise ValueError(f"parameter '{key}' is none of the family's")
        if not known[key].get("IsModifiable"):
            raise ValueError(f"parameter '{key}' is fixed by RDS")
        changes.append({"ParameterName": key, "ParameterValue": value, "ApplyMethod": apply_method(known[key])})
    return changes


def apply_method(parameter):
    return "immediate" if parameter.get("ApplyType") == "dynamic" else "pending-reboot"


def set_parameters(client, module, current, wanted):
    name = wanted["name"]
    differing = {key: value for key, value in wanted["parameters"].items() if current["parameters"].get(key) != value}
    superfluous = sorted(set(current["parameters"]) - set(wanted["parameters"]))
    if not differing and not superfluous:
        return
    if module.check_mode and not current["arn"]:
        return  # of a group that is not there yet, RDS does not tell which parameters it would have
    known = read_parameters(client, name)
    try:
        changes = build_changes(differing, known)
    except ValueError as e:
        module.fail_json(msg=f"Parameter group {name}: {e}")
    if not module.check_mode:
        modify_parameters(client, name, changes)
        gone = [{"ParameterName": key, "ApplyMethod": apply_method(known[key])} for key in superfluous]
        reset_parameters(client, name, gone)


def ensure_present(client, module):
    current = get_group(client, module.params["name"])
    wanted = build_wanted(current, module.params)
    if current:
        for key in ("family", "description"):
            if current[key] != wanted[key]:
                module.fail_json(
                    msg=f"Parameter group {wanted['name']}: its {key} is '{current[key]}' and cannot be changed to "
                    f"'{wanted[key]}'. Use another name, or delete the group first."
                )
    changed = current != wanted
    if changed:
        start = current or {**wanted, "parameters": {}, "arn": ""}
        if current is None and not module.check_mode:
            start["arn"] = wanted["arn"] = create_group(client, wanted)
        set_parameters(client, module, start, wanted)
        if not module.check_mode:
            to_set, to_remove, _after = plan_tags(start["tags"], module.params["tags"], module.params["purge_tags"])
            set_tags(client, wanted["arn"], to_set, to_remove)
    return current, wanted, changed


def main():
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "family": {"type": "str"},
            "description": {"type": "str"},
            "parameters": {"type": "dict", "default": {}},
            "purge_parameters": {"type": "bool", "default": True},
            "tags": {"type": "dict", "aliases": ["resource_tags"]},
            "purge_tags": {"type": "bool", "default": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ["family", "description"])],
        supports_check_mode=True,
    )
    name = module.params["name"]
    if not NAME.fullmatch(name):
        module.fail_json(
            msg=f"name '{name}' may hold lower case letters, digits and single hyphens, beginning with a letter, at most 255"
        )
    client = module.client("rds", retry_decorator=AWSRetry.jittered_backoff())
    try:
        if module.params["state"] == "present":
            before, after, changed = ensure_present(client, module)
            result = {"changed": changed, "parameter_group": after}
        else:
            before, after = get_group(client, name), {}
            changed = before is not None
            if changed and not module.check_mode:
                changed = delete_group(client, name)
            result = {"changed": changed}
    except AnsibleAWSError as e:
        module.fail_json_aws_error(e)
    module.exit_json(
        diff={"before": before or {}, "after": after} if changed else {"before": {}, "after": {}}, **result
    )


if __name__ == "__main__":
    main()
