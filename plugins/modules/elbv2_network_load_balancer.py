#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: elbv2_network_load_balancer
version_added: 0.1.0
short_description: Manage a network load balancer with its listeners
description:
  - Creates, updates and deletes a network load balancer (NLB) and its TCP or UDP listeners, which are told apart by their port.
  - In contrast to M(community.aws.elb_network_lb) it knows private addresses that are fixed (and does not take them for a difference in
    the next run), shows in check mode and diff what differs, changes subnets, tags listeners, takes any attribute, and retries when
    AWS throttles. It knows neither TLS, elastic addresses nor security groups.
  - O(tags) are those of the load balancer, and of its listeners.
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
  subnet_mappings:
    description:
      - The subnets, one in each availability zone.
      - Required when O(state=present).
    type: list
    elements: dict
    suboptions:
      subnet_id:
        description:
          - Id of the subnet.
        required: true
        type: str
      private_ipv4_address:
        description:
          - Address of the load balancer in the subnet, for an internal one. AWS chooses one when not given, and cannot change it later.
        type: str
  attributes:
    description:
      - Attributes by AWS's names, such as C(load_balancing.cross_zone.enabled). Others are left alone.
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
        choices: [TCP, UDP, TCP_UDP]
        default: TCP
        type: str
      target_group_name:
        description:
          - Name of the target group that the listener leads to.
        required: true
        type: str
      attributes:
        description:
          - Attributes of the listener by AWS's names, such as C(tcp.idle_timeout.seconds). Others are left alone.
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
      - Whether to wait until the load balancer is active, which takes some minutes, or gone.
    type: bool
    default: true
  wait_timeout:
    description:
      - How many seconds to wait.
    type: int
    default: 900
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amazon.aws.tags
"""

EXAMPLES = r"""
# Note: These examples do not set authentication details, see the AWS Guide for details.
- name: Lead to an application load balancer from addresses that stay
  lks.llm.elbv2_network_load_balancer:
    name: example
    subnet_mappings:
      - subnet_id: subnet-0123456789abcdef0
        private_ipv4_address: 10.0.1.10
      - subnet_id: subnet-0123456789abcdef1
        private_ipv4_address: 10.0.2.10
    attributes:
      load_balancing.cross_zone.enabled: true
    listeners:
      - port: 80
        target_group_name: web
    tags:
      Project: example
    wait: false

- name: Delete it
  lks.llm.elbv2_network_load_balancer:
    name: example
    state: absent
"""

RETURN = r"""
load_balancer_arn:
  description: ARN of the load balancer; an empty string in check mode when it would be created.
  returned: when O(state=present)
  type: str
  sample: "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/example/0123456789abcdef"
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
  sample: "network"
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
  description: The listeners, as in O(listeners), each with its ARN and tags.
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

LISTENER = {
    "port": {"type": "int", "required": True},
    "protocol": {"type": "str", "choices": ["TCP", "UDP", "TCP_UDP"], "default": "TCP"},
    "target_group_name": {"type": "str", "required": True},
    "attributes": {"type": "dict"},
    "tags": {"type": "dict"},
}
MAPPING = {"subnet_id": {"type": "str", "required": True}, "private_ipv4_address": {"type": "str"}}


def problem(params):
    """What no load balancer can have, or None."""
    ports = [listener["port"] for listener in params["listeners"] or []]
    if len(set(ports)) != len(ports):
        return f"listeners must have different ports, not {ports}"
    mappings = params["subnet_mappings"] or []
    fixed = [mapping["private_ipv4_address"] for mapping in mappings if mapping["private_ipv4_address"]]
    if fixed and params["scheme"] != "internal":
        return f"private_ipv4_address ({fixed[0]}) needs scheme internal"
    return None


def build_wanted(params):
    listeners = params["listeners"]
    if listeners is not None:
        listeners = [
            {
                **{key: listener[key] for key in ("port", "protocol", "attributes", "tags")},
                "default_action": {"type": "forward", "target_group_name": listener["target_group_name"]},
            }
            for listener in listeners
        ]
    return {
        **{key: params[key] for key in ("name", "scheme", "attributes", "tags", "purge_tags")},
        "type": "network",
        "mappings": params["subnet_mappings"],
        "security_groups": None,
        "listeners": listeners,
    }


def main():
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "scheme": {"type": "str", "choices": ["internal", "internet-facing"], "default": "internal"},
            "subnet_mappings": {"type": "list", "elements": "dict", "options": MAPPING},
            "attributes": {"type": "dict"},
            "listeners": {"type": "list", "elements": "dict", "options": LISTENER},
            "tags": {"type": "dict", "aliases": ["resource_tags"]},
            "purge_tags": {"type": "bool", "default": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "wait": {"type": "bool", "default": True},
            "wait_timeout": {"type": "int", "default": 900},
        },
        required_if=[("state", "present", ["subnet_mappings"])],
        supports_check_mode=True,
    )
    params = module.params
    wrong = problem(params)
    if wrong:
        module.fail_json(msg=wrong)
    try:
        client = connect(module)
        if params["state"] == "present":
            result = ensure_present(client, module, build_wanted(params))
        else:
            result = ensure_absent(client, module, "network")
    except AnsibleAWSError as e:
        module.fail_json_aws_error(e)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
