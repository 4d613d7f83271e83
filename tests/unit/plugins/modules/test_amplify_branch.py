"""Pure functions of amplify_branch, and of what it shares with amplify_app."""

from __future__ import annotations

import pytest
from ansible_collections.lks.llm.plugins.module_utils import amplify
from ansible_collections.lks.llm.plugins.modules import amplify_app
from ansible_collections.lks.llm.plugins.modules import amplify_branch as module


def job(status, began=10):
    return {"jobId": "1", "status": status, "startTime": began}


@pytest.mark.parametrize(
    ("mode", "newest", "branch_changed", "app_updated", "wanted"),
    [
        ("missing", None, False, 0, True),
        ("missing", job("SUCCEED"), True, 99, False),
        ("missing", job("FAILED"), False, 0, True),
        ("missing", job("CANCELLED"), False, 0, True),
        ("missing", job("RUNNING"), False, 99, False),
        ("changed", None, False, 0, True),
        ("changed", job("SUCCEED"), False, 9, False),
        ("changed", job("SUCCEED"), False, 11, True),
        ("changed", job("SUCCEED"), True, 9, True),
        ("changed", job("RUNNING"), False, 11, True),
        ("always", job("SUCCEED"), False, 0, True),
        ("never", None, True, 99, False),
    ],
)
def test_when_a_build_is_needed(mode, newest, branch_changed, app_updated, wanted):
    assert module.needs_build(mode, newest, branch_changed, app_updated) is wanted


def test_values_of_variables_are_in_no_difference():
    before, after = amplify.compare_settings(
        {"environmentVariables": {"KEPT": "1", "OTHER": "old-secret", "GONE": "gone-secret"}},
        {"environmentVariables": {"KEPT": "1", "OTHER": "new-secret", "NEW": "first-secret"}},
    )
    assert before == {"environmentVariables": {"GONE": "a value", "OTHER": "a value"}}
    assert after == {"environmentVariables": {"NEW": "a value", "OTHER": "another value"}}


@pytest.mark.parametrize(
    ("current", "asked", "same"),
    [
        ({"buildSpec": "a: 1"}, {"buildSpec": "a: 1\n"}, True),
        ({}, {"description": "", "customRules": []}, True),
        ({"enableAutoBuild": True}, {"enableAutoBuild": False}, False),
        ({"platform": "WEB"}, {"platform": "WEB_COMPUTE"}, False),
    ],
)
def test_what_amplify_leaves_out_is_no_difference(current, asked, same):
    assert (amplify.compare_settings(current, asked) == ({}, {})) is same


def test_variables_become_text():
    given = {"environment_variables": {"A": 60, "B": None}, "secret_environment_variables": {"C": "x"}}
    assert amplify.build_environment(given) == {"A": "60", "B": "", "C": "x"}
    assert amplify.build_environment(dict.fromkeys(given)) is None


@pytest.mark.parametrize("name", ["a b", "a..b", "-a", "a/", "a.lock", "a^", ""])
def test_names_that_git_refuses(name):
    nothing = {"environment_variables": None, "secret_environment_variables": None}
    assert list(module.validate({"name": name, **nothing}))
    assert not list(module.validate({"name": "feature/cart-2", **nothing}))


def test_a_failure_names_step_reason_and_log():
    failed = {
        "summary": job("FAILED"),
        "steps": [
            {"stepName": "BUILD", "status": "FAILED", "statusReason": "npm", "logUrl": "https://example.com/log"},
            {"stepName": "DEPLOY", "status": "CANCELLED"},
        ],
    }
    assert module.describe_failure("main", failed) == (
        "Job 1 of branch main ended with status FAILED in step BUILD: npm (log: https://example.com/log)"
    )


def test_one_repository_has_several_spellings():
    assert amplify_app.same_repository("https://github.com/Example/Shop.git", "https://github.com/example/shop/")
    assert not amplify_app.same_repository("https://github.com/example/shop", "https://github.com/example/shop2")
    assert not amplify_app.same_repository("", "https://github.com/example/shop")
