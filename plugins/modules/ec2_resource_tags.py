#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: ec2_resource_tags
version_added: 0.1.0
short_description: Tag many EC2 resources at once
description:
  - Gives each of many EC2 resources its own tags, with few API calls.
  - Tags are read for up to 200 resources in a call, and set for all resources that need the same ones in a call, where
    M(amazon.aws.ec2_tag) takes one resource a run. Meant for what AWS makes along with something else (network interfaces,
    volumes, network ACLs).
author:
  - "The lks.llm authors (@lks-llm)"
options:
  resources:
    description:
      - The resources and their tags. A resource may be listed once.
    required: true
    type: list
    elements: dict
    suboptions:
      id:
        description:
          - Id of the resource, such as an instance, interface, volume, VPC, subnet, route table or network ACL.
        required: true
        type: str
      tags:
        description:
          - Tags that the resource must have. A key is at most 127 characters long and must not begin with C(aws:), a value is
            at most 256 characters long.
        required: true
        type: dict
  purge_tags:
    description:
      - Whether tags that are not listed are removed. Those that begin with C(aws:) stay.
    type: bool
    default: false
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
# Note: These examples do not set authentication details, see the AWS Guide for details.
- name: Tag an interface and a volume
  lks.llm.ec2_resource_tags:
    resources:
      - id: eni-0123456789abcdef0
        tags:
          Name: web
      - id: vol-0123456789abcdef0
        tags:
          Name: web-root
          Backup: daily

- name: Leave only one tag on a network ACL
  lks.llm.ec2_resource_tags:
    resources:
      - id: acl-0123456789abcdef0
        tags:
          Name: main
    purge_tags: true
"""

RETURN = r"""
resources:
  description: The resources with all their tags, in the order in which they were listed.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: Id of the resource.
      type: str
      sample: "eni-0123456789abcdef0"
    tags:
      description: Its tags.
      type: dict
      sample: {"Name": "web"}
"""

import re

from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.amazon.aws.plugins.module_utils.tagging import (
    ansible_dict_to_boto3_tag_list,
    compare_aws_tags,
)

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeTags.html: values a filter takes
READ_AT_ONCE = 200
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html: "up to 1000 resource IDs"
SET_AT_ONCE = 1000
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Tag.html
LONGEST_KEY = 127
LONGEST_VALUE = 256
MOST_TAGS = 50
IDENTIFIER = re.compile(r"[a-z]+(-[a-z]+)*-[0-9a-f]{8,}")


class Ec2TagsErrorHandler(AWSErrorHandler):
    @classmethod
    def _is_missing(cls):
        return None


def find_nonsense(resources):
    """A sentence for each resource that cannot be tagged as asked for."""
    seen = set()
    problems = []
    for resource in resources:
        name = resource["id"]
        if not IDENTIFIER.fullmatch(name):
            problems.append(f"'{name}' is not the id of an EC2 resource, such as eni-0123456789abcdef0")
        if name in seen:
            problems.append(f"{name} is listed twice; give it all its tags in one place")
        seen.add(name)
        if len(resource["tags"]) > MOST_TAGS:
            problems.append(f"{name} has {len(resource['tags'])} tags, AWS allows {MOST_TAGS}")
        for key, value in resource["tags"].items():
            if not 1 <= len(key) <= LONGEST_KEY or key.lower().startswith("aws:"):
                problems.append(
                    f"{name} has the tag key '{key}'; use 1 to {LONGEST_KEY} characters that do not begin with aws:"
                )
            if len(value) > LONGEST_VALUE:
                problems.append(
                    f"the value of {name}'s tag '{key}' has {len(value)} characters, AWS allows {LONGEST_VALUE}"
                )
    return problems


def build_resources(resources):
    """Resources with tags as AWS has them: text."""
    return [
        {
            "id": resource["id"],
            "tags": {str(key): "" if value is None else str(value) for key, value in resource["tags"].items()},
        }
        for resource in resources
    ]


def diff_tags(resources, current, purge_tags):
    """(tags to set, keys to remove) by resource id, of those that need either."""
    changes = {}
    for resource in resources:
        to_set, to_remove = compare_aws_tags(current.get(resource["id"], {}), resource["tags"], purge_tags)
        if to_set or to_remove:
            changes[resource["id"]] = (to_set, to_remove)
    return changes


def build_results(resources, current, changes):
    """The resources with the tags that they have once the changes are made."""
    results = []
    for resource in resources:
        to_set, to_remove = changes.get(resource["id"], ({}, []))
        tags = {key: value for key, value in current.get(resource["id"], {}).items() if key not in to_remove}
        results.append({"id": resource["id"], "tags": {**tags, **to_set}})
    return results


def build_batches(wanted, size):
    """Groups ids that want the same: [(ids, what they want)], `size` ids at most in each."""
    groups: dict = {}
    for identifier, what in wanted.items():
        if what:
            key = tuple(sorted(what.items())) if isinstance(what, dict) else tuple(sorted(what))
            groups.setdefault(key, ([], what))[0].append(identifier)
    return [(ids[start : start + size], what) for ids, what in groups.values() for start in range(0, len(ids), size)]


@Ec2TagsErrorHandler.common_error_handler("read the tags of the resources")
@AWSRetry.jittered_backoff()
def describe_tags(client, ids):
    paginator = client.get_paginator("describe_tags")
    return paginator.paginate(Filters=[{"Name": "resource-id", "Values": ids}]).build_full_result()["Tags"]


def get_tags(client, ids):
    found: dict = {identifier: {} for identifier in ids}
    for start in range(0, len(ids), READ_AT_ONCE):
        for tag in describe_tags(client, ids[start : start + READ_AT_ONCE]):
            found[tag["ResourceId"]][tag["Key"]] = tag["Value"]
    return found


def create_tags(client, ids, tags):
    @Ec2TagsErrorHandler.common_error_handler(f"set tags of {', '.join(ids)}")
    def create():
        client.create_tags(Resources=ids, Tags=ansible_dict_to_boto3_tag_list(tags), aws_retry=True)

    create()


def delete_tags(client, ids, keys):
    @Ec2TagsErrorHandler.common_error_handler(f"remove tags of {', '.join(ids)}")
    def delete():
        client.delete_tags(Resources=ids, Tags=[{"Key": key} for key in keys], aws_retry=True)

    delete()


def ensure_tags(client, module):
    resources = build_resources(module.params["resources"])
    if problems := find_nonsense(resources):
        module.fail_json(msg=f"Resources cannot be tagged so: {'; '.join(problems)}.")
    current = get_tags(client, [resource["id"] for resource in resources])
    changes = diff_tags(resources, current, module.params["purge_tags"])
    results = build_results(resources, current, changes)
    if not module.check_mode:
        for ids, keys in build_batches({name: remove for name, (dummy, remove) in changes.items()}, SET_AT_ONCE):
            delete_tags(client, ids, keys)
        for ids, tags in build_batches({name: to_set for name, (to_set, dummy) in changes.items()}, SET_AT_ONCE):
            create_tags(client, ids, tags)
    return {
        "changed": bool(changes),
        "diff": {
            "before": {name: current[name] for name in changes},
            "after": {result["id"]: result["tags"] for result in results if result["id"] in changes},
        },
        "resources": results,
    }


def main():
    module = AnsibleAWSModule(
        argument_spec={
            "resources": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "id": {"type": "str", "required": True},
                    "tags": {"type": "dict", "required": True},
                },
            },
            "purge_tags": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    client = module.client("ec2", retry_decorator=AWSRetry.jittered_backoff())
    try:
        result = ensure_tags(client, module)
    except AnsibleAWSError as e:
        module.fail_json_aws_error(e)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
