"""s3_private_bucket on the local cloud."""

from __future__ import annotations

import json

import pytest

MODULE = "lks.llm.s3_private_bucket"


@pytest.mark.parametrize("region", ["us-east-1", "us-west-2"])
def test_a_bucket_is_made_kept_repaired_and_removed(modules, region):
    name = f"bucket-life-{region}"
    wanted = {
        "region": region,
        "name": name,
        "lifecycle_rules": [{"id": "old", "prefix": "out/", "expiration_days": 14}],
        "tags": {"Name": name, "Project": "test"},
    }
    modules.lifecycle(MODULE, **wanted)
    s3 = modules.cloud.client("s3", region)
    statement = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"][0]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})

    s3.delete_public_access_block(Bucket=name)
    s3.delete_bucket_policy(Bucket=name)
    s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    s3.delete_bucket_encryption(Bucket=name)
    s3.delete_bucket_lifecycle(Bucket=name)
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "Stray", "Value": "x"}]})
    repaired = modules.lifecycle(MODULE, **wanted)
    assert set(repaired["diff"]["before"]) == {
        "encryption",
        "lifecycle_rules",
        "ownership",
        "policy",
        "public_access_block",
        "tags",
    }

    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"one", b"two"):
        s3.put_object(Bucket=name, Key="out/a", Body=body)
    s3.delete_object(Bucket=name, Key="out/a")
    refused = modules(MODULE, region=region, name=name, state="absent")
    assert refused["failed"]
    assert "set force" in refused["msg"]
    modules.lifecycle(MODULE, region=region, name=name, state="absent", force=True)


def test_nonsense_is_refused_before_any_call(modules):
    modules.cloud.begin("nonsense")
    assert "lower-case" in modules(MODULE, name="Upper")["msg"]
    twice = [{"id": "a", "expiration_days": 1}, {"id": "a", "expiration_days": 2}]
    assert "different ids" in modules(MODULE, name="bucket-x", lifecycle_rules=twice)["msg"]
    assert "1 or more" in modules(MODULE, name="bucket-x", lifecycle_rules=[{"id": "a", "expiration_days": 0}])["msg"]
    assert modules.cloud.requests("nonsense")["reads"] == {}
