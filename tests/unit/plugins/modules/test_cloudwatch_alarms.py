"""The pure functions of cloudwatch_alarms."""

from __future__ import annotations

import pytest
from ansible_collections.lks.llm.plugins.modules import cloudwatch_alarms as module

ALARM = {
    **dict.fromkeys([option for option, _key in module.FIELDS]),
    **{"name": "a", "description": "", "namespace": "N", "metric_name": "M", "statistic": "Sum", "threshold": 1.0},
    **{"comparison": "GreaterThanThreshold", "period": 60, "evaluation_periods": 3, "treat_missing_data": "missing"},
    **{"dimensions": {"Id": "i"}, "alarm_actions": ["b", "a"], "ok_actions": [], "insufficient_data_actions": []},
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"namespace": None}, "namespace must be given"),
        ({"threshold": None}, "threshold must be given"),
        ({"statistic": None}, "one of statistic"),
        ({"extended_statistic": "p90"}, "not both"),
        ({"statistic": None, "extended_statistic": "median"}, "written p90"),
        ({"period": 45}, "multiple of 60"),
        ({"period": 0}, "multiple of 60"),
        ({"period": 60, "evaluation_periods": 1441}, "86400 s together"),
        ({"period": 3600, "evaluation_periods": 169}, "604800 s together"),
        ({"evaluation_periods": 0}, "one at least"),
        ({"datapoints_to_alarm": 4}, "1 to 3"),
        ({"dimensions": {"Id": ""}}, "dimension Id"),
    ],
)
def test_what_aws_would_refuse_is_refused(change, words):
    assert words in module.complaint({**ALARM, **change}, False)


@pytest.mark.parametrize(
    "change", [{}, {"period": 10}, {"period": 3600, "evaluation_periods": 168}, {"threshold": 0.0}]
)
def test_what_aws_takes_is_taken(change):
    assert module.complaint({**ALARM, **change}, False) is None


def test_an_id_that_is_not_known_yet_is_taken_in_check_mode():
    assert module.complaint({**ALARM, "dimensions": {"Id": ""}}, True) is None


def test_what_is_written_reads_back_as_the_same():
    desired = module.build_desired(ALARM)
    request = module.build_request(desired)
    assert request["AlarmActions"] == ["a", "b"]
    assert request["Dimensions"] == [{"Name": "Id", "Value": "i"}]
    assert module.diff_alarm(module.normalise_alarm(request), desired) == ({}, {})
    other = module.normalise_alarm({**request, "Threshold": 2.0, "Dimensions": []})
    assert module.diff_alarm(other, desired) == (
        {"threshold": 2.0, "dimensions": {}},
        {"threshold": 1.0, "dimensions": {"Id": "i"}},
    )
