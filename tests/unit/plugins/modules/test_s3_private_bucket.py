"""Pure functions of s3_private_bucket."""

from __future__ import annotations

from ansible_collections.lks.llm.plugins.modules.s3_private_bucket import (
    build_lifecycle,
    build_policy,
    default_encryption,
    normalise_lifecycle,
    problem,
)


def test_the_policy_is_about_the_bucket_and_what_is_in_it():
    statement = build_policy("aws-cn", "box")["Statement"][0]
    assert statement["Resource"] == ["arn:aws-cn:s3:::box", "arn:aws-cn:s3:::box/*"]
    assert statement["Effect"] == "Deny"


def test_rules_are_the_same_whichever_way_aws_tells_them():
    wanted = build_lifecycle(
        [{"id": "b", "prefix": "out/", "expiration_days": 3}, {"id": "a", "prefix": "", "expiration_days": 1}]
    )
    older = [
        {"ID": "b", "Status": "Enabled", "Prefix": "out/", "Expiration": {"Days": 3}},
        {"ID": "a", "Status": "Enabled", "Expiration": {"Days": 1}},
    ]
    assert normalise_lifecycle(older) == normalise_lifecycle(wanted) == wanted
    assert normalise_lifecycle([{**older[0], "Status": "Disabled"}]) != wanted[1:]
    assert normalise_lifecycle(None) == []


def test_encryption():
    assert default_encryption(None) is None
    assert (
        default_encryption({"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]})
        == "aws:kms"
    )


def test_names():
    def name(text):
        return problem({"name": text, "lifecycle_rules": None})

    assert name("a-b.c3") is None
    for wrong in ("ab", "Abc", "a..b", "-abc", "abc-", "x" * 64):
        assert wrong in name(wrong)
