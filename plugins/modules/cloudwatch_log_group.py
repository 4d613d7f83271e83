#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: cloudwatch_log_group
version_added: 0.1.0
short_description: Manage CloudWatch log groups
description:
  - Creates, updates and deletes log groups of CloudWatch Logs.
  - In contrast to M(amazon.aws.cloudwatchlogs_log_group) check mode makes no change, a diff is given,
    and events are never lost by an update.
author:
  - "The lks.llm authors (@lks-llm)"
options:
  name:
    description:
      - Name of the log group. Letters, digits and C(_), C(-), C(/), C(.), C(#), at most 512.
    required: true
    type: str
  retention_in_days:
    description:
      - How many days events are kept; V(0) keeps them for ever.
      - When it is not given, what the group has stays.
    choices: [0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]
    type: int
  kms_key_id:
    description:
      - ARN of the KMS key that encrypts events from now on; an empty string goes back to the key of CloudWatch Logs.
      - When it is not given, what the group has stays.
    type: str
  state:
    description:
      - Whether the log group exists. With V(absent) its events are deleted with it.
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
- name: A group that keeps two weeks
  lks.llm.cloudwatch_log_group:
    name: /aws/lambda/service
    retention_in_days: 14
    tags:
      Project: service

- name: Remove the group and its events
  lks.llm.cloudwatch_log_group:
    name: /aws/lambda/service
    state: absent
"""

RETURN = r"""
log_group:
  description: The log group as it is now, or as it would be in check mode.
  returned: when O(state=present)
  type: dict
  contains:
    name:
      description: Name of the group.
      type: str
      sample: "/aws/lambda/service"
    arn:
      description: ARN of the group, without the C(:*) at its end; an empty string in check mode when it would be created.
      type: str
      sample: "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/service"
    retention_in_days:
      description: How many days events are kept, V(0) for ever.
      type: int
      sample: 14
    kms_key_id:
      description: ARN of the key, or an empty string.
      type: str
      sample: ""
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
from ansible_collections.lks.llm.plugins.module_utils.tags import plan_tags

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
RETENTIONS = [
    0,
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
]
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
NAME = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")


class LogGroupErrorHandler(AWSErrorHandler):
    @classmethod
    def _is_missing(cls):
        return is_boto3_error_code("ResourceNotFoundException")


@LogGroupErrorHandler.common_error_handler("read the log group")
@AWSRetry.jittered_backoff()
def get_log_group(client, name):
    """The group with its tags, as `log_group` of RETURN, or None; of all that begin with the name it is the one."""
    paginator = client.get_paginator("describe_log_groups")
    for page in paginator.paginate(logGroupNamePrefix=name):
        for group in page["logGroups"]:
            if group["logGroupName"] == name:
                arn = group["arn"].removesuffix(":*")
                return {
                    "name": name,
                    "arn": arn,
                    "retention_in_days": group.get("retentionInDays", 0),
                    "kms_key_id": group.get("kmsKeyId", ""),
                    "tags": client.list_tags_for_resource(resourceArn=arn, aws_retry=True).get("tags", {}),
                }
    return None


@LogGroupErrorHandler.common_error_handler("create the log group")
def create_log_group(client, wanted):
    arguments = {"logGroupName": wanted["name"]}
    if wanted["tags"]:
        arguments["tags"] = wanted["tags"]
    if wanted["kms_key_id"]:
        arguments["kmsKeyId"] = wanted["kms_key_id"]
    client.create_log_group(aws_retry=True, **arguments)


@LogGroupErrorHandler.common_error_handler("set the retention of the log group")
def set_retention(client, name, days):
    if days:
        client.put_retention_policy(logGroupName=name, retentionInDays=days, aws_retry=True)
    else:
        client.delete_retention_policy(logGroupName=name, aws_retry=True)


@LogGroupErrorHandler.common_error_handler("set the key of the log group")
def set_key(client, name, key):
    if key:
        client.associate_kms_key(logGroupName=name, kmsKeyId=key, aws_retry=True)
    else:
        client.disassociate_kms_key(logGroupName=name, aws_retry=True)


@LogGroupErrorHandler.common_error_handler("tag the log group")
def set_tags(client, arn, to_set, to_remove):
    if to_remove:
        client.untag_resource(resourceArn=arn, tagKeys=to_remove, aws_retry=True)
    if to_set:
        client.tag_resource(resourceArn=arn, tags=to_set, aws_retry=True)


@LogGroupErrorHandler.deletion_error_handler("delete the log group")
def delete_log_group(client, name):
    client.delete_log_group(logGroupName=name, aws_retry=True)
    return True


def build_wanted(current, params):
    """The group as it should be, from what there is (None: nothing) and what was asked for."""
    base = current or {"name": params["name"], "arn": "", "retention_in_days": 0, "kms_key_id": "", "tags": {}}
    given = {key: params[key] for key in ("retention_in_days", "kms_key_id") if params[key] is not None}
    tags = plan_tags(base["tags"], params["tags"], params["purge_tags"])[2]
    return {**base, **given, "tags": tags}


def ensure_present(client, module):
    name = module.params["name"]
    current = get_log_group(client, name)
    wanted = build_wanted(current, module.params)
    changed = current != wanted
    if changed and not module.check_mode:
        if current is None:
            create_log_group(client, wanted)
            current = {**wanted, "retention_in_days": 0}
        if current["retention_in_days"] != wanted["retention_in_days"]:
            set_retention(client, name, wanted["retention_in_days"])
        if current["kms_key_id"] != wanted["kms_key_id"]:
            set_key(client, name, wanted["kms_key_id"])
        to_set, to_remove, after = plan_tags(current["tags"], module.params["tags"], module.params["purge_tags"])
        set_tags(client, current["arn"], to_set, to_remove)
        wanted = get_log_group(client, name) if not current["arn"] else {**wanted, "tags": after}
    return current, wanted, changed


def main():
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "retention_in_days": {"type": "int", "choices": RETENTIONS},
            "kms_key_id": {"type": "str"},
            "tags": {"type": "dict", "aliases": ["resource_tags"]},
            "purge_tags": {"type": "bool", "default": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        supports_check_mode=True,
    )
    name = module.params["name"]
    if not NAME.fullmatch(name):
        module.fail_json(msg=f"name '{name}' may hold letters, digits and _ - / . # only, at most 512 of them")
    client = module.client("logs", retry_decorator=AWSRetry.jittered_backoff())
    try:
        if module.params["state"] == "present":
            before, after, changed = ensure_present(client, module)
            result = {"changed": changed, "log_group": after}
        else:
            before, after = get_log_group(client, name), {}
            changed = before is not None
            if changed and not module.check_mode:
                changed = delete_log_group(client, name)
            result = {"changed": changed}
    except AnsibleAWSError as e:
        module.fail_json_aws_error(e)
    module.exit_json(
        diff={"before": before or {}, "after": after} if changed else {"before": {}, "after": {}}, **result
    )


if __name__ == "__main__":
    main()
