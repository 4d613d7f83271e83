"""What S3 refuses. Of regions and of buckets that are not empty, moto knows itself."""

from __future__ import annotations

import ipaddress
import json
import re
from typing import Any

from moto.backends import get_backend

from localcloud.rules import Call, Refusal, rule

GUIDE = "https://docs.aws.amazon.com/AmazonS3/latest/userguide"
NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9]")
PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def find_bucket(call: Call) -> Any:
    """The bucket that a request names, or None: moto says that there is none."""
    return get_backend("s3")[call.account]["aws"].buckets.get(call.parameters["Bucket"])


def is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@rule("s3", "CreateBucket", source=f"{GUIDE}/bucketnamingrules.html")
def name_of_a_bucket(call: Call) -> None:
    name = call.parameters["Bucket"]
    if (
        not NAME.fullmatch(name)
        or ".." in name
        or is_address(name)
        or name.startswith(PREFIXES)
        or name.endswith(SUFFIXES)
    ):
        raise Refusal("InvalidBucketName", "The specified bucket is not valid.")


@rule("s3", "PutBucketPolicy", source=f"{GUIDE}/access-control-block-public-access.html")
def public_policies_are_blocked(call: Call) -> None:
    bucket = find_bucket(call)
    block = getattr(bucket, "public_access_block", None)
    policy = call.parameters.get("Policy") or ""
    try:
        content = json.loads(policy)
    except ValueError:
        raise Refusal("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'") from None
    statements = content.get("Statement", [])
    statements = statements if isinstance(statements, list) else [statements]
    public = any(
        statement.get("Effect") == "Allow"
        and statement.get("Principal") in ("*", {"AWS": "*"})
        and not statement.get("Condition")
        for statement in statements
    )
    if public and block is not None and block.block_public_policy:
        raise Refusal("AccessDenied", "Public policies are prevented by the BlockPublicPolicy setting", 403)


@rule("s3", "PutBucketAcl", "PutObjectAcl", source=f"{GUIDE}/about-object-ownership.html")
def access_control_lists_are_off(call: Call) -> None:
    bucket = find_bucket(call)
    if bucket is not None and bucket.ownership_rule == "BucketOwnerEnforced":
        raise Refusal("AccessControlListNotSupported", "The bucket does not allow ACLs")


@rule("s3", "PutBucketTagging", source=f"{GUIDE}/CostAllocTagging.html")
def tags_of_a_bucket(call: Call) -> None:
    tags = call.parameters["Tagging"]["TagSet"]
    keys = [tag["Key"] for tag in tags]
    if len(keys) > 50:
        raise Refusal("BadRequest", "Bucket tag count cannot be greater than 50")
    if len(set(keys)) < len(keys):
        raise Refusal("InvalidTag", "Cannot provide multiple Tags with the same key")
