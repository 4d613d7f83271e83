#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: elbv2_target_group
version_added: 0.1.0
short_description: Manage a target group of load balancers and what is registered with it
description:
  - Creates, updates and deletes a target group of application and network load balancers, its health check, attributes and targets.
  - AWS cannot change a target group's protocol, port, type of targets or VPC. A group that differs in these is replaced when no load
    balancer uses it, and refused otherwise.
  - In contrast to M(community.aws.elb_target_group) it shows in check mode and diff what differs, takes any attribute, compares targets
    with their port and availability zone, does without reading back, and leaves targets alone unless asked about them.
author:
  - "The lks.llm authors (@lks-llm)"
options:
  name:
    description:
      - Name of the target group, 32 letters, digits and hyphens at most.
    required: true
    type: str
  protocol:
    description:
      - Protocol of the targets. Required when O(state=present).
    choices: [HTTP, HTTPS, TCP, TLS, UDP, TCP_UDP]
    type: str
  port:
    description:
      - Port of targets that are registered without one. Required when O(state=present).
    type: int
  target_type:
    description:
      - Whether targets are instances, addresses, or one application load balancer.
    choices: [instance, ip, alb]
    default: instance
    type: str
  vpc_id:
    description:
      - Id of the VPC. Required when O(state=present).
    type: str
  health_check:
    description:
      - How targets are checked. What is not given is left alone.
    type: dict
    suboptions:
      protocol:
        description:
          - Protocol of the check.
        choices: [HTTP, HTTPS, TCP]
        type: str
      port:
        description:
          - Port of the check, or V(traffic-port).
        type: str
      path:
        description:
          - Path that is asked for.
        type: str
      interval:
        description:
          - Seconds between two checks of a target, 5 to 300.
        type: int
      timeout:
        description:
          - Seconds without an answer that fail a check, 2 to 120 and less than the interval.
        type: int
      healthy_threshold:
        description:
          - Checks in a row that make a target healthy, 2 to 10.
        type: int
      unhealthy_threshold:
        description:
          - Checks in a row that make a target unhealthy, 2 to 10.
        type: int
      matcher:
        description:
          - HTTP status codes of a healthy answer, such as V(200) or V(200-299).
        type: str
  attributes:
    description:
      - Attributes by AWS's names, such as C(deregistration_delay.timeout_seconds). Others are left alone.
      - AWS has none to set where O(target_type=alb).
    type: dict
  targets:
    description:
      - The targets. Others are deregistered. Left alone when not given.
    type: list
    elements: dict
    suboptions:
      id:
        description:
          - Id of the instance, address, or ARN of the load balancer.
        required: true
        type: str
      port:
        description:
          - Port of the target; that of the target group when not given.
        type: int
      availability_zone:
        description:
          - V(all) for an address outside the VPC.
        type: str
  state:
    description:
      - Whether the target group exists.
    choices: [present, absent]
    default: present
    type: str
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amazon.aws.tags
"""

EXAMPLES = r"""
# Note: These examples do not set authentication details, see the AWS Guide for details.
- name: Make a target group for web servers
  lks.llm.elbv2_target_group:
    name: web
    protocol: HTTP
    port: 8080
    vpc_id: vpc-0123456789abcdef0
    health_check:
      path: /health
      interval: 15
    attributes:
      load_balancing.algorithm.type: least_outstanding_requests
    tags:
      Project: example

- name: Register two instances with it, and no others
  lks.llm.elbv2_target_group:
    name: web
    protocol: HTTP
    port: 8080
    vpc_id: vpc-0123456789abcdef0
    targets:
      - id: i-0123456789abcdef0
      - id: i-0123456789abcdef1

- name: Lead to addresses in a peered VPC
  lks.llm.elbv2_target_group:
    name: elsewhere
    protocol: TCP
    port: 80
    target_type: ip
    vpc_id: vpc-0123456789abcdef0
    targets:
      - id: 10.20.0.10
        availability_zone: all

- name: Delete it
  lks.llm.elbv2_target_group:
    name: web
    state: absent
"""

RETURN = r"""
target_group_arn:
  description: ARN of the target group; an empty string in check mode when it would be created.
  returned: when O(state=present)
  type: str
  sample: "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/0123456789abcdef"
target_group_name:
  description: Name of the target group.
  returned: when O(state=present)
  type: str
  sample: "web"
load_balancer_arns:
  description: The load balancer that uses it.
  returned: when O(state=present)
  type: list
  elements: str
replaced:
  description: Whether a group that differed in what cannot be changed was deleted and created again, or would be in check mode.
  returned: when O(state=present)
  type: bool
targets:
  description: The targets, when O(targets) is given.
  returned: when O(state=present)
  type: list
  elements: dict
  contains:
    id:
      description: Id of the target.
      type: str
    port:
      description: Port of the target.
      type: int
    availability_zone:
      description: Availability zone of the target, where one is known.
      type: str
tags:
  description: Tags of the target group, when O(tags) is given.
  returned: when O(state=present)
  type: dict
"""

from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict
from ansible_collections.lks.llm.plugins.module_utils.elbv2 import (
    Elbv2Error,
    Elbv2ErrorHandler,
    apply_tags,
    attribute_list,
    connect,
    describe_tags,
    diff_attributes,
    find_target_group,
    normalise_attributes,
    tag_list,
)
from ansible_collections.lks.llm.plugins.module_utils.tags import plan_tags

FIXED = {"protocol": "Protocol", "port": "Port", "target_type": "TargetType", "vpc_id": "VpcId"}
HEALTH_CHECK = {
    "protocol": "HealthCheckProtocol",
    "port": "HealthCheckPort",
    "path": "HealthCheckPath",
    "interval": "HealthCheckIntervalSeconds",
    "timeout": "HealthCheckTimeoutSeconds",
    "healthy_threshold": "HealthyThresholdCount",
    "unhealthy_threshold": "UnhealthyThresholdCount",
}
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
RANGES = {"interval": (5, 300), "timeout": (2, 120), "healthy_threshold": (2, 10), "unhealthy_threshold": (2, 10)}


def create_target_group(client, request):
    @Elbv2ErrorHandler.common_error_handler(f"create target group {request['Name']}")
    def create():
        return client.create_target_group(aws_retry=True, **request)["TargetGroups"][0]

    return create()


def modify_target_group(client, name, arn, change):
    @Elbv2ErrorHandler.common_error_handler(f"change the health check of target group {name}")
    def modify():
        client.modify_target_group(TargetGroupArn=arn, aws_retry=True, **change)

    modify()


@Elbv2ErrorHandler.common_error_handler("read the attributes of the target group")
def read_attributes(client, arn):
    answer = client.describe_target_group_attributes(TargetGroupArn=arn, aws_retry=True)
    return boto3_tag_list_to_ansible_dict(answer["Attributes"])


def set_attributes(client, name, arn, attributes):
    @Elbv2ErrorHandler.common_error_handler(f"set attributes of target group {name}")
    def modify():
        client.modify_target_group_attributes(TargetGroupArn=arn, Attributes=attribute_list(attributes), aws_retry=True)

    modify()


@Elbv2ErrorHandler.common_error_handler("list the targets of the target group")
def list_targets(client, arn):
    return client.describe_target_health(TargetGroupArn=arn, aws_retry=True)["TargetHealthDescriptions"]


def register_targets(client, name, arn, targets):
    @Elbv2ErrorHandler.common_error_handler(f"register {', '.join(t['Id'] for t in targets)} with target group {name}")
    def register():
        client.register_targets(TargetGroupArn=arn, Targets=targets, aws_retry=True)

    register()


def deregister_targets(client, name, arn, targets):
    @Elbv2ErrorHandler.common_error_handler(
        f"deregister {', '.join(t['Id'] for t in targets)} from target group {name}"
    )
    def deregister():
        client.deregister_targets(TargetGroupArn=arn, Targets=targets, aws_retry=True)

    deregister()


def delete_target_group(client, name, arn):
    # A load balancer that has just been deleted holds its target groups for some seconds more.
    @Elbv2ErrorHandler.deletion_error_handler(f"delete target group {name}")
    @AWSRetry.jittered_backoff(retries=8, delay=2, max_delay=15, catch_extra_error_codes=["ResourceInUse"])
    def delete():
        client.delete_target_group(TargetGroupArn=arn)
        return True

    return delete()


def build_health_check(health_check):
    """AWS's members for what is given of a health check."""
    given = {key: value for key, value in (health_check or {}).items() if value is not None}
    members = {HEALTH_CHECK[key]: value for key, value in given.items() if key in HEALTH_CHECK}
    if "matcher" in given:
        members["Matcher"] = {"HttpCode": given["matcher"]}
    return members


def diff_health_check(group, health_check):
    """The members among those asked for that differ. AWS asks for them together with the protocol they belong to."""
    wanted = build_health_check(health_check)
    matcher = wanted.pop("Matcher", None)
    change = {key: value for key, value in wanted.items() if str(group.get(key)) != str(value)}
    if matcher and (group.get("Matcher") or {}).get("HttpCode") != matcher["HttpCode"]:
        change["Matcher"] = matcher
    return change


def diff_fixed(group, params):
    """What of the unchangeable differs: {option: (current, wanted)}."""
    return {
        option: (group.get(member), params[option])
        for option, member in FIXED.items()
        if group.get(member) != params[option]
    }


def build_request(params):
    request = {"Name": params["name"], **{member: params[option] for option, member in FIXED.items()}}
    request.update(build_health_check(params["health_check"]))
    if params["tags"]:
        request["Tags"] = tag_list(params["tags"])
    return request


def build_target(target):
    request = {"Id": target["id"], "Port": target["port"]}
    if target.get("availability_zone"):
        request["AvailabilityZone"] = target["availability_zone"]
    return request


def desired_targets(targets, port):
    return [{**target, "port": target["port"] or port} for target in targets]


def current_targets(descriptions):
    """What is registered; what drains is not any more."""
    return [
        {
            "id": item["Target"]["Id"],
            "port": item["Target"].get("Port"),
            "availability_zone": item["Target"].get("AvailabilityZone"),
        }
        for item in descriptions
        if item.get("TargetHealth", {}).get("State") != "draining"
    ]


def same_target(current, wanted):
    """AWS names the zone of every target; a task names it only where it matters."""
    zone = wanted.get("availability_zone")
    return (
        current["id"] == wanted["id"]
        and current["port"] == wanted["port"]
        and (zone is None or current.get("availability_zone") in (None, zone))
    )


def diff_targets(current, desired):
    """What to register and what to deregister."""
    register = [target for target in desired if not any(same_target(have, target) for have in current)]
    deregister = [have for have in current if not any(same_target(have, target) for target in desired)]
    return register, deregister


def shown_targets(targets):
    return sorted(f"{target['id']}:{target['port']}" for target in targets)


class Work:
    """One target group on its way to what is wanted: before, after and whether anything changes."""

    def __init__(self, client, module):
        self.client = client
        self.params = module.params
        self.name = module.params["name"]
        self.check_mode = module.check_mode
        self.before, self.after = {}, {}
        self.changed = False

    def note(self, key, before, after):
        self.changed = True
        self.before[key], self.after[key] = before, after

    def ensure(self):
        params = self.params
        group = find_target_group(self.client, self.name)
        fixed = diff_fixed(group, params) if group else {}
        if fixed:
            self.replace(group, fixed)
        created = group is None or bool(fixed)
        if created:
            request = build_request(params)
            self.note("target_group", {}, {key: value for key, value in request.items() if key != "Tags"})
            group = {"TargetGroupArn": "", "TargetGroupName": self.name, "LoadBalancerArns": []}
            if not self.check_mode:
                group = create_target_group(self.client, request)
        else:
            self.ensure_health_check(group)
        arn = group["TargetGroupArn"]
        tags = (params["tags"] or {}) if created else self.ensure_tags(arn)
        self.ensure_attributes(arn, created)
        targets = self.ensure_targets(arn, created)
        return {
            "changed": self.changed,
            "diff": {"before": self.before, "after": self.after},
            "target_group_arn": arn,
            "target_group_name": self.name,
            "load_balancer_arns": group.get("LoadBalancerArns") or [],
            "replaced": bool(fixed),
            "targets": targets,
            "tags": tags,
        }

    def replace(self, group, fixed):
        what = ", ".join(f"{option} {have} instead of {want}" for option, (have, want) in sorted(fixed.items()))
        if group.get("LoadBalancerArns"):
            raise Elbv2Error(
                message=f"Target group {self.name} has {what}, which AWS cannot change, and {', '.join(group['LoadBalancerArns'])} "
                "uses it; choose another name for it, or take it out of the load balancer's listeners and rules first"
            )
        for option, (have, want) in fixed.items():
            self.note(option, have, want)
        if not self.check_mode:
            delete_target_group(self.client, self.name, group["TargetGroupArn"])

    def ensure_health_check(self, group):
        change = diff_health_check(group, self.params["health_check"])
        if change:
            self.note("health_check", {key: group.get(key) for key in change}, change)
            if not self.check_mode:
                modify_target_group(self.client, self.name, group["TargetGroupArn"], change)

    def ensure_tags(self, arn):
        if self.params["tags"] is None:
            return {}
        current = describe_tags(self.client, [arn]).get(arn, {})
        to_set, to_remove, after = plan_tags(current, self.params["tags"], self.params["purge_tags"])
        if to_set or to_remove:
            self.note("tags", current, after)
            if not self.check_mode:
                apply_tags(self.client, arn, to_set, to_remove)
        return after

    def ensure_attributes(self, arn, created):
        wanted = self.params["attributes"]
        if not wanted:
            return
        # A new group has defaults only: what is asked for is set without looking.
        current = {} if created else read_attributes(self.client, arn)
        change = normalise_attributes(wanted) if created else diff_attributes(current, wanted)
        if change:
            self.note("attributes", {key: current.get(key) for key in change}, change)
            if not self.check_mode:
                set_attributes(self.client, self.name, arn, change)

    def ensure_targets(self, arn, created):
        if self.params["targets"] is None:
            return []
        desired = desired_targets(self.params["targets"], self.params["port"])
        current = [] if created else current_targets(list_targets(self.client, arn))
        register, deregister = diff_targets(current, desired)
        if register or deregister:
            self.note("targets", shown_targets(current), shown_targets(desired))
        if not self.check_mode:
            # What is new takes over before what is old leaves, unless it needs the old one's place.
            places = {(target["id"], target["port"]) for target in register}
            alone = self.params["target_type"] == "alb"
            first = [have for have in deregister if alone or (have["id"], have["port"]) in places]
            last = [have for have in deregister if have not in first]
            for function, targets in (
                (deregister_targets, first),
                (register_targets, register),
                (deregister_targets, last),
            ):
                if targets:
                    function(self.client, self.name, arn, [build_target(target) for target in targets])
        return desired


def ensure_absent(client, module):
    name = module.params["name"]
    group = find_target_group(client, name)
    if group is None:
        return {"changed": False, "diff": {"before": {}, "after": {}}}
    if group.get("LoadBalancerArns"):
        raise Elbv2Error(
            message=f"Target group {name} cannot be deleted: {', '.join(group['LoadBalancerArns'])} uses it; delete that, "
            "or take the target group out of its listeners and rules first"
        )
    if not module.check_mode:
        delete_target_group(client, name, group["TargetGroupArn"])
    before = {"name": name, "target_group_arn": group["TargetGroupArn"]}
    return {"changed": True, "diff": {"before": before, "after": {}}}


def problem(params):
    """What no target group can have, or None."""
    check = params["health_check"] or {}
    for key, (low, high) in RANGES.items():
        if check.get(key) is not None and not low <= check[key] <= high:
            return f"health_check.{key} must be from {low} to {high}, not {check[key]}"
    if check.get("timeout") and check.get("interval") and check["timeout"] >= check["interval"]:
        return (
            f"health_check.timeout ({check['timeout']}) must be less than health_check.interval ({check['interval']})"
        )
    if params["target_type"] == "alb":
        if params["protocol"] not in (None, "TCP"):
            return f"protocol must be TCP where target_type is alb, not {params['protocol']}"
        if params["attributes"]:
            return "attributes cannot be set where target_type is alb"
        if len(params["targets"] or []) > 1:
            return f"targets must be one load balancer where target_type is alb, not {len(params['targets'])}"
    return None


def main():
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "protocol": {"type": "str", "choices": ["HTTP", "HTTPS", "TCP", "TLS", "UDP", "TCP_UDP"]},
            "port": {"type": "int"},
            "target_type": {"type": "str", "choices": ["instance", "ip", "alb"], "default": "instance"},
            "vpc_id": {"type": "str"},
            "health_check": {
                "type": "dict",
                "options": {
                    "protocol": {"type": "str", "choices": ["HTTP", "HTTPS", "TCP"]},
                    "port": {"type": "str"},
                    "path": {"type": "str"},
                    "interval": {"type": "int"},
                    "timeout": {"type": "int"},
                    "healthy_threshold": {"type": "int"},
                    "unhealthy_threshold": {"type": "int"},
                    "matcher": {"type": "str"},
                },
            },
            "attributes": {"type": "dict"},
            "targets": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "id": {"type": "str", "required": True},
                    "port": {"type": "int"},
                    "availability_zone": {"type": "str"},
                },
            },
            "tags": {"type": "dict", "aliases": ["resource_tags"]},
            "purge_tags": {"type": "bool", "default": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ["protocol", "port", "vpc_id"])],
        supports_check_mode=True,
    )
    wrong = problem(module.params)
    if wrong:
        module.fail_json(msg=wrong)
    try:
        client = connect(module)
        result = Work(client, module).ensure() if module.params["state"] == "present" else ensure_absent(client, module)
    except AnsibleAWSError as e:
        module.fail_json_aws_error(e)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
