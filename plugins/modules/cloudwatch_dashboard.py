#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: cloudwatch_dashboard
version_added: 0.1.0
short_description: Manage CloudWatch dashboards
description:
  - Creates, updates and deletes CloudWatch dashboards.
  - The body is compared by what it means, so neither the order of keys nor white space makes a difference.
author:
  - "The lks.llm authors (@lks-llm)"
options:
  name:
    description:
      - Name of the dashboard. Letters, digits, C(-) and C(_), at most 255.
    required: true
    type: str
  body:
    description:
      - The dashboard, as a dictionary or as JSON text.
      - Its grammar is described in
        U(https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html).
      - Required when O(state=present).
    type: raw
  state:
    description:
      - Whether the dashboard exists.
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
- name: A dashboard with one graph
  lks.llm.cloudwatch_dashboard:
    name: service
    body:
      widgets:
        - type: metric
          x: 0
          y: 0
          width: 12
          height: 6
          properties:
            title: Requests
            region: us-east-1
            metrics:
              - [AWS/ApiGateway, Count, ApiName, service]

- name: Remove the dashboard
  lks.llm.cloudwatch_dashboard:
    name: service
    state: absent
"""

RETURN = r"""
name:
  description: Name of the dashboard.
  returned: always
  type: str
  sample: "service"
arn:
  description: ARN of the dashboard; an empty string in check mode when it would be created.
  returned: when O(state=present)
  type: str
  sample: "arn:aws:cloudwatch::123456789012:dashboard/service"
body:
  description: The dashboard.
  returned: when O(state=present)
  type: dict
validation_messages:
  description: What AWS found to remark on in a body that it accepted.
  returned: when the dashboard was written
  type: list
  elements: str
  sample: ["/widgets/0/properties/foo: Should NOT have additional properties"]
"""

import contextlib
import json
import re

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports it
    import botocore

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry


class DashboardErrorHandler(AWSErrorHandler):
    @classmethod
    def _is_missing(cls):
        return is_boto3_error_code(["ResourceNotFound", "DashboardNotFoundError"])


@DashboardErrorHandler.list_error_handler("read the dashboard", None)
def get_dashboard(client, name):
    return client.get_dashboard(DashboardName=name, aws_retry=True)


def put_dashboard(client, name, body):
    try:
        answer = client.put_dashboard(DashboardName=name, DashboardBody=json.dumps(body), aws_retry=True)
    except botocore.exceptions.ClientError as e:
        messages = format_messages(find_messages(e.response))
        detail = f" ({'; '.join(messages)})" if messages else ""
        raise AnsibleAWSError(message=f"Failed to write dashboard {name}{detail}", exception=e) from e
    except botocore.exceptions.BotoCoreError as e:
        raise AnsibleAWSError(message=f"Failed to write dashboard {name}", exception=e) from e
    return format_messages(find_messages(answer))


@DashboardErrorHandler.deletion_error_handler("delete the dashboard")
def delete_dashboard(client, name):
    client.delete_dashboards(DashboardNames=[name], aws_retry=True)
    return True


def find_messages(response):
    """A success spells the key with a capital, a refusal without, and beside the error or inside it."""
    for holder in (response, response.get("Error", {})):
        for key in ("DashboardValidationMessages", "dashboardValidationMessages"):
            if holder.get(key):
                return holder[key]
    return []


def format_messages(messages):
    lines = []
    for entry in messages:
        path = entry.get("DataPath") or entry.get("dataPath") or ""
        text = entry.get("Message") or entry.get("message") or ""
        lines.append(f"{path}: {text}" if path else text)
    return lines


def parse_body(body):
    """The body as a dictionary; a ValueError tells what is wrong with it."""
    if isinstance(body, (str, bytes)):
        try:
            body = json.loads(body)
        except ValueError as e:
            raise ValueError(f"body is not JSON: {e}") from e
    if not isinstance(body, dict):
        raise ValueError(f"body must be a dictionary with the key 'widgets', not a {type(body).__name__}")
    if not isinstance(body.get("widgets", []), list):
        raise ValueError("body: 'widgets' must be a list")
    return body


def parse_current(dashboard):
    """What AWS holds; somebody may have stored a body that is no JSON object, which is then just different."""
    try:
        return json.loads(dashboard["DashboardBody"])
    except ValueError:
        return {"unreadable": dashboard["DashboardBody"]}


def ensure_present(client, module, body):
    name = module.params["name"]
    current = get_dashboard(client, name)
    before = parse_current(current) if current else None
    result = {"name": name, "arn": current["DashboardArn"] if current else "", "body": body}
    if before == body:
        return {"changed": False, "diff": {"before": {}, "after": {}}, **result}
    if not module.check_mode:
        result["validation_messages"] = put_dashboard(client, name, body)
        for message in result["validation_messages"]:
            module.warn(f"Dashboard {name}: {message}")
        if not result["arn"]:
            result["arn"] = get_dashboard(client, name)["DashboardArn"]
    return {"changed": True, "diff": {"before": before or {}, "after": body}, **result}


def ensure_absent(client, module):
    name = module.params["name"]
    current = get_dashboard(client, name)
    if current is None:
        return {"changed": False, "diff": {"before": {}, "after": {}}, "name": name}
    changed = True
    if not module.check_mode:
        changed = delete_dashboard(client, name)
    return {"changed": changed, "diff": {"before": parse_current(current), "after": {}}, "name": name}


def main():
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "body": {"type": "raw"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ["body"])],
        supports_check_mode=True,
    )
    name = module.params["name"]
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", name):
        module.fail_json(msg=f"name '{name}' may hold letters, digits, - and _ only, at most 255 of them")
    body = None
    if module.params["state"] == "present":
        try:
            body = parse_body(module.params["body"])
        except ValueError as e:
            module.fail_json(msg=f"Dashboard {name}: {e}")
    client = module.client("cloudwatch", retry_decorator=AWSRetry.jittered_backoff())
    try:
        result = ensure_absent(client, module) if body is None else ensure_present(client, module, body)
    except AnsibleAWSError as e:
        module.fail_json_aws_error(e)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
