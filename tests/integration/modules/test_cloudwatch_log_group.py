"""cloudwatch_log_group on the local cloud."""

from __future__ import annotations

from .runner import REGION

MODULE = "lks.llm.cloudwatch_log_group"


def test_a_log_group_is_made_kept_changed_and_removed(modules):
    group = {"name": "/service/one", "retention_in_days": 14, "tags": {"Project": "service", "Old": "yes"}}
    made = modules.lifecycle(MODULE, **group)["log_group"]
    assert made["arn"] == f"arn:aws:logs:{REGION}:123456789012:log-group:/service/one"
    assert (made["retention_in_days"], made["tags"]) == (14, group["tags"])

    changed = modules.lifecycle(MODULE, name="/service/one", retention_in_days=30, tags={"Project": "service"})
    assert (changed["diff"]["before"]["retention_in_days"], changed["diff"]["after"]["retention_in_days"]) == (14, 30)
    assert changed["diff"]["after"]["tags"] == {"Project": "service"}

    modules.lifecycle(MODULE, name="/service/one", retention_in_days=0)
    modules.lifecycle(MODULE, name="/service/one", state="absent")


def test_check_mode_leaves_a_retention_that_differs(modules):
    modules(MODULE, name="/service/two", retention_in_days=14)
    modules.cloud.begin("preview")
    preview = modules(MODULE, check_mode=True, name="/service/two", retention_in_days=7)
    assert preview["changed"]
    assert modules.cloud.requests("preview")["writes"] == {}


def test_what_is_not_given_stays_and_a_longer_name_is_another_group(modules):
    modules(MODULE, name="/service/three-and-more", retention_in_days=7)
    modules(MODULE, name="/service/three", retention_in_days=14, tags={"Project": "service"})
    kept = modules.unchanged(MODULE, name="/service/three")["log_group"]
    assert (kept["retention_in_days"], kept["tags"]) == (14, {"Project": "service"})
    modules.unchanged(MODULE, name="/service/three-and-more", retention_in_days=7)


def test_a_name_with_other_letters_is_refused(modules):
    refused = modules(MODULE, name="/service/ä", retention_in_days=14)
    assert "'/service/ä' may hold letters" in refused["msg"]
