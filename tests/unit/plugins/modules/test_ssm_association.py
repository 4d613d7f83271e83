"""The pure functions of ssm_association and of what it shares."""

from __future__ import annotations

import pytest
from ansible_collections.lks.llm.plugins.module_utils import ssm
from ansible_collections.lks.llm.plugins.modules import ssm_association as module

PARAMS = {
    "name": "web",
    "document_name": "AWS-ApplyAnsiblePlaybooks",
    "document_version": None,
    "targets": [{"key": "tag:Role", "values": ["web"]}],
    "parameters": {"Check": False, "SourceInfo": {"path": "https://x"}, "TimeoutSeconds": 60, "List": ["a", "b"]},
    "schedule_expression": "rate(1 hour)",
    "apply_only_at_cron_interval": None,
    "compliance_severity": None,
    "max_concurrency": None,
    "max_errors": "1",
    "output_location": {"s3_bucket": "b", "s3_prefix": None, "s3_region": None},
}
CURRENT = {
    "Name": "AWS-ApplyAnsiblePlaybooks",
    "AssociationName": "web",
    "DocumentVersion": "$DEFAULT",
    "Targets": [{"Key": "tag:Role", "Values": ["web"]}],
    "Parameters": {
        "Check": ["False"],
        "SourceInfo": ['{ "path":"https://x" }'],
        "TimeoutSeconds": ["60"],
        "List": ["a", "b"],
    },
    "ScheduleExpression": "rate(1 hour)",
    "MaxErrors": "1",
    "CalendarNames": ["closed"],
    "OutputLocation": {"S3Location": {"OutputS3BucketName": "b"}},
    "Overview": {"Status": "Success"},
}


def test_an_update_carries_what_aws_would_null():
    request = module.build_request(PARAMS, CURRENT)
    assert request["CalendarNames"] == ["closed"]
    assert request["DocumentVersion"] == "$DEFAULT"
    assert request["Parameters"]["Check"] == ["False"]
    assert "Overview" not in request
    assert module.diff_requests(CURRENT, request) == ({}, {})


def test_what_is_taken_away_is_not_sent():
    request = module.build_request({**PARAMS, "schedule_expression": ""}, CURRENT)
    assert "ScheduleExpression" not in request
    assert module.diff_requests(CURRENT, request) == ({"ScheduleExpression": "rate(1 hour)"}, {})


def test_targets_are_the_same_in_any_order():
    current = {**CURRENT, "Targets": [{"Key": "tag:B", "Values": ["2", "1"]}, {"Key": "tag:A", "Values": ["x"]}]}
    wanted = {**PARAMS, "targets": [{"key": "tag:A", "values": ["x"]}, {"key": "tag:B", "values": ["1", "2"]}]}
    assert module.diff_requests(current, module.build_request(wanted, current)) == ({}, {})


def pair(execution: str, version: str, **statuses: str) -> tuple[dict, list[dict]]:
    targets = [{"ResourceId": key, "ExecutionId": execution, "Status": status} for key, status in statuses.items()]
    return {"ExecutionId": execution, "AssociationVersion": version}, targets


def test_only_results_of_the_present_version_count_and_the_newest_of_them():
    pairs = [
        pair("1", "1", a="Success", b="Failed"),
        pair("2", "2", a="Failed", b="Success"),
        pair("3", "2", a="InProgress"),
    ]
    found = ssm.merge_results(pairs, "2")
    assert {key: (each["status"], each["execution_id"]) for key, each in found.items()} == {
        "a": ("InProgress", "3"),
        "b": ("Success", "2"),
    }
    assert ssm.merge_results(pairs, "3") == {}


def test_a_failure_that_was_asked_again_is_no_result_but_a_success_stays():
    pairs = [pair("1", "1", a="Failed", b="Success")]
    assert list(ssm.merge_results(pairs, "1", stale={"1"})) == ["b"]
    again = [*pairs, pair("2", "1", a="TimedOut", b="Success")]
    assert ssm.has_failed(ssm.merge_results(again, "1", stale={"1"})["a"])


def test_targets_as_filters_of_managed_instances():
    assert ssm.build_instance_filters([{"Key": "tag:A", "Values": ["1"]}, {"Key": "InstanceIds", "Values": ["*"]}]) == [
        {"Key": "tag:A", "Values": ["1"]}
    ]
    assert ssm.build_instance_filters([{"Key": "resource-groups:Name", "Values": ["g"]}]) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://s3.us-east-1.amazonaws.com/bucket/results/i-1",
        "https://s3-us-west-2.amazonaws.com/bucket/results/i-1",
        "https://bucket.s3.us-east-1.amazonaws.com/results/i-1",
    ],
)
def test_where_aws_says_the_output_is(url):
    assert module.parse_output_url(url) == ("bucket", "results/i-1")
