"""What cloudwatch_log_group works out without asking."""

from __future__ import annotations

import pytest
from ansible_collections.lks.llm.plugins.modules import cloudwatch_log_group as module

CURRENT = {
    "name": "/service",
    "arn": "arn:aws:logs:us-east-1:123456789012:log-group:/service",
    "retention_in_days": 14,
    "kms_key_id": "",
    "tags": {"Project": "service"},
}
PARAMS = {"name": "/service", "retention_in_days": None, "kms_key_id": None, "tags": None, "purge_tags": True}


def test_what_is_not_given_stays():
    assert module.build_wanted(CURRENT, PARAMS) == CURRENT


def test_what_is_given_counts_and_0_keeps_events_for_ever():
    wanted = module.build_wanted(CURRENT, {**PARAMS, "retention_in_days": 0, "tags": {"More": "yes"}})
    assert wanted == {**CURRENT, "retention_in_days": 0, "tags": {"More": "yes"}}


def test_a_new_group_keeps_events_for_ever_unless_told():
    assert module.build_wanted(None, PARAMS)["retention_in_days"] == 0
    assert module.build_wanted(None, {**PARAMS, "retention_in_days": 7})["retention_in_days"] == 7


@pytest.mark.parametrize("name", ["/aws/lambda/a", "a.b-c_d#e", "A" * 512])
def test_names_that_logs_takes(name):
    assert module.NAME.fullmatch(name)


@pytest.mark.parametrize("name", ["", "a b", "ä", "a:b", "A" * 513])
def test_names_that_logs_refuses(name):
    assert not module.NAME.fullmatch(name)
