#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: elbv2_application_load_balancer
version_added: 0.1.0
short_description: Manage an application load balancer with its listeners and rules
description:
  - Creates, updates and deletes an application load balancer (ALB), its HTTP listeners and their rules.
  - Listeners are told apart by their port, rules by what they match and do. Rules change places all at once and those that are no longer
    asked for go last, so that no request misses its rule meanwhile.
  - In contrast to M(amazon.aws.elb_application_lb) it tags listeners and rules, shows in check mode and diff what differs, deletes
    a load balancer that is itself the target of a network load balancer, takes any attribute, and retries when AWS throttles.
    It knows neither HTTPS, redirects nor authentication.
  - O(tags) are those of the load balancer, of its listeners, and of its rules.
author:
  - "The lks.llm authors (@lks-llm)"
options:
  name:
    description:
      - Name of the load balancer, 32 letters, digits and hyphens at most.
    required: true
    type: str
  scheme:
    description:
      - Whether it has private addresses only. AWS cannot change it later.
    choices: [internal, internet-facing]
    default: internal
    type: str
  subnets:
    description:
      - Ids of subnets, one in each of at least two availability zones.
      - Required when O(state=present).
    type: list
    elements: str
  security_groups:
    description:
      - Ids of security groups.
      - Required when O(state=present).
    type: list
    elements: str
  attributes:
    description:
      - Attributes by AWS's names, such as C(idle_timeout.timeout_seconds). Others are left alone.
    type: dict
  listeners:
    description:
      - The listeners. Others are deleted. Left alone when not given.
    type: list
    elements: dict
    suboptions:
      port:
        description:
          - Port of the listener.
        required: true
        type: int
      protocol:
        description:
          - Protocol of the listener.
        choices: [HTTP]
        default: HTTP
        type: str
      default_action:
        description:
          - What happens to a request that no rule matches.
        required: true
        type: dict
        suboptions:
          type:
            description:
              - V(forward) to a target group, or a V(fixed-response).
            choices: [forward, fixed-response]
            required: true
            type: str
          target_group_name:
            description:
              - Name of the target group. Required for V(forward).
            type: str
          status_code:
            description:
              - HTTP status, 2xx, 4xx or 5xx. Required for V(fixed-response).
            type: str
          content_type:
            description:
              - Content type of the body.
            choices: [text/plain, text/css, text/html, application/javascript, application/json]
            type: str
          body:
            description:
              - Body of the fixed response, 1024 characters at most.
            type: str
      rules:
        description:
          - The rules. Others are deleted.
        type: list
        elements: dict
        default: []
        suboptions:
          priority:
            description:
              - Place of the rule, from 1 (first) to 50000; each place once.
            required: true
            type: int
          conditions:
            description:
              - What a request must match, all of it.
            required: true
            type: list
            elements: dict
            suboptions:
              field:
                description:
                  - What of the request is looked at.
                choices: [host-header, http-request-method, path-pattern, source-ip]
                required: true
                type: str
              values:
                description:
                  - What it may be, one of them. A rule has five values at most.
                required: true
                type: list
                elements: str
          action:
            description:
              - What happens to a request that matches.
            required: true
            type: dict
            suboptions:
              type:
                description:
                  - V(forward) to a target group, or a V(fixed-response).
                choices: [forward, fixed-response]
                required: true
                type: str
              target_group_name:
                description:
                  - Name of the target group. Required for V(forward).
                type: str
              status_code:
                description:
                  - HTTP status, 2xx, 4xx or 5xx. Required for V(fixed-response).
                type: str
              content_type:
                description:
                  - Content type of the body.
                choices: [text/plain, text/css, text/html, application/javascript, application/json]
                type: str
              body:
                description:
                  - Body of the fixed response, 1024 characters at most.
                type: str
          tags:
            description:
              - Tags of the rule, over those of O(tags).
            type: dict
      attributes:
        description:
          - Attributes of the listener by AWS's names, such as C(routing.http.response.server.enabled). Others are left alone.
        type: dict
      tags:
        description:
          - Tags of the listener, over those of O(tags).
        type: dict
  state:
    description:
      - Whether the load balancer exists.
    choices: [present, absent]
    default: present
    type: str
  wait:
    description:
      - Whether to wait until the load balancer is active, or gone.
    type: bool
    default: true
  wait_timeout:
    description:
      - How many seconds to wait.
    type: int
    default: 600
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amazon.aws.tags
"""

EXAMPLES = r"""
# Note: These examples do not set authentication details, see the AWS Guide for details.
- name: Balance requests over the workers
  lks.llm.elbv2_application_load_balancer:
    name: example
    subnets: [subnet-0123456789abcdef0, subnet-0123456789abcdef1]
    security_groups: [sg-0123456789abcdef0]
    attributes:
      idle_timeout.timeout_seconds: 900
    listeners:
      - port: 80
        default_action:
          type: fixed-response
          status_code: "404"
          body: No such path.
        rules:
          - priority: 10
            conditions:
              - field: path-pattern
                values: [/api, /api/*]
            action:
              type: forward
              target_group_name: workers
            tags:
              Name: api
    tags:
      Project: example

- name: Delete it
  lks.llm.elbv2_application_load_balancer:
    name: example
    state: absent
"""

RETURN = r"""
security_groups:
  description: Ids of the security groups.
  returned: when O(state=present), except in check mode when it would be created
  type: list
  elements: str
load_balancer_arn:
  description: ARN of the load balancer; an empty string in check mode when it would be created.
  returned: when O(state=present)
  type: str
  sample: "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/example/0123456789abcdef"
load_balancer_name:
  description: Name of the load balancer.
  returned: when O(state=present)
  type: str
  sample: "example"
dns_name:
  description: Name under which the load balancer is reached; empty in check mode when it would be created.
  returned: when O(state=present)
  type: str
  sample: "internal-example-1234567890.us-east-1.elb.amazonaws.com"
type:
  description: Type of the load balancer.
  returned: when O(state=present)
  type: str
  sample: "application"
scheme:
  description: C(internal) or C(internet-facing).
  returned: when O(state=present)
  type: str
  sample: "internal"
vpc_id:
  description: VPC of the load balancer.
  returned: when O(state=present), except in check mode when it would be created
  type: str
  sample: "vpc-0123456789abcdef0"
state:
  description: State of the load balancer, C(code) being C(provisioning), C(active), C(active_impaired) or C(failed).
  returned: when O(state=present)
  type: dict
  sample: {"code": "active"}
subnets:
  description: The subnets, each with the address that was chosen in it, if one was.
  returned: when O(state=present)
  type: list
  elements: dict
attributes:
  description: The attributes, when O(attributes) asks for any.
  returned: when O(state=present)
  type: dict
listeners:
  description: The listeners, as in O(listeners), each and each of their rules with its ARN and tags.
  returned: when O(state=present)
  type: list
  elements: dict
tags:
  description: Tags of the load balancer.
  returned: when O(state=present)
  type: dict
"""

from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.lks.llm.plugins.module_utils.elbv2 import connect
from ansible_collections.lks.llm.plugins.module_utils.elbv2_balancer import ensure_absent, ensure_present
from ansible_collections.lks.llm.plugins.module_utils.elbv2_listeners import MAX_PRIORITY

ACTION = {
    "type": "dict",
    "required": True,
    "options": {
        "type": {"type": "str", "required": True, "choices": ["forward", "fixed-response"]},
        "target_group_name": {"type": "str"},
        "status_code": {"type": "str"},
        "content_type": {
            "type": "str",
            "choices": ["text/plain", "text/css", "text/html", "application/javascript", "application/json"],
        },
        "body": {"type": "str"},
    },
    "required_if": [("type", "forward", ["target_group_name"]), ("type", "fixed-response", ["status_code"])],
}
CONDITION = {
    "type": "list",
    "elements": "dict",
    "required": True,
    "options": {
        "field": {
            "type": "str",
            "required": True,
            "choices": ["host-header", "http-request-method", "path-pattern", "source-ip"],
        },
        "values": {"type": "list", "elements": "str", "required": True},
    },
}
RULE = {
    "priority": {"type": "int", "required": True},
    "conditions": CONDITION,
    "action": ACTION,
    "tags": {"type": "dict"},
}
LISTENER = {
    "port": {"type": "int", "required": True},
    "protocol": {"type": "str", "choices": ["HTTP"], "default": "HTTP"},
    "attributes": {"type": "dict"},
    "default_action": ACTION,
    "rules": {"type": "list", "elements": "dict", "default": [], "options": RULE},
    "tags": {"type": "dict"},
}


def problem(listeners):
    """What no load balancer can have, or None."""
    ports = [listener["port"] for listener in listeners]
    if len(set(ports)) != len(ports):
        return f"listeners must have different ports, not {ports}"
    for listener in listeners:
        priorities = [rule["priority"] for rule in listener["rules"]]
        if len(set(priorities)) != len(priorities):
            return f"rules of the listener on port {listener['port']} must have different priorities, not {priorities}"
        outside = [priority for priority in priorities if not 1 <= priority <= MAX_PRIORITY]
        if outside:
            return f"priority {outside[0]} of a rule on port {listener['port']} must be from 1 to {MAX_PRIORITY}"
    return None


def build_wanted(params):
    return {
        **{
            key: params[key]
            for key in ("name", "scheme", "security_groups", "attributes", "listeners", "tags", "purge_tags")
        },
        "type": "application",
        "mappings": [{"subnet_id": subnet, "private_ipv4_address": None} for subnet in params["subnets"]],
    }


def main():
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "scheme": {"type": "str", "choices": ["internal", "internet-facing"], "default": "internal"},
            "subnets": {"type": "list", "elements": "str"},
            "security_groups": {"type": "list", "elements": "str"},
            "attributes": {"type": "dict"},
            "listeners": {"type": "list", "elements": "dict", "options": LISTENER},
            "tags": {"type": "dict", "aliases": ["resource_tags"]},
            "purge_tags": {"type": "bool", "default": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "wait": {"type": "bool", "default": True},
            "wait_timeout": {"type": "int", "default": 600},
        },
        required_if=[("state", "present", ["subnets", "security_groups"])],
        supports_check_mode=True,
    )
    params = module.params
    wrong = problem(params["listeners"] or [])
    if wrong:
        module.fail_json(msg=wrong)
    try:
        client = connect(module)
        if params["state"] == "present":
            result = ensure_present(client, module, build_wanted(params))
        else:
            result = ensure_absent(client, module, "application")
    except AnsibleAWSError as e:
        module.fail_json_aws_error(e)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
