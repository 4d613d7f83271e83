"""What the sweep takes for a match, and what it makes of the tagging API's entries."""

from __future__ import annotations

import pytest
from ansible_collections.lks.llm.plugins.module_utils import resource_match, resource_sweep

WANTED = {"tags": {"Project": "p"}, "name_prefix": "lks-", "match": "any"}


def entry(identity, name="", tags=None, belongs_to=()):
    return resource_sweep.entry(
        ("ec2", "thing"),
        identity,
        f"arn:aws:ec2:r:1:thing/{identity}",
        name=name,
        tags=tags or {},
        belongs_to=list(belongs_to),
    )


@pytest.mark.parametrize(
    "name",
    [
        "lks-vpc",
        "/aws/lambda/lks-function",
        "ELB app/lks-alb/0123",
        "AWS Lambda VPC ENI-lks-function-0123",
        "/lks-llm/password",
    ],
)
def test_names_that_aws_makes_match(name):
    assert resource_match.name_matches(name, "lks-")


@pytest.mark.parametrize("name", ["", None, "xlks-vpc", "other"])
def test_other_names_do_not_match(name):
    assert not resource_match.name_matches(name, "lks-")


@pytest.mark.parametrize(
    ("name", "tags", "match", "reasons"),
    [
        ("lks-a", {}, "any", ["name"]),
        ("a", {"Project": "p"}, "any", ["tags"]),
        ("lks-a", {"Project": "other"}, "all", []),
        ("a", {"Project": "p"}, "all", []),
        ("lks-a", {"Project": "p"}, "all", ["tags", "name"]),
        ("lks-a", {}, "all", ["name"]),
    ],
)
def test_any_takes_one_reason_and_all_takes_both_or_what_has_no_tags(name, tags, match, reasons):
    assert resource_match.matched_by(entry("i", name, tags), {**WANTED, "match": match}) == reasons


def test_parts_of_parts_are_related():
    entries = [
        entry("vpc", "lks-vpc"),
        entry("eni", belongs_to=["vpc"]),
        entry("rule", belongs_to=["eni"]),
        entry("far"),
    ]
    found = resource_match.match_entries(entries, WANTED, True)
    assert [(each["id"], each["matched_by"]) for each in found] == [
        ("vpc", ["name"]),
        ("eni", ["related"]),
        ("rule", ["related"]),
    ]


def test_the_tagging_api_is_believed_only_where_the_service_was_not_asked():
    tagged = [
        {"arn": "arn:aws:ec2:r:1:vpc/gone", "tags": {"Project": "p"}},
        {"arn": "arn:aws:sns:r:1:topic", "tags": {"Project": "p"}},
        {"arn": "arn:aws:logs:r:1:log-group:here:*", "tags": {"Project": "p"}},
        {"arn": "arn:aws:elasticloadbalancing:r:1:listener/app/a/1/2", "tags": {"Project": "p"}},
    ]
    context = {
        "arns": {"arn:aws:logs:r:1:log-group:here"},
        "looked_at": {("ec2", "vpc"), ("elasticloadbalancing", "loadbalancer")},
    }
    living, stale = resource_match.judge_tagged(tagged, context, WANTED)
    assert [each["arn"] for each in living] == ["arn:aws:sns:r:1:topic"]
    assert [each["arn"].split(":")[5] for each in stale] == ["vpc/gone", "listener/app/a/1/2"]


@pytest.mark.parametrize(
    ("name", "owner"),
    [("API-Gateway-Execution-Logs_a1b2/v1", "a1b2"), ("/aws/amplify/d1e2", "d1e2"), ("/aws/lambda/f", "")],
)
def test_log_groups_that_services_make_belong_to_what_writes_there(name, owner):
    assert resource_sweep.owner_of_logs(name) == owner
