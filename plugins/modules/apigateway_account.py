#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: apigateway_account
version_added: 0.1.0
short_description: Manage API Gateway's settings for an account in a region
description:
  - Sets or removes the IAM role with which API Gateway writes logs of REST API stages to CloudWatch.
  - A stage cannot have access logs or execution logs before this role is set.
  - The setting is one for all REST and WebSocket APIs of the account in the region.
author:
  - "The lks.llm authors (@lks-llm)"
options:
  cloudwatch_role_arn:
    description:
      - ARN of the role.
      - The role must trust C(apigateway.amazonaws.com) and be allowed to write to CloudWatch Logs, or AWS refuses it.
      - Required when O(state=present).
    type: str
  state:
    description:
      - Whether a role is set.
    choices: [present, absent]
    default: present
    type: str
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
# Note: These examples do not set authentication details, see the AWS Guide for details.
- name: Let API Gateway write to CloudWatch Logs
  lks.llm.apigateway_account:
    cloudwatch_role_arn: arn:aws:iam::123456789012:role/api-gateway-logs

- name: No longer let API Gateway write to CloudWatch Logs
  lks.llm.apigateway_account:
    state: absent
"""

RETURN = r"""
cloudwatch_role_arn:
  description: ARN of the role that API Gateway writes logs with, or an empty string.
  returned: always
  type: str
  sample: "arn:aws:iam::123456789012:role/api-gateway-logs"
throttle_settings:
  description: The account's limits of requests.
  returned: when AWS reports them
  type: dict
  sample: {"burst_limit": 5000, "rate_limit": 10000.0}
"""

from ansible.module_utils.common.dict_transformations import camel_dict_to_snake_dict
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.lks.llm.plugins.module_utils.apigateway import (
    ApiGatewayErrorHandler,
    connect,
    replace_operation,
)


@ApiGatewayErrorHandler.common_error_handler("read API Gateway's account settings")
def get_account(client):
    return client.get_account(aws_retry=True)


def update_account(client, role_arn):
    @ApiGatewayErrorHandler.common_error_handler(f"set API Gateway's CloudWatch role to '{role_arn}'")
    def update():
        return client.update_account(
            patchOperations=[replace_operation("/cloudwatchRoleArn", role_arn)], aws_retry=True
        )

    return update()


def normalise_account(account):
    result = {"cloudwatch_role_arn": account.get("cloudwatchRoleArn") or ""}
    if account.get("throttleSettings"):
        result["throttle_settings"] = camel_dict_to_snake_dict(account["throttleSettings"])
    return result


def ensure_role(client, role_arn, check_mode):
    before = normalise_account(get_account(client))
    if before["cloudwatch_role_arn"] == role_arn:
        return {"changed": False, "diff": {"before": {}, "after": {}}, **before}
    after = {**before, "cloudwatch_role_arn": role_arn}
    if not check_mode:
        update_account(client, role_arn)
    diff = {
        "before": {"cloudwatch_role_arn": before["cloudwatch_role_arn"]},
        "after": {"cloudwatch_role_arn": role_arn},
    }
    return {"changed": True, "diff": diff, **after}


def main():
    module = AnsibleAWSModule(
        argument_spec={
            "cloudwatch_role_arn": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ["cloudwatch_role_arn"])],
        supports_check_mode=True,
    )
    role_arn = module.params["cloudwatch_role_arn"] if module.params["state"] == "present" else ""
    if module.params["state"] == "present" and not role_arn.startswith("arn:"):
        module.fail_json(msg=f"cloudwatch_role_arn must be the ARN of a role, not '{role_arn}'")
    try:
        result = ensure_role(connect(module), role_arn, module.check_mode)
    except AnsibleAWSError as e:
        module.fail_json_aws_error(e)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
