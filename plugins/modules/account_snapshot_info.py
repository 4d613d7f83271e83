#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: account_snapshot_info
version_added: 0.1.0
short_description: Take a snapshot of what is in several regions
description:
  - Reads what the services of several regions describe, side by side, and writes it to a file as one JSON document, so that questions
    about the whole can be answered without asking AWS again.
  - It covers EC2 and its networks, load balancers, EFS, RDS, Lambda, API Gateway, Cognito, Amplify, CloudWatch, Systems Manager,
    Secrets Manager, S3, the tags that the Resource Groups Tagging API knows, and the names of IAM's roles, users and policies.
  - It reads only. Values of parameters, secrets and passwords are never read, and of environment variables only those that
    O(keep_environment) names.
  - What AWS refuses to tell is listed in RV(refused) instead of failing.
author:
  - "The lks.llm authors (@lks-llm)"
options:
  path:
    description:
      - The file to write, in check mode too. Its folder is made. It can be read by its owner only.
      - Without it the snapshot is returned in RV(snapshot), which can be some megabytes.
    type: path
  regions:
    description:
      - The regions to look at.
    type: list
    elements: str
    required: true
  name_prefix:
    description:
      - Only buckets whose names begin so are looked at. Other resources are all described.
    type: str
    default: ""
  keep_environment:
    description:
      - Names of environment variables of functions and Amplify apps whose values are no secrets. Of others only the name is kept.
    type: list
    elements: str
    default: []
  progress:
    description:
      - A file to which a line of JSON is added for each part that has been looked at, for those who show progress.
    type: path
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
# Note: These examples do not set authentication details, see the AWS Guide for details.
- name: Take a snapshot of two regions
  lks.llm.account_snapshot_info:
    path: reports/snapshot.json
    regions: [us-east-1, us-west-2]
    name_prefix: example-
    keep_environment: [DB_HOST, DB_PORT]
"""

RETURN = r"""
path:
  description: The file that was written.
  returned: when O(path) was given
  type: str
  sample: "reports/snapshot.json"
snapshot:
  description: The snapshot.
  returned: when O(path) was not given
  type: dict
  contains:
    account:
      description: The account.
      type: str
      sample: "123456789012"
    regions:
      description: "What each region holds, by part: C(vpcs), C(instances), C(load_balancers), …; items are as AWS describes them."
      type: dict
counts:
  description: How many items of each part there are in each region.
  returned: always
  type: dict
  sample: {"us-east-1": {"vpcs": 1}}
calls:
  description: How many requests each region, and IAM, took.
  returned: always
  type: dict
  sample: {"us-east-1": 83, "global": 3}
refused:
  description: What could not be looked at, and why.
  returned: always
  type: list
  elements: dict
  contains:
    region:
      description: The region, or C(global).
      type: str
      sample: "us-east-1"
    part:
      description: The part of the snapshot that is missing.
      type: str
      sample: "amplify_apps"
    reason:
      description: What AWS answered.
      type: str
      sample: "AccessDeniedException: User is not authorized to perform amplify:ListApps"
"""

import contextlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports it
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

from ansible_collections.amazon.aws.plugins.module_utils.botocore import get_aws_connection_info
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.lks.llm.plugins.module_utils.account_snapshot import (
    DETAIL_THREADS,
    PART_THREADS,
    take_snapshot,
)
from ansible_collections.lks.llm.plugins.module_utils.progress import Progress


def get_account(module, region):
    """Fails early and clearly without usable credentials; after this, a refusal concerns one service alone."""
    client = module.client("sts", retry_decorator=AWSRetry.jittered_backoff(), region=region)
    try:
        return client.get_caller_identity(aws_retry=True)["Account"], client.meta.partition
    except (ClientError, BotoCoreError) as e:
        module.fail_json_aws(
            e, msg="Could not ask AWS whose credentials these are; check that they are set and current"
        )


def client_maker(module):
    """Clients of one session: one of its own for each client, as module.client makes them, would read every service's model twice."""
    _region, endpoint, params = get_aws_connection_info(module)
    config = Config(max_pool_connections=PART_THREADS + DETAIL_THREADS).merge(
        params.pop("aws_config", None) or Config()
    )
    session = boto3.session.Session(profile_name=params.pop("profile_name", None))

    def make(service, region):
        return session.client(service, region_name=region, endpoint_url=endpoint, config=config, **params)

    return make


def as_text(value):
    """JSON for what AWS returns as a time."""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def write(path, text):
    """A file of its owner alone: it tells where everything is."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def count(snapshot):
    return {
        region: {part: len(items) for part, items in sorted(found.items())}
        for region, found in snapshot["regions"].items()
    }


def main():
    module = AnsibleAWSModule(
        argument_spec={
            "path": {"type": "path"},
            "regions": {"type": "list", "elements": "str", "required": True},
            "name_prefix": {"type": "str", "default": ""},
            "keep_environment": {"type": "list", "elements": "str", "default": []},
            "progress": {"type": "path"},
        },
        supports_check_mode=True,
    )
    params = module.params
    regions = list(dict.fromkeys(params["regions"]))
    if not regions:
        module.fail_json(msg="regions must name at least one region")
    account, partition = get_account(module, regions[0])
    snapshot = take_snapshot(
        client_maker(module),
        regions,
        {"name_prefix": params["name_prefix"], "keep_environment": set(params["keep_environment"])},
        Progress(params["progress"]),
    )
    snapshot.update(account=account, partition=partition, taken=datetime.now(UTC).isoformat(timespec="seconds"))
    text = json.dumps(snapshot, default=as_text, sort_keys=True)
    result = {"calls": snapshot["calls"], "refused": snapshot["refused"], "counts": count(snapshot)}
    if params["path"]:
        try:
            write(params["path"], text)
        except OSError as e:
            module.fail_json(msg=f"Could not write the snapshot to {params['path']}: {e}")
        result["path"] = params["path"]
    else:
        result["snapshot"] = json.loads(text)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
