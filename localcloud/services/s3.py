"""S3: what every new bucket comes with, and policies about the connection."""

from __future__ import annotations

import functools
import json
from typing import Any

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket, PublicAccessBlock

MOTO_INIT = FakeBucket.__init__


def new_bucket(self: Any, *arguments: Any, **options: Any) -> None:
    """Since 2023 new buckets block public access, have no access control lists and are encrypted.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html"""
    MOTO_INIT(self, *arguments, **options)
    self.public_access_block = PublicAccessBlock("true", "true", "true", "true")
    self.ownership_rule = "BucketOwnerEnforced"
    self.encryption = {
        "Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": "false"}
    }


def about_plain_connections(statement: dict[str, Any]) -> bool:
    wanted = statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")
    return str(wanted).lower() == "false"


def get_permission(self: Any, action: str, resource: str) -> Any:
    """moto looks at no condition. Here every connection counts as one over TLS: to AWS it would be, and this endpoint is local."""
    if self.policy is None:
        return PermissionResult.NEUTRAL
    content = json.loads(self.policy)
    statements = content.get("Statement", [])
    statements = statements if isinstance(statements, list) else [statements]
    left = [each for each in statements if not about_plain_connections(each)]
    if not left:
        return PermissionResult.NEUTRAL
    policy = IAMPolicy(json.dumps({**content, "Statement": left}))
    return policy.is_action_permitted(action, resource)


@functools.cache
def install() -> None:
    bucket: Any = FakeBucket
    bucket.__init__ = new_bucket
    bucket.get_permission = get_permission
