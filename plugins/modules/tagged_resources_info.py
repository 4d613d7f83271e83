#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: tagged_resources_info
version_added: 0.1.0
short_description: List the resources of a region by tags and name prefix, as their own services know them
description:
  - Lists what exists in a region by asking each service itself, and then the Resource Groups Tagging API. It shows what there is
    to remove before something is taken down, and afterwards that nothing is left.
  - The tagging API alone cannot show that. It knows nothing of what was never tagged, and it shows deleted resources for a while.
  - What has no tags is judged by its name. A name matches when it, or a part of it after a slash, a blank or C(ENI-),
    starts with the prefix, so that C(/aws/lambda/NAME) and the descriptions of network interfaces that AWS makes are found.
  - A service that refuses to answer is returned in RV(not_looked_at) instead of failing.
  - Terminated instances, ended peering connections, deleted NAT gateways and endpoints, AWS's own parameter groups and the
    automated backups of living database instances are not listed.
author:
  - "The lks.llm authors (@lks-llm)"
options:
  tags:
    description:
      - Tags that a resource must all have.
    type: dict
    default: {}
  name_prefix:
    description:
      - How names begin.
    type: str
    default: ""
  match:
    description:
      - V(any) takes what matches by tags or by name.
      - V(all) takes what matches by both. What has no tags at all is judged by its name alone.
      - Without O(tags) or without O(name_prefix) the other one decides.
    choices: [any, all]
    default: any
    type: str
  services:
    description:
      - The services to ask. All that the module knows by default.
    type: list
    elements: str
    choices: [amplify, apigateway, backup, cloudwatch, cognito, ec2, efs, elbv2, lambda, logs, rds, s3, secretsmanager, ssm]
  use_tagging_api:
    description:
      - Whether to ask the Resource Groups Tagging API as well.
      - It adds tagged resources of services that the module does not know, unless O(services) narrows the search.
    type: bool
    default: true
  include_related:
    description:
      - Whether to also return what matches neither way but is part of what does, such as the network interfaces of a VPC or
        the execution logs of an API.
    type: bool
    default: false
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
# Note: These examples do not set authentication details, see the AWS Guide for details.
- name: What is there of the project
  lks.llm.tagged_resources_info:
    tags:
      Project: example
    name_prefix: example-
  register: sweep

- name: Nothing must be left
  ansible.builtin.assert:
    that:
      - sweep.resources | length == 0
      - sweep.not_looked_at | length == 0

- name: Network interfaces and security groups only
  lks.llm.tagged_resources_info:
    name_prefix: example-
    services: [ec2]
    use_tagging_api: false
"""

RETURN = r"""
resources:
  description: What exists and matches, sorted by service, type and ARN, each once.
  returned: always
  type: list
  elements: dict
  contains:
    service:
      description: The service that owns the resource.
      type: str
      sample: "ec2"
    type:
      description: The kind of resource.
      type: str
      sample: "security_group"
    id:
      description: What the service's own calls name the resource by.
      type: str
      sample: "sg-0123456789abcdef0"
    name:
      description: Its name, the tag C(Name), or the description of a network interface.
      type: str
      sample: "example-web"
    arn:
      description: Its ARN.
      type: str
      sample: "arn:aws:ec2:us-east-1:123456789012:security-group/sg-0123456789abcdef0"
    region:
      description: The region.
      type: str
      sample: "us-east-1"
    tags:
      description: Its tags.
      type: dict
      sample: {"Project": "example"}
    state:
      description: The state that the service reports, if the kind has one.
      type: str
      sample: "in-use"
    matched_by:
      description: What speaks for it, C(tags), C(name) or C(related).
      type: list
      elements: str
      sample: ["tags", "name"]
    stale:
      description: Always V(false) here.
      type: bool
stale:
  description:
    - What the tagging API shows but the owning service says is gone. The same keys, with C(stale) being true.
  returned: always
  type: list
  elements: dict
not_looked_at:
  description: What could not be listed, and why.
  returned: always
  type: list
  elements: dict
  contains:
    service:
      description: The service.
      type: str
      sample: "amplify"
    type:
      description: The kind of resource, or C(tagging_api).
      type: str
      sample: "app"
    reason:
      description: What the service answered.
      type: str
      sample: "AccessDeniedException: User is not authorized to perform amplify:ListApps"
counts:
  description: How many resources of each service and type match.
  returned: always
  type: dict
  sample: {"ec2 instance": 2, "s3 bucket": 1}
"""

import contextlib
from collections import Counter

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports it
    from botocore.exceptions import BotoCoreError, ClientError

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.lks.llm.plugins.module_utils.resource_match import (
    arn_kind,
    judge_tagged,
    match_entries,
    present,
    sort_entries,
)
from ansible_collections.lks.llm.plugins.module_utils.resource_sweep import LISTINGS, SERVICES, sweep


def get_account(module):
    """Fails early and clearly without usable credentials; after this, a refusal concerns one service alone."""
    client = module.client("sts", retry_decorator=AWSRetry.jittered_backoff())
    try:
        return client.get_caller_identity(aws_retry=True)["Account"], client.meta.partition
    except (ClientError, BotoCoreError) as e:
        module.fail_json_aws(
            e, msg="Could not ask AWS whose credentials these are; check that they are set and current"
        )


def build_result(found, wanted, options):
    """The module's answer from what the sweep found. options: region, services (asked for, or None), include_related."""
    chosen = match_entries(found["entries"], wanted, options["include_related"])
    context = {"arns": {entry["arn"] for entry in found["entries"]}, "looked_at": found["looked_at"]}
    tagged = found["tagged"] or []
    if options["services"] is not None:
        kinds = {each["arn_kind"][0] for each in LISTINGS if each["service"] in options["services"]}
        tagged = [each for each in tagged if arn_kind(each["arn"])[0] in kinds]
    living, stale = judge_tagged(tagged, context, wanted)
    resources = sort_entries([present(entry, options["region"], False) for entry in [*chosen, *living]])
    counts = Counter(f"{entry['service']} {entry['type']}" for entry in resources)
    return {
        "resources": resources,
        "stale": sort_entries([present(entry, options["region"], True) for entry in stale]),
        "not_looked_at": sorted(found["failures"], key=lambda each: (each["service"], each["type"])),
        "counts": dict(sorted(counts.items())),
    }


def main():
    module = AnsibleAWSModule(
        argument_spec={
            "tags": {"type": "dict", "default": {}},
            "name_prefix": {"type": "str", "default": ""},
            "match": {"type": "str", "choices": ["any", "all"], "default": "any"},
            "services": {"type": "list", "elements": "str", "choices": SERVICES},
            "use_tagging_api": {"type": "bool", "default": True},
            "include_related": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    params = module.params
    if not params["tags"] and not params["name_prefix"]:
        module.fail_json(msg="tags or name_prefix is needed, or everything in the account would match")
    account, partition = get_account(module)
    wanted = {"tags": params["tags"], "name_prefix": params["name_prefix"], "match": params["match"]}
    found = sweep(
        lambda name, config: module.client(name, config=config),
        (partition, module.region, account),
        params["services"] or SERVICES,
        params["tags"] if params["use_tagging_api"] else None,
    )
    options = {
        "region": module.region,
        "services": params["services"],
        "include_related": params["include_related"],
    }
    module.exit_json(changed=False, **build_result(found, wanted, options))


if __name__ == "__main__":
    main()
