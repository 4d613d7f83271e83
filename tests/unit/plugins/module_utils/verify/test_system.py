"""How a snapshot is asked: CIDRs, listener rules, security group rules."""

from __future__ import annotations

import pytest
from ansible_collections.lks.llm.plugins.module_utils.verify.system import (
    answer_of,
    covers,
    is_port,
    lies_within,
    matches,
    permissions,
    planned_subnets,
    spell,
    tags_of,
)


@pytest.mark.parametrize(
    ("cidr", "planned"),
    [
        ("172.32.0.0/23", ("172.32.0.0/24", ["172.32.1.0/25", "172.32.1.128/25"])),
        ("10.10.0.0/16", ("10.10.0.0/24", ["10.10.1.0/25", "10.10.1.128/25"])),
        ("10.10.0.0/24", None),
        ("2001:db8::/32", None),
        ("nonsense", None),
    ],
)
def test_the_plan_of_a_zone(cidr, planned):
    assert planned_subnets(cidr) == planned


@pytest.mark.parametrize(
    ("inner", "outer", "within"),
    [
        ("10.0.0.0/25", ["10.0.0.0/24"], True),
        ("10.0.0.0/24", ["10.0.0.0/25", "10.0.0.128/25"], False),
        ("0.0.0.0/0", ["10.0.0.0/8"], False),
        ("::/0", ["10.0.0.0/8"], False),
        ("10.0.0.0/24", [], False),
    ],
)
def test_what_lies_within(inner, outer, within):
    assert lies_within(inner, outer) is within


@pytest.mark.parametrize(
    ("pattern", "path", "match"),
    [
        ("/api/*", "/api/tags", True),
        ("/api/*", "/api", False),
        ("/api/generate", "/api/generate/", False),
        ("/api/generate", "/api/Generate", False),
        ("/api/?ags", "/api/tags", True),
        ("*/tags", "/a/b/tags", True),
        ("/api/*/x*", "/api/a/b/xyz", True),
        ("", "", True),
        ("*", "", True),
        ("?", "", False),
    ],
)
def test_path_patterns(pattern, path, match):
    assert matches(pattern, path) is match


def rule(priority, action, *conditions):
    return {
        "Priority": priority,
        "IsDefault": priority == "default",
        "Conditions": list(conditions),
        "Actions": [{"Type": action}],
    }


def path(*values):
    return {"Field": "path-pattern", "PathPatternConfig": {"Values": list(values)}}


class TestTheRuleThatARequestMeets:
    listener = {
        "Rules": [
            rule("default", "default"),
            rule("100", "wide", path("/api/*")),
            rule("9", "narrow", path("/api/chat", "/api/chat/*")),
            rule("1", "by host", path("/api/chat"), {"Field": "host-header", "Values": ["example.com"]}),
        ]
    }

    def test_priorities_are_numbers_and_not_texts(self):
        assert answer_of(self.listener, "/api/chat/x") == {"Type": "narrow"}

    def test_a_rule_that_asks_for_more_than_the_path_is_not_met_by_everybody(self):
        assert answer_of(self.listener, "/api/chat") == {"Type": "narrow"}

    def test_what_meets_no_rule_meets_the_default(self):
        assert answer_of(self.listener, "/") == {"Type": "default"}
        assert answer_of({"DefaultActions": [{"Type": "forward"}]}, "/") == {"Type": "forward"}


class TestRulesOfAGroup:
    group = {
        "IpPermissions": [
            {
                "IpProtocol": "tcp",
                "FromPort": 20,
                "ToPort": 25,
                "IpRanges": [{"CidrIp": "10.0.0.0/8"}],
                "UserIdGroupPairs": [{"GroupId": "sg-1", "Description": "a friend"}],
            },
            {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
            {"IpProtocol": "udp", "FromPort": 22, "ToPort": 22, "PrefixListIds": [{"PrefixListId": "pl-1"}]},
        ]
    }

    def test_one_source_each(self):
        assert [(each["kind"], each["source"]) for each in permissions(self.group)] == [
            ("cidr", "10.0.0.0/8"),
            ("group", "sg-1"),
            ("cidr", "::/0"),
            ("list", "pl-1"),
        ]

    def test_what_they_cover(self):
        rules = list(permissions(self.group))
        assert [covers(each, 22) for each in rules] == [True, True, True, False]
        assert not any(is_port(each, 22) for each in rules)

    def test_how_they_are_said(self):
        assert [spell(each) for each in permissions(self.group)] == [
            "tcp 20-25 from 10.0.0.0/8",
            "tcp 20-25 from sg-1",
            "all traffic from ::/0",
            "udp 22 from pl-1",
        ]


@pytest.mark.parametrize(
    "item",
    [
        {"Tags": [{"Key": "Name", "Value": "x"}]},
        {"TagSet": [{"Key": "Name", "Value": "x"}]},
        {"TagList": [{"Key": "Name", "Value": "x"}]},
        {"tags": {"Name": "x"}},
        {"UserPoolTags": {"Name": "x"}},
    ],
)
def test_tags_in_every_spelling(item):
    assert tags_of(item) == {"Name": "x"}
