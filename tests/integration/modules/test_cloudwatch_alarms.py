"""cloudwatch_alarms on the local cloud."""

from __future__ import annotations

MODULE = "lks.llm.cloudwatch_alarms"
STATUS = {
    "name": "web-status",
    "description": "The web server fails its status checks.",
    "namespace": "AWS/EC2",
    "metric_name": "StatusCheckFailed",
    "dimensions": {"InstanceId": "i-0123456789abcdef0"},
    "statistic": "Maximum",
    "threshold": 0,
    "evaluation_periods": 3,
    "treat_missing_data": "breaching",
    "tags": {"Name": "web-status"},
}
SLOW = {
    "name": "orders-slow",
    "namespace": "AWS/Lambda",
    "metric_name": "Duration",
    "dimensions": {"FunctionName": "orders"},
    "extended_statistic": "p90",
    "threshold": 3000,
    "alarm_actions": ["arn:aws:sns:us-east-1:123456789012:operators"],
}


def test_alarms_are_made_kept_repaired_and_removed(modules, module_cloud):
    watch = module_cloud.client("cloudwatch", "us-east-1")
    arguments = {"alarms": [STATUS, SLOW], "tags": {"Project": "example"}}
    made = modules.lifecycle(MODULE, **arguments)
    assert made["changed_alarms"] == ["web-status", "orders-slow"]
    alarms = {each["AlarmName"]: each for each in watch.describe_alarms()["MetricAlarms"]}
    assert alarms["web-status"]["TreatMissingData"] == "breaching"
    assert alarms["orders-slow"]["ExtendedStatistic"] == "p90"
    arn = alarms["web-status"]["AlarmArn"]
    assert {"Key": "Name", "Value": "web-status"} in watch.list_tags_for_resource(ResourceARN=arn)["Tags"]

    # Somebody raises a threshold, takes a tag away, and deletes the other alarm.
    hand = {
        key: alarms["web-status"][key] for key in ("AlarmName", "Namespace", "MetricName", "Dimensions", "Statistic")
    }
    watch.put_metric_alarm(
        **hand, Period=60, EvaluationPeriods=3, Threshold=9, ComparisonOperator="GreaterThanThreshold"
    )
    watch.untag_resource(ResourceARN=arn, TagKeys=["Project"])
    watch.delete_alarms(AlarmNames=["orders-slow"])
    repaired = modules.lifecycle(MODULE, **arguments)
    before, after = repaired["diff"]["before"]["web-status"], repaired["diff"]["after"]["web-status"]
    assert (before["threshold"], after["threshold"]) == (9, 0)
    assert before["tags"] == {"Name": "web-status"}
    assert repaired["diff"]["before"]["orders-slow"] == {}

    fewer = modules.lifecycle(MODULE, **{**arguments, "alarms": [{**STATUS, "threshold": 1}, SLOW]})
    assert fewer["changed_alarms"] == ["web-status"]

    modules.lifecycle(MODULE, alarms=[{"name": "web-status"}, {"name": "orders-slow"}], state="absent")
    assert watch.describe_alarms()["MetricAlarms"] == []


def test_nonsense_is_refused_before_any_call(modules):
    def said(**change):
        return modules(MODULE, alarms=[{**STATUS, **change}])["msg"]

    assert "not both" in said(extended_statistic="p90")
    assert "dimension InstanceId has no value" in said(dimensions={"InstanceId": ""})
    assert "web-status is there more than once" in modules(MODULE, alarms=[STATUS, STATUS])["msg"]
    assert modules(MODULE, alarms=[{**STATUS, "dimensions": {"InstanceId": ""}}], check_mode=True)["changed"]
