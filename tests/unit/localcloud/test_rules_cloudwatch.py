"""AWS's rules for CloudWatch and CloudWatch Logs, each shown refusing."""

from __future__ import annotations

import json

import pytest

from .in_process import client, refused

ALARM = {
    "AlarmName": "alarm",
    "Namespace": "AWS/EC2",
    "MetricName": "StatusCheckFailed",
    "Dimensions": [{"Name": "InstanceId", "Value": "i-0123456789abcdef0"}],
    "Statistic": "Maximum",
    "Period": 60,
    "EvaluationPeriods": 3,
    "Threshold": 0,
    "ComparisonOperator": "GreaterThanThreshold",
}


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"ExtendedStatistic": "p90"}, "InvalidParameterCombination", "mutually exclusive"),
        ({"Statistic": None}, "ValidationError", "Exactly one"),
        ({"Statistic": None, "ExtendedStatistic": "p101"}, "InvalidParameterValue", "p101"),
        ({"Namespace": None}, "ValidationError", "Namespace must be given"),
        ({"Period": 45}, "ValidationError", "multiple of 60"),
        ({"EvaluationPeriods": 1441}, "ValidationError", "more than a day"),
        ({"Period": 3600, "EvaluationPeriods": 169}, "ValidationError", "more than seven days"),
        ({"DatapointsToAlarm": 4}, "ValidationError", "DatapointsToAlarm"),
        ({"TreatMissingData": "good"}, "InvalidParameterValue", "TreatMissingData"),
        ({"Dimensions": [{"Name": "InstanceId", "Value": " "}]}, "ValidationError", "must not be empty"),
    ],
)
def test_alarms_that_watch_nothing_are_refused(change, code, words):
    given = {key: value for key, value in {**ALARM, **change}.items() if value is not None}
    refused(code, words, client("cloudwatch").put_metric_alarm, **given)


@pytest.mark.parametrize("change", [{}, {"Period": 10}, {"Period": 3600, "EvaluationPeriods": 168}])
def test_alarms_that_can_be_watched_are_taken(change):
    client("cloudwatch").put_metric_alarm(**{**ALARM, **change})
    percentile = {key: value for key, value in ALARM.items() if key != "Statistic"}
    client("cloudwatch").put_metric_alarm(**percentile, ExtendedStatistic="p99.9")


METRIC = {
    "type": "metric",
    "width": 6,
    "height": 6,
    "properties": {"region": "us-east-1", "metrics": [["AWS/EC2", "CPUUtilization"]]},
}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"widget": []}, "'widgets'"),
        ({"widgets": [METRIC] * 501}, "more than 500"),
        ({"widgets": [{**METRIC, "type": "picture"}]}, "/widgets/0/type"),
        ({"widgets": [METRIC, {**METRIC, "width": 25}]}, "/widgets/1/width"),
        ({"widgets": [{"type": "text", "properties": {}}]}, "'markdown'"),
        ({"widgets": [{"type": "metric", "properties": {"metrics": []}}]}, "'region'"),
        ({"widgets": [{"type": "metric", "properties": {"region": "us-east-1"}}]}, "'metrics'"),
        (
            {"widgets": [{**METRIC, "properties": {"region": "x", "metrics": [["AWS/EC2", "CPU", "InstanceId"]]}}]},
            "/metrics/0",
        ),
        (
            {"widgets": [{**METRIC, "properties": {"region": "x", "metrics": [["AWS/EC2", "CPU", "InstanceId", ""]]}}]},
            "empty text",
        ),
    ],
)
def test_dashboards_that_cannot_be_drawn_are_refused(body, words):
    put = client("cloudwatch").put_dashboard
    refused("InvalidParameterInput", words, put, DashboardName="board", DashboardBody=json.dumps(body))


def test_dashboards_that_can_be_drawn_are_taken():
    options = {
        **METRIC,
        "properties": {
            "region": "us-east-1",
            "metrics": [["AWS/EC2", "CPU", "InstanceId", "i-1", {"stat": "p90"}], [{"expression": "m1*2"}]],
        },
    }
    body = {"start": "-PT3H", "widgets": [METRIC, options, {"type": "text", "properties": {"markdown": "# x"}}]}
    client("cloudwatch").put_dashboard(DashboardName="board", DashboardBody=json.dumps(body))
    refused("InvalidParameterInput", "A-Z", client("cloudwatch").put_dashboard, DashboardName="a.b", DashboardBody="{}")


def test_retentions_are_those_there_are():
    logs = client("logs")
    logs.create_log_group(logGroupName="/retained")
    refused(
        "InvalidParameterException",
        "'15' at 'retentionInDays'",
        logs.put_retention_policy,
        logGroupName="/retained",
        retentionInDays=15,
    )
    logs.put_retention_policy(logGroupName="/retained", retentionInDays=14)
    refused("InvalidParameterException", "reserved for AWS", logs.create_log_group, logGroupName="aws/mine")
