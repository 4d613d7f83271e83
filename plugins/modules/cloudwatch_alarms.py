#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
---
module: cloudwatch_alarms
version_added: 0.1.0
short_description: Manage CloudWatch metric alarms, many at a time and with tags
description:
  - Creates, updates and deletes alarms on single metrics, found by their names.
  - M(amazon.aws.cloudwatch_metric_alarm) knows no tags, shows no difference and manages one alarm a task.
  - Whether the actions of an alarm are enabled, and what state it is in, is left alone.
author:
  - "The lks.llm authors (@lks-llm)"
options:
  alarms:
    description:
      - The alarms. With O(state=absent) only their names are needed.
      - In check mode values of dimensions may be empty, because they are ids of what another task would create.
    required: true
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - Name of the alarm.
        required: true
        type: str
      description:
        description:
          - What it means when the alarm goes off, and what to do then.
        type: str
        default: ""
      namespace:
        description:
          - Namespace of the metric.
        type: str
      metric_name:
        description:
          - Name of the metric.
        type: str
        aliases: [metric]
      dimensions:
        description:
          - Dimensions of the metric.
        type: dict
        default: {}
      statistic:
        description:
          - What is taken of the values of a period. One of this and O(alarms[].extended_statistic) is needed.
        choices: [SampleCount, Average, Sum, Minimum, Maximum]
        type: str
      extended_statistic:
        description:
          - A percentile, such as V(p90), or another of CloudWatch's statistics, such as V(tm95).
        type: str
      unit:
        description:
          - Unit of the metric; only values of this unit count.
        type: str
      comparison:
        description:
          - How a value is compared with the threshold.
        choices:
          - GreaterThanThreshold
          - GreaterThanOrEqualToThreshold
          - LessThanThreshold
          - LessThanOrEqualToThreshold
        default: GreaterThanThreshold
        type: str
        aliases: [comparison_operator]
      threshold:
        description:
          - The threshold.
        type: float
      period:
        description:
          - Seconds of a period, 10, 20, 30 or a multiple of 60.
        type: int
        default: 60
      evaluation_periods:
        description:
          - How many periods are looked at. They may make up a day, or seven days if a period is an hour or longer.
        type: int
        default: 1
      datapoints_to_alarm:
        description:
          - How many of the periods must be beyond the threshold. By default all.
        type: int
      treat_missing_data:
        description:
          - What a period without a value counts as.
        choices: [missing, ignore, breaching, notBreaching]
        default: missing
        type: str
      alarm_actions:
        description:
          - ARNs of what is told when the alarm goes off.
        type: list
        elements: str
        default: []
      ok_actions:
        description:
          - ARNs of what is told when all is well again.
        type: list
        elements: str
        default: []
      insufficient_data_actions:
        description:
          - ARNs of what is told when there is too little data.
        type: list
        elements: str
        default: []
      tags:
        description:
          - Tags of this alarm besides O(tags).
        type: dict
        default: {}
  state:
    description:
      - Whether the alarms exist.
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
- name: Watch an instance and a function
  lks.llm.cloudwatch_alarms:
    alarms:
      - name: web-status
        description: The web server fails its status checks. Stop and start it.
        namespace: AWS/EC2
        metric_name: StatusCheckFailed
        dimensions:
          InstanceId: i-0123456789abcdef0
        statistic: Maximum
        threshold: 0
        evaluation_periods: 3
        treat_missing_data: breaching
      - name: orders-slow
        description: One request in ten waits over 3 seconds.
        namespace: AWS/Lambda
        metric_name: Duration
        dimensions:
          FunctionName: orders
        extended_statistic: p90
        threshold: 3000
        alarm_actions:
          - arn:aws:sns:us-east-1:123456789012:operators
    tags:
      Project: example

- name: Delete them
  lks.llm.cloudwatch_alarms:
    alarms:
      - name: web-status
      - name: orders-slow
    state: absent
"""

RETURN = r"""
alarms:
  description: The alarms that were asked for, in that order, with what is set and their tags.
  returned: when O(state=present)
  type: list
  elements: dict
  sample: [{"name": "web-status", "namespace": "AWS/EC2", "metric_name": "StatusCheckFailed", "threshold": 0.0}]
changed_alarms:
  description: Names of the alarms that were created, updated, tagged or deleted, or would be in check mode.
  returned: always
  type: list
  elements: str
  sample: ["web-status"]
"""

import re

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.errors import AWSErrorHandler
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.amazon.aws.plugins.module_utils.tagging import (
    ansible_dict_to_boto3_tag_list,
    boto3_tag_list_to_ansible_dict,
    compare_aws_tags,
)

# DescribeAlarms and DeleteAlarms take as many names.
NAMES_AT_ONCE = 100
DAY = 86400
WEEK = 604800
HOUR = 3600
# Option, key in CloudWatch's calls.
FIELDS = (
    ("name", "AlarmName"),
    ("description", "AlarmDescription"),
    ("namespace", "Namespace"),
    ("metric_name", "MetricName"),
    ("statistic", "Statistic"),
    ("extended_statistic", "ExtendedStatistic"),
    ("unit", "Unit"),
    ("comparison", "ComparisonOperator"),
    ("threshold", "Threshold"),
    ("period", "Period"),
    ("evaluation_periods", "EvaluationPeriods"),
    ("datapoints_to_alarm", "DatapointsToAlarm"),
    ("treat_missing_data", "TreatMissingData"),
)
ACTIONS = (
    ("alarm_actions", "AlarmActions"),
    ("ok_actions", "OKActions"),
    ("insufficient_data_actions", "InsufficientDataActions"),
)


class AlarmErrorHandler(AWSErrorHandler):
    @classmethod
    def _is_missing(cls):
        return is_boto3_error_code(["ResourceNotFound", "ResourceNotFoundException"])


@AlarmErrorHandler.common_error_handler("read the alarms")
@AWSRetry.jittered_backoff()
def describe_alarms(client, names):
    paginator = client.get_paginator("describe_alarms")
    return paginator.paginate(AlarmNames=names, AlarmTypes=["MetricAlarm"]).build_full_result().get("MetricAlarms", [])


@AlarmErrorHandler.common_error_handler("read the tags of an alarm")
def get_tags(client, arn):
    return boto3_tag_list_to_ansible_dict(client.list_tags_for_resource(ResourceARN=arn, aws_retry=True)["Tags"])


def put_alarm(client, request):
    @AlarmErrorHandler.common_error_handler(f"write alarm {request['AlarmName']}")
    def put():
        client.put_metric_alarm(aws_retry=True, **request)

    put()


@AlarmErrorHandler.common_error_handler("tag an alarm")
def tag_alarm(client, arn, tags):
    client.tag_resource(ResourceARN=arn, Tags=ansible_dict_to_boto3_tag_list(tags), aws_retry=True)


@AlarmErrorHandler.common_error_handler("remove tags of an alarm")
def untag_alarm(client, arn, keys):
    client.untag_resource(ResourceARN=arn, TagKeys=keys, aws_retry=True)


@AlarmErrorHandler.common_error_handler("delete the alarms")
def delete_alarms(client, names):
    client.delete_alarms(AlarmNames=names, aws_retry=True)


def complaint(alarm, check_mode):
    """What is wrong with an alarm that is asked for, or None.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    """
    missing = [key for key in ("namespace", "metric_name", "threshold") if alarm[key] in (None, "")]
    period, periods = alarm["period"], alarm["evaluation_periods"]
    longest = WEEK if period >= HOUR else DAY
    needed = alarm["datapoints_to_alarm"]
    empty = [key for key, value in alarm["dimensions"].items() if value in (None, "")]
    if missing:
        return f"{', '.join(missing)} must be given"
    if bool(alarm["statistic"]) == bool(alarm["extended_statistic"]):
        return "one of statistic and extended_statistic must be given, and not both"
    statistic = alarm["extended_statistic"]
    if statistic and not re.fullmatch(r"(p|tm|wm|tc|ts)\d{1,3}(\.\d+)?|(TM|WM|PR|TC|TS)\([^)]+\)|IQM", statistic):
        return f"extended_statistic {statistic} is none; a percentile is written p90"
    if period not in (10, 20, 30) and (period <= 0 or period % 60):
        return f"period must be 10, 20, 30 or a multiple of 60, not {period}"
    if periods < 1 or period * periods > longest:
        return f"{periods} periods of {period} s must be one at least and {longest} s together at most"
    if needed is not None and not 1 <= needed <= periods:
        return f"datapoints_to_alarm must be 1 to {periods}, not {needed}"
    if empty and not check_mode:
        return f"dimension {', '.join(sorted(empty))} has no value"
    return None


def normalise_alarm(alarm):
    """An alarm as AWS returns it, in the module's words; what is not set is None or empty."""
    result = {option: alarm.get(key) for option, key in FIELDS}
    result["description"] = result["description"] or ""
    result["treat_missing_data"] = result["treat_missing_data"] or "missing"
    result["dimensions"] = {each["Name"]: each["Value"] for each in alarm.get("Dimensions") or []}
    # An alarm on several metrics is another thing than one on a single metric.
    result["metrics"] = len(alarm.get("Metrics") or [])
    for option, key in ACTIONS:
        result[option] = sorted(alarm.get(key) or [])
    return result


def build_desired(alarm):
    """What was asked for, in the form of normalise_alarm."""
    result = {option: alarm[option] for option, _key in FIELDS}
    result["dimensions"] = {key: str(value) for key, value in alarm["dimensions"].items()}
    result["metrics"] = 0
    for option, _key in ACTIONS:
        result[option] = sorted(alarm[option])
    return result


def build_request(desired):
    request = {key: desired[option] for option, key in FIELDS if desired[option] is not None}
    request["Dimensions"] = [{"Name": key, "Value": value} for key, value in sorted(desired["dimensions"].items())]
    for option, key in ACTIONS:
        request[key] = desired[option]
    return request


def diff_alarm(current, desired):
    """(before, after) of what differs; an alarm that is not there has no before."""
    if current is None:
        return {}, {
            key: value for key, value in desired.items() if value not in (None, "", [], {}, 0) or key == "threshold"
        }
    keys = [key for key in desired if current[key] != desired[key]]
    return {key: current[key] for key in keys}, {key: desired[key] for key in keys}


def find_alarms(client, names):
    found = []
    for start in range(0, len(names), NAMES_AT_ONCE):
        found.extend(describe_alarms(client, names[start : start + NAMES_AT_ONCE]))
    return {alarm["AlarmName"]: alarm for alarm in found}


def ensure_alarm(client, module, wanted, current):
    """Brings one alarm to what is wanted; returns (before, after) of it, its tags included."""
    params = module.params
    desired = build_desired(wanted)
    before, after = diff_alarm(normalise_alarm(current) if current else None, desired)
    tags_wanted = (
        None if params["tags"] is None and not wanted["tags"] else {**(params["tags"] or {}), **wanted["tags"]}
    )
    tags = get_tags(client, current["AlarmArn"]) if current and tags_wanted is not None else {}
    to_set, to_remove = (
        compare_aws_tags(tags, tags_wanted, params["purge_tags"]) if tags_wanted is not None else ({}, [])
    )
    if not module.check_mode:
        if after:
            # Tags are taken at creation alone, so that there is no moment without them.
            extra = {} if current or not to_set else {"Tags": ansible_dict_to_boto3_tag_list(to_set)}
            put_alarm(client, {**build_request(desired), **extra})
        if current and to_remove:
            untag_alarm(client, current["AlarmArn"], to_remove)
        if current and to_set:
            tag_alarm(client, current["AlarmArn"], to_set)
    tags_after = {**{key: value for key, value in tags.items() if key not in to_remove}, **to_set}
    if to_set or to_remove:
        after = {**after, "tags": tags_after}
        before = {**before, "tags": tags} if current else before
    result = {key: value for key, value in desired.items() if key != "metrics"}
    return before, after, {**result, "tags": tags_after}


def ensure_present(client, module):
    wanted = module.params["alarms"]
    there = find_alarms(client, [alarm["name"] for alarm in wanted])
    diff: dict = {"before": {}, "after": {}}
    results = []
    for alarm in wanted:
        before, after, result = ensure_alarm(client, module, alarm, there.get(alarm["name"]))
        results.append(result)
        if after:
            diff["before"][alarm["name"]], diff["after"][alarm["name"]] = before, after
    return {"changed": bool(diff["after"]), "changed_alarms": list(diff["after"]), "diff": diff, "alarms": results}


def ensure_absent(client, module):
    there = find_alarms(client, [alarm["name"] for alarm in module.params["alarms"]])
    names = sorted(there)
    if not module.check_mode:
        for start in range(0, len(names), NAMES_AT_ONCE):
            delete_alarms(client, names[start : start + NAMES_AT_ONCE])
    before = {name: normalise_alarm(alarm) for name, alarm in there.items()}
    return {"changed": bool(names), "changed_alarms": names, "diff": {"before": before, "after": {}}}


def build_argument_spec():
    alarm = {
        "name": {"type": "str", "required": True},
        "description": {"type": "str", "default": ""},
        "namespace": {"type": "str"},
        "metric_name": {"type": "str", "aliases": ["metric"]},
        "dimensions": {"type": "dict", "default": {}},
        "statistic": {"type": "str", "choices": ["SampleCount", "Average", "Sum", "Minimum", "Maximum"]},
        "extended_statistic": {"type": "str"},
        "unit": {"type": "str"},
        "comparison": {
            "type": "str",
            "aliases": ["comparison_operator"],
            "default": "GreaterThanThreshold",
            "choices": [
                "GreaterThanThreshold",
                "GreaterThanOrEqualToThreshold",
                "LessThanThreshold",
                "LessThanOrEqualToThreshold",
            ],
        },
        "threshold": {"type": "float"},
        "period": {"type": "int", "default": 60},
        "evaluation_periods": {"type": "int", "default": 1},
        "datapoints_to_alarm": {"type": "int"},
        "treat_missing_data": {
            "type": "str",
            "default": "missing",
            "choices": ["missing", "ignore", "breaching", "notBreaching"],
        },
        "alarm_actions": {"type": "list", "elements": "str", "default": []},
        "ok_actions": {"type": "list", "elements": "str", "default": []},
        "insufficient_data_actions": {"type": "list", "elements": "str", "default": []},
        "tags": {"type": "dict", "default": {}},
    }
    return {
        "alarms": {"type": "list", "elements": "dict", "required": True, "options": alarm},
        "tags": {"type": "dict", "aliases": ["resource_tags"]},
        "purge_tags": {"type": "bool", "default": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }


def main():
    module = AnsibleAWSModule(argument_spec=build_argument_spec(), supports_check_mode=True)
    alarms = module.params["alarms"]
    names = [alarm["name"] for alarm in alarms]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        module.fail_json(msg=f"alarms: {', '.join(twice)} is there more than once")
    if module.params["state"] == "present":
        for alarm in alarms:
            wrong = complaint(alarm, module.check_mode)
            if wrong:
                module.fail_json(msg=f"Alarm {alarm['name']}: {wrong}")
    client = module.client("cloudwatch", retry_decorator=AWSRetry.jittered_backoff())
    try:
        result = (
            ensure_present(client, module) if module.params["state"] == "present" else ensure_absent(client, module)
        )
    except AnsibleAWSError as e:
        module.fail_json_aws_error(e)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
