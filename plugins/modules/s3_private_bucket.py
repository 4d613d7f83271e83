#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: s3_private_bucket
version_added: 0.1.0
short_description: Manage an S3 bucket that nobody else can reach
description:
  - Creates, updates and deletes a bucket for the account's own use. All public access is blocked, access control lists are off, what is in
    it is encrypted with S3's own keys, and requests that do not come over TLS are refused.
  - In contrast to M(amazon.aws.s3_bucket) and M(community.aws.s3_lifecycle) it has a check mode and diff, does in one task what takes
    those two, and asks AWS about what it manages only.
author:
  - "The lks.llm authors (@lks-llm)"
options:
  name:
    description:
      - Name of the bucket, 3 to 63 lower-case letters, digits, hyphens and dots.
    required: true
    type: str
  lifecycle_rules:
    description:
      - What is deleted after a time. Other rules are removed. Left alone when not given.
    type: list
    elements: dict
    suboptions:
      id:
        description:
          - Name of the rule.
        required: true
        type: str
      prefix:
        description:
          - Beginning of the keys that the rule is about.
        type: str
        default: ""
      expiration_days:
        description:
          - After how many days an object is deleted.
        required: true
        type: int
  force:
    description:
      - Whether a bucket is deleted with everything in it, old versions included. One that is not empty is refused otherwise.
    type: bool
    default: false
  state:
    description:
      - Whether the bucket exists.
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
- name: Create a bucket, whose logs go after two weeks
  lks.llm.s3_private_bucket:
    name: example-123456789012-us-east-1
    lifecycle_rules:
      - id: old-logs
        prefix: logs/
        expiration_days: 14
    tags:
      Project: example

- name: Delete it with everything in it
  lks.llm.s3_private_bucket:
    name: example-123456789012-us-east-1
    state: absent
    force: true
"""

RETURN = r"""
name:
  description: Name of the bucket.
  returned: always
  type: str
  sample: "example-123456789012-us-east-1"
arn:
  description: ARN of the bucket.
  returned: always
  type: str
  sample: "arn:aws:s3:::example-123456789012-us-east-1"
tags:
  description: Tags of the bucket, when O(tags) is given.
  returned: when O(state=present)
  type: dict
"""

import json
import re

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError, is_ansible_aws_error_code
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.amazon.aws.plugins.module_utils.tagging import (
    ansible_dict_to_boto3_tag_list,
    boto3_tag_list_to_ansible_dict,
    compare_aws_tags,
)

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9]")
PUBLIC_ACCESS_BLOCK = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
OWNERSHIP = "BucketOwnerEnforced"
ENCRYPTION = "AES256"
OBJECTS_IN_DELETE = 1000  # https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
EMPTYING_ROUNDS = 5


class S3Error(AnsibleAWSError):
    pass


class S3ErrorHandler(AWSErrorHandler):
    _CUSTOM_EXCEPTION = S3Error

    @classmethod
    def _is_missing(cls):
        return is_boto3_error_code(
            [
                "NoSuchBucket",
                "NoSuchBucketPolicy",
                "NoSuchLifecycleConfiguration",
                "NoSuchPublicAccessBlockConfiguration",
                "NoSuchTagSet",
                "OwnershipControlsNotFoundError",
                "ServerSideEncryptionConfigurationNotFoundError",
            ]
        )


def connect(module):
    # A new bucket is not everywhere at once.
    retry = AWSRetry.jittered_backoff(retries=8, catch_extra_error_codes=["OperationAborted"])
    return module.client("s3", retry_decorator=retry)


def read(client, operation, bucket, key):
    """One part of a bucket's configuration, None when it has none."""

    @S3ErrorHandler.list_error_handler(f"read {key} of bucket {bucket}", None)
    def get():
        return getattr(client, operation)(Bucket=bucket, aws_retry=True).get(key)

    return get()


def write(client, operation, bucket, **params):
    @S3ErrorHandler.common_error_handler(f"{operation.replace('_', ' ')} of bucket {bucket}")
    def put():
        getattr(client, operation)(Bucket=bucket, aws_retry=True, **params)

    put()


def bucket_exists(client, bucket):
    @S3ErrorHandler.common_error_handler(f"look for bucket {bucket}")
    def head():
        try:
            return client.head_bucket(Bucket=bucket, aws_retry=True)
        except is_boto3_error_code(["404", "NoSuchBucket"]):
            return None

    try:
        answer = head()
    except is_ansible_aws_error_code("403") as e:
        raise S3Error(
            message=f"Bucket {bucket} belongs to another account, or this one may not look at it; choose another name",
            exception=e.exception,
        ) from e
    if answer is None:
        return False
    region = answer.get("BucketRegion")
    if region and region != client.meta.region_name:
        raise S3Error(
            message=f"Bucket {bucket} exists in {region}, not in {client.meta.region_name}; choose another name"
        )
    return True


def create_bucket(client, bucket):
    # In us-east-1, and only there, the region must not be named.
    region = client.meta.region_name
    params = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}

    @S3ErrorHandler.common_error_handler(f"create bucket {bucket}")
    def create():
        client.create_bucket(Bucket=bucket, aws_retry=True, **params)
        client.get_waiter("bucket_exists").wait(Bucket=bucket, WaiterConfig={"Delay": 1, "MaxAttempts": 60})

    create()


def build_policy(partition, bucket):
    """Nobody gets anything over a connection that others can read."""
    arn = f"arn:{partition}:s3:::{bucket}"
    statement = {
        "Sid": "RefusePlainHttp",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def build_lifecycle(rules):
    return [
        {
            "ID": rule["id"],
            "Status": "Enabled",
            "Filter": {"Prefix": rule["prefix"]},
            "Expiration": {"Days": rule["expiration_days"]},
        }
        for rule in sorted(rules, key=lambda rule: rule["id"])
    ]


def normalise_lifecycle(rules):
    """AWS's rules as they are sent; the prefix may be told in an older place."""
    result = []
    for rule in rules or []:
        older = {"Prefix": rule["Prefix"]} if "Prefix" in rule else {}
        same = {key: value for key, value in rule.items() if key != "Prefix"}
        result.append({**same, "Filter": rule.get("Filter") or older or {"Prefix": ""}})
    return sorted(result, key=lambda rule: rule.get("ID", ""))


def default_encryption(configuration):
    """The algorithm of a bucket's encryption, and None where there is none or one with a key."""
    rules = (configuration or {}).get("Rules", [])
    default = rules[0].get("ApplyServerSideEncryptionByDefault", {}) if rules else {}
    return default.get("SSEAlgorithm")


class Work:
    """One bucket on its way to what is wanted: before, after and whether anything changes."""

    def __init__(self, client, module):
        self.client = client
        self.params = module.params
        self.name = module.params["name"]
        self.check_mode = module.check_mode
        self.before, self.after = {}, {}
        self.changed = False

    def step(self, key, before, after, operation, **params):
        self.changed = True
        self.before[key], self.after[key] = before, after
        if not self.check_mode:
            write(self.client, operation, self.name, **params)

    def read(self, operation, key, exists):
        return read(self.client, operation, self.name, key) if exists else None

    def ensure(self):
        exists = bucket_exists(self.client, self.name)
        if not exists:
            self.changed = True
            self.before["bucket"], self.after["bucket"] = None, self.name
            if not self.check_mode:
                create_bucket(self.client, self.name)
                exists = True
        self.ensure_private(exists)
        self.ensure_encrypted(exists)
        self.ensure_lifecycle(exists)
        tags = self.ensure_tags(exists)
        return {
            "changed": self.changed,
            "diff": {"before": self.before, "after": self.after},
            "name": self.name,
            "arn": f"arn:{self.client.meta.partition}:s3:::{self.name}",
            "tags": tags,
        }

    def ensure_private(self, exists):
        block = self.read("get_public_access_block", "PublicAccessBlockConfiguration", exists)
        if block != PUBLIC_ACCESS_BLOCK:
            self.step(
                "public_access_block",
                block,
                PUBLIC_ACCESS_BLOCK,
                "put_public_access_block",
                PublicAccessBlockConfiguration=PUBLIC_ACCESS_BLOCK,
            )
        controls = self.read("get_bucket_ownership_controls", "OwnershipControls", exists) or {}
        ownership = [rule["ObjectOwnership"] for rule in controls.get("Rules", [])]
        if ownership != [OWNERSHIP]:
            wanted = {"Rules": [{"ObjectOwnership": OWNERSHIP}]}
            self.step("ownership", ownership, [OWNERSHIP], "put_bucket_ownership_controls", OwnershipControls=wanted)
        policy = json.loads(self.read("get_bucket_policy", "Policy", exists) or "{}")
        wanted = build_policy(self.client.meta.partition, self.name)
        if not policy or compare_policies(policy, wanted):
            self.step("policy", policy, wanted, "put_bucket_policy", Policy=json.dumps(wanted))

    def ensure_encrypted(self, exists):
        algorithm = default_encryption(self.read("get_bucket_encryption", "ServerSideEncryptionConfiguration", exists))
        if algorithm != ENCRYPTION:
            rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": ENCRYPTION}}
            self.step(
                "encryption",
                algorithm,
                ENCRYPTION,
                "put_bucket_encryption",
                ServerSideEncryptionConfiguration={"Rules": [rule]},
            )

    def ensure_lifecycle(self, exists):
        if self.params["lifecycle_rules"] is None:
            return
        current = normalise_lifecycle(self.read("get_bucket_lifecycle_configuration", "Rules", exists))
        wanted = build_lifecycle(self.params["lifecycle_rules"])
        if current == wanted:
            return
        if wanted:
            configuration = {"Rules": wanted}
            operation = "put_bucket_lifecycle_configuration"
            self.step("lifecycle_rules", current, wanted, operation, LifecycleConfiguration=configuration)
        else:
            self.step("lifecycle_rules", current, [], "delete_bucket_lifecycle")

    def ensure_tags(self, exists):
        if self.params["tags"] is None:
            return {}
        current = boto3_tag_list_to_ansible_dict(self.read("get_bucket_tagging", "TagSet", exists) or [])
        to_set, to_remove = compare_aws_tags(current, self.params["tags"], self.params["purge_tags"])
        after = {key: value for key, value in current.items() if key not in to_remove}
        after.update(to_set)
        # S3 knows only all tags at once.
        if after != current and after:
            tagging = {"TagSet": ansible_dict_to_boto3_tag_list(after)}
            self.step("tags", current, after, "put_bucket_tagging", Tagging=tagging)
        elif after != current:
            self.step("tags", current, after, "delete_bucket_tagging")
        return after


def list_versions(client, bucket):
    """One page of what is in a bucket, old versions and marks of deletion included."""

    @S3ErrorHandler.list_error_handler(f"list what is in bucket {bucket}", {})
    def page():
        return client.list_object_versions(Bucket=bucket, MaxKeys=OBJECTS_IN_DELETE, aws_retry=True)

    answer = page()
    items = answer.get("Versions", []) + answer.get("DeleteMarkers", [])
    return [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in items]


def empty_bucket(client, bucket):
    items = list_versions(client, bucket)
    while items:
        write(client, "delete_objects", bucket, Delete={"Objects": items[:OBJECTS_IN_DELETE], "Quiet": True})
        left = list_versions(client, bucket)
        if left == items:
            raise S3Error(
                message=f"Bucket {bucket} cannot be emptied: AWS keeps {items[0]['Key']}, perhaps under a lock"
            )
        items = left


def delete_bucket(client, bucket):
    @S3ErrorHandler.deletion_error_handler(f"delete bucket {bucket}")
    def delete():
        client.delete_bucket(Bucket=bucket, aws_retry=True)

    delete()


def ensure_absent(client, module):
    name, force = module.params["name"], module.params["force"]
    result = {"name": name, "arn": f"arn:{client.meta.partition}:s3:::{name}"}
    if not bucket_exists(client, name):
        return {**result, "changed": False, "diff": {"before": {}, "after": {}}}
    if not module.check_mode:
        for attempt in range(1, EMPTYING_ROUNDS + 1):
            if force:
                empty_bucket(client, name)
            try:
                delete_bucket(client, name)
                break
            except is_ansible_aws_error_code("BucketNotEmpty") as e:
                # Somebody may still be writing into it.
                if force and attempt < EMPTYING_ROUNDS:
                    continue
                remedy = "stop what writes into it" if force else "set force to delete what is in it too"
                raise S3Error(
                    message=f"Bucket {name} cannot be deleted: it is not empty; {remedy}", exception=e.exception
                ) from e
    return {**result, "changed": True, "diff": {"before": {"bucket": name}, "after": {}}}


def problem(params):
    """What no bucket can have, or None."""
    name = params["name"]
    if not NAME.fullmatch(name) or ".." in name:
        return f"name must be 3 to 63 lower-case letters, digits, hyphens and dots, not {name}"
    for rule in params["lifecycle_rules"] or []:
        if rule["expiration_days"] < 1:
            return f"lifecycle_rules: expiration_days of {rule['id']} must be 1 or more, not {rule['expiration_days']}"
    names = [rule["id"] for rule in params["lifecycle_rules"] or []]
    if len(set(names)) != len(names):
        return f"lifecycle_rules must have different ids, not {names}"
    return None


def main():
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "lifecycle_rules": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "id": {"type": "str", "required": True},
                    "prefix": {"type": "str", "default": ""},
                    "expiration_days": {"type": "int", "required": True},
                },
            },
            "force": {"type": "bool", "default": False},
            "tags": {"type": "dict", "aliases": ["resource_tags"]},
            "purge_tags": {"type": "bool", "default": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
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
