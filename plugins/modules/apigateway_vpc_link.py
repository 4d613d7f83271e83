#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: apigateway_vpc_link
version_added: 0.1.0
short_description: Manage VPC links of API Gateway REST APIs
description:
  - Creates, updates and deletes VPC links (version 1), which REST APIs need to reach a network load balancer in a VPC.
  - A VPC link is found by its name. Its targets cannot be changed by AWS, so a link with other targets than asked for
    is superseded by a new one of the same name. The old one is deleted as soon as no method uses it, by this run or a later one.
author:
  - "The lks.llm authors (@lks-llm)"
options:
  name:
    description:
      - Name of the VPC link.
    required: true
    type: str
  target_arns:
    description:
      - ARN of the network load balancer that the link leads to. AWS allows one.
      - The load balancer must be active and in the account of the link.
      - In check mode the ARN may be empty, because it is that of a load balancer that another task would create.
      - Required when O(state=present).
    type: list
    elements: str
  description:
    description:
      - Description of the VPC link. Left alone when not given.
    type: str
  state:
    description:
      - Whether the VPC link exists.
    choices: [present, absent]
    default: present
    type: str
  wait:
    description:
      - Whether to wait until the VPC link is available, which takes two to four minutes, or gone.
      - With V(false) the link is returned in its present status; call the module again to wait for it.
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
- name: Start making the link
  lks.llm.apigateway_vpc_link:
    name: backend
    description: From the public API to the internal load balancer
    target_arns:
      - arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/backend/50dc6c495c0c9188
    tags:
      Project: example
    wait: false

- name: Wait until it is available
  lks.llm.apigateway_vpc_link:
    name: backend
    target_arns:
      - arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/backend/50dc6c495c0c9188
  register: link

- name: Delete the link
  lks.llm.apigateway_vpc_link:
    name: backend
    state: absent
"""

RETURN = r"""
vpc_link:
  description: The VPC link.
  returned: when O(state=present)
  type: complex
  contains:
    id:
      description: Id of the link; unknown (an empty string) in check mode when the link would be created.
      type: str
      sample: "a1b2c3"
    name:
      description: Name of the link.
      type: str
      sample: "backend"
    description:
      description: Description of the link.
      type: str
      sample: "From the public API to the internal load balancer"
    target_arns:
      description: The load balancer that the link leads to.
      type: list
      elements: str
    status:
      description: C(PENDING), C(AVAILABLE), C(DELETING) or C(FAILED).
      type: str
      sample: "AVAILABLE"
    status_message:
      description: What AWS says about the status.
      type: str
    tags:
      description: Tags of the link.
      type: dict
superseded:
  description: Ids of links of this name with other targets that methods still use, and that could not be deleted for that reason.
  returned: when O(state=present)
  type: list
  elements: str
deleted:
  description: Ids of the links that were deleted, or would be in check mode.
  returned: always
  type: list
  elements: str
"""

import contextlib

from ansible.module_utils.common.dict_transformations import camel_dict_to_snake_dict

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports it
    import botocore

from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError, is_ansible_aws_error_code
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.waiter import BaseWaiterFactory
from ansible_collections.lks.llm.plugins.module_utils.apigateway import (
    ApiGatewayError,
    ApiGatewayErrorHandler,
    apply_tags,
    build_arn,
    connect,
    paginate,
    replace_operation,
)
from ansible_collections.lks.llm.plugins.module_utils.tags import plan_tags

WAIT_DELAY = 3


class VpcLinkWaiterFactory(BaseWaiterFactory):
    @property
    def _waiter_model_data(self):
        def status(expected, state):
            return {"state": state, "matcher": "path", "expected": expected, "argument": "status"}

        return {
            "vpc_link_available": {
                "operation": "GetVpcLink",
                "delay": WAIT_DELAY,
                "maxAttempts": 300,
                "acceptors": [
                    status("AVAILABLE", "success"),
                    status("PENDING", "retry"),
                    status("FAILED", "failure"),
                    status("DELETING", "failure"),
                ],
            },
            "vpc_link_deleted": {
                "operation": "GetVpcLink",
                "delay": WAIT_DELAY,
                "maxAttempts": 300,
                "acceptors": [
                    {"state": "success", "matcher": "error", "expected": "NotFoundException"},
                    status("DELETING", "retry"),
                    status("FAILED", "failure"),
                ],
            },
        }


@ApiGatewayErrorHandler.common_error_handler("list VPC links")
def list_vpc_links(client):
    return paginate(client, "get_vpc_links", PaginationConfig={"PageSize": 500})


def create_vpc_link(client, request):
    @ApiGatewayErrorHandler.common_error_handler(f"create VPC link {request['name']}")
    def create():
        link = client.create_vpc_link(aws_retry=True, **request)
        link.pop("ResponseMetadata", None)
        return link

    return create()


@ApiGatewayErrorHandler.common_error_handler("update VPC link")
def update_vpc_link(client, link_id, operations):
    client.update_vpc_link(vpcLinkId=link_id, patchOperations=operations, aws_retry=True)


@ApiGatewayErrorHandler.deletion_error_handler("delete VPC link")
def delete_vpc_link(client, link_id):
    client.delete_vpc_link(vpcLinkId=link_id, aws_retry=True)
    return True


def wait_for(client, name, link, waiter_name, timeout):
    """Waits for one link; a failure carries AWS's own words, which name the load balancer's fault."""
    waiter = VpcLinkWaiterFactory().get_waiter(client, waiter_name)
    attempts = max(1, -(-timeout // WAIT_DELAY))
    try:
        waiter.wait(vpcLinkId=link["id"], WaiterConfig={"Delay": WAIT_DELAY, "MaxAttempts": attempts})
    except botocore.exceptions.WaiterError as e:
        last = e.last_response or {}
        status = last.get("status", "unknown")
        reason = last.get("statusMessage") or "AWS gives no reason"
        verb = "deleted" if waiter_name == "vpc_link_deleted" else "available"
        raise ApiGatewayError(
            message=f"VPC link {name} ({link['id']}) did not become {verb} in {timeout} s: status {status}: {reason}",
            exception=e,
        ) from e


def choose_link(links, name, target_arns):
    """The link to keep and the ones it supersedes. Failed links never recover, and those being deleted are gone."""
    named = [link for link in links if link["name"] == name and link.get("status") != "DELETING"]
    fitting = [
        link
        for link in named
        if sorted(link.get("targetArns", [])) == sorted(target_arns) and link.get("status") != "FAILED"
    ]
    # Of several good ones, the one that serves is kept rather than the one that is still being made.
    fitting.sort(key=lambda link: (link.get("status") != "AVAILABLE", link["id"]))
    keep = fitting[0] if fitting else None
    others = sorted((link for link in named if link is not keep), key=lambda link: link["id"])
    return keep, others


def build_request(params):
    request = {"name": params["name"], "targetArns": params["target_arns"]}
    if params["description"] is not None:
        request["description"] = params["description"]
    if params["tags"]:
        request["tags"] = params["tags"]
    return request


def build_patch(link, description):
    if description is None or link.get("description", "") == description:
        return []
    return [replace_operation("/description", description)]


def normalise_link(link):
    result = camel_dict_to_snake_dict(
        {key: value for key, value in link.items() if key not in ("tags", "ResponseMetadata")}
    )
    result.setdefault("description", "")
    result.setdefault("status_message", "")
    result["tags"] = link.get("tags") or {}
    return result


def remove_superseded(client, others, check_mode):
    """Deletes what methods no longer use. AWS refuses the rest with BadRequestException or ConflictException."""
    deleted, in_use = [], []
    for link in others:
        if check_mode:
            deleted.append(link["id"])
            continue
        try:
            if delete_vpc_link(client, link["id"]):
                deleted.append(link["id"])
        except is_ansible_aws_error_code(["BadRequestException", "ConflictException"]):
            in_use.append(link["id"])
    return deleted, in_use


def ensure_present(client, module):
    params = module.params
    keep, others = choose_link(list_vpc_links(client), params["name"], params["target_arns"])
    before: dict = {}
    after: dict = {}
    if keep is None:
        request = build_request(params)
        after = {**{key: request.get(key) for key in ("name", "description")}, "target_arns": request["targetArns"]}
        after["tags"] = request.get("tags", {})
        if others:
            before = {"target_arns": sorted({arn for link in others for arn in link.get("targetArns", [])})}
        keep = {**request, "id": "", "status": "PENDING"}
        changed = True
        if not module.check_mode:
            keep = create_vpc_link(client, request)
    else:
        operations = build_patch(keep, params["description"])
        to_set, to_remove, tags = plan_tags(keep.get("tags"), params["tags"], params["purge_tags"])
        changed = bool(operations or to_set or to_remove)
        if operations:
            before["description"], after["description"] = keep.get("description", ""), params["description"]
        if to_set or to_remove:
            before["tags"], after["tags"] = keep.get("tags") or {}, tags
        if not module.check_mode:
            if operations:
                update_vpc_link(client, keep["id"], operations)
            apply_tags(client, build_arn(client, f"/vpclinks/{keep['id']}"), to_set, to_remove)
        keep = {**keep, "tags": tags}
        if operations:
            keep["description"] = params["description"]

    if params["wait"] and not module.check_mode and keep["status"] != "AVAILABLE":
        wait_for(client, params["name"], keep, "vpc_link_available", params["wait_timeout"])
        keep = {**keep, "status": "AVAILABLE"}

    deleted, in_use = remove_superseded(client, others, module.check_mode)
    # In check mode nobody can tell whether AWS would refuse: a link that only waits for its methods is not a change.
    changed = changed or bool(deleted and not module.check_mode)
    if in_use:
        module.warn(
            f"VPC links {', '.join(in_use)} are named {params['name']} too but lead elsewhere; methods still use them. "
            "They are deleted by the first run after the API was updated and its old deployments were removed"
        )
    return {
        "changed": changed,
        "diff": {"before": before, "after": after},
        "vpc_link": normalise_link(keep),
        "superseded": in_use,
        "deleted": deleted,
    }


def ensure_absent(client, module):
    params = module.params
    links = [link for link in list_vpc_links(client) if link["name"] == params["name"]]
    to_delete = [link for link in links if link.get("status") != "DELETING"]
    if not module.check_mode:
        for link in to_delete:
            try:
                delete_vpc_link(client, link["id"])
            except is_ansible_aws_error_code(["BadRequestException", "ConflictException"]) as e:
                raise ApiGatewayError(
                    message=f"VPC link {params['name']} ({link['id']}) cannot be deleted; "
                    "delete the methods or the REST API that use it first",
                    exception=e.exception,
                ) from e
        if params["wait"]:
            for link in links:
                wait_for(client, params["name"], link, "vpc_link_deleted", params["wait_timeout"])
    return {
        "changed": bool(to_delete),
        "diff": {
            "before": {"vpc_links": [normalise_link(link) for link in to_delete]} if to_delete else {},
            "after": {},
        },
        "deleted": [link["id"] for link in to_delete],
    }


def main():
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "target_arns": {"type": "list", "elements": "str"},
            "description": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "tags": {"type": "dict", "aliases": ["resource_tags"]},
            "purge_tags": {"type": "bool", "default": True},
            "wait": {"type": "bool", "default": True},
            "wait_timeout": {"type": "int", "default": 900},
        },
        required_if=[("state", "present", ["target_arns"])],
        supports_check_mode=True,
    )
    params = module.params
    if not params["name"].strip():
        module.fail_json(msg="name must not be empty")
    if params["state"] == "present":
        if len(params["target_arns"]) != 1:
            module.fail_json(msg=f"target_arns must name one load balancer, not {len(params['target_arns'])}")
        known = params["target_arns"][0] or not module.check_mode
        if known and ":loadbalancer/net/" not in params["target_arns"][0]:
            module.fail_json(
                msg=f"target_arns must be the ARN of a network load balancer, not {params['target_arns'][0]}"
            )
    try:
        client = connect(module)
        result = ensure_present(client, module) if params["state"] == "present" else ensure_absent(client, module)
    except AnsibleAWSError as e:
        module.fail_json_aws_error(e)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
