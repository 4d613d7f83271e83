"""Pure functions of elbv2_listeners: the way from the rules that are to the rules that shall be."""

from __future__ import annotations

import random

import pytest
from ansible_collections.lks.llm.plugins.module_utils.elbv2_listeners import (
    current_actions,
    current_conditions,
    desired_action,
    desired_rule,
    diff_listeners,
    merge_tags,
    plan_rules,
    target_group_name,
)

GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/0123456789abcdef"


def rule(priority, path, group="web"):
    asked = {
        "priority": priority,
        "conditions": [{"field": "path-pattern", "values": [path]}],
        "action": {"type": "forward", "target_group_name": group},
    }
    return desired_rule(asked, None)


def current(*rules):
    return [{**each, "rule_arn": f"rule/{number}", "tags": {}} for number, each in enumerate(rules)]


def apply(have, plan):
    """What a listener has after a plan, checked against AWS's rule that priorities are unique at every step."""
    rules = {each["rule_arn"]: dict(each) for each in have}

    def unique():
        places = [each["priority"] for each in rules.values()]
        assert len(set(places)) == len(places), places

    for arn, priority in plan["priorities"].items():
        rules[arn]["priority"] = priority
    unique()
    for old, new in plan["modify"]:
        rules[old["rule_arn"]].update(conditions=new["conditions"], action=new["action"])
    for number, new in enumerate(plan["create"]):
        rules[f"new/{number}"] = dict(new)
        unique()
    for old in plan["delete"]:
        del rules[old["rule_arn"]]
    return sorted((each["priority"], str(each["conditions"]), str(each["action"])) for each in rules.values())


def wanted_form(rules):
    return sorted((each["priority"], str(each["conditions"]), str(each["action"])) for each in rules)


def test_nothing_to_do():
    plan = plan_rules(current(rule(10, "/a"), rule(20, "/b")), [rule(20, "/b"), rule(10, "/a")])
    assert [plan[key] for key in ("modify", "create", "delete")] == [[], [], []]
    assert plan["priorities"] == {}


def test_a_swap_is_one_step():
    plan = plan_rules(current(rule(10, "/a"), rule(20, "/b")), [rule(10, "/b"), rule(20, "/a")])
    assert plan["priorities"] == {"rule/0": 20, "rule/1": 10}
    assert not plan["modify"] and not plan["create"] and not plan["delete"]


def test_what_goes_makes_room_before_and_is_deleted_last():
    plan = plan_rules(current(rule(10, "/a"), rule(20, "/b")), [rule(10, "/b")])
    assert plan["priorities"]["rule/1"] == 10
    assert plan["priorities"]["rule/0"] > 20
    assert [each["rule_arn"] for each in plan["delete"]] == ["rule/0"]


@pytest.mark.parametrize("seed", range(50))
def test_any_rules_lead_to_any_others(seed):
    """Whatever there is, the plan ends at what is wanted and never puts two rules into one place."""
    chance = random.Random(seed)

    def some():
        places = chance.sample(range(1, 9), chance.randint(0, 6))
        return [rule(place, f"/{chance.randint(1, 5)}", chance.choice(["web", "api"])) for place in places]

    have, want = current(*some()), some()
    assert apply(have, plan_rules(have, want)) == wanted_form(want)


def test_actions_read_like_the_task():
    weighted: dict = {"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": GROUP, "Weight": 1}]}}
    assert current_actions([weighted]) == desired_action({"type": "forward", "target_group_name": "web"})
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200", "MessageBody": "up"}}
    asked = {"type": "fixed-response", "status_code": 200, "content_type": None, "body": "up"}
    assert current_actions([fixed]) == desired_action(asked)
    # What no task can ask for differs from everything: two groups, stickiness, a redirect.
    two = {"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": GROUP}] * 2}}
    sticky = {
        **weighted,
        "ForwardConfig": {**weighted["ForwardConfig"], "TargetGroupStickinessConfig": {"Enabled": True}},
    }
    for action in (two, sticky, {"Type": "redirect", "RedirectConfig": {}}):
        assert current_actions([action]) == action


def test_conditions_are_read_from_both_places_and_in_no_order():
    old = [{"Field": "path-pattern", "Values": ["/b", "/a"]}]
    new = [{"Field": "path-pattern", "Values": ["/b", "/a"], "PathPatternConfig": {"Values": ["/a", "/b"]}}]
    assert current_conditions(old) == current_conditions(new) == [{"field": "path-pattern", "values": ["/a", "/b"]}]


def test_listeners_are_told_apart_by_port():
    have, want = [{"port": 80}, {"port": 81}], [{"port": 81}, {"port": 82}]
    plan = diff_listeners(have, want)
    assert (plan["create"], plan["delete"], plan["both"]) == (
        [{"port": 82}],
        [{"port": 80}],
        [({"port": 81}, {"port": 81})],
    )


def test_tags_and_names():
    assert merge_tags({"Name": "lb", "Project": "x"}, {"Name": "rule"}) == {"Name": "rule", "Project": "x"}
    assert merge_tags(None, None) is None
    assert target_group_name(GROUP) == "web"
