"""Which rule of a listener applies to a request."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.dataplane import listener_rules
from localcloud.dataplane.messages import Request

REQUEST = Request(
    "POST",
    "/api/Chat/7?model=Tiny&empty=&flag",
    [("Host", "Chat.example.com:8080"), ("X-Kind", "slow"), ("X-Kind", "fast")],
)


def condition(field: str, config: str = "", **more: Any) -> dict[str, Any]:
    return {"Field": field, config or "Values": more.pop("values", None) or more}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (condition("path-pattern", values=["/none", "/api/*"]), True),
        (condition("path-pattern", "PathPatternConfig", Values=["/api/?hat/?"]), True),
        (condition("path-pattern", values=["/api/chat/*"]), False),  # paths tell capitals apart
        (condition("path-pattern", values=["/api/Chat"]), False),
        (condition("path-pattern", values=["*model*"]), False),  # the query is no part of it
        (condition("host-header", values=["chat.EXAMPLE.com"]), True),
        (condition("host-header", values=["*.example.org"]), False),
        (condition("http-header", "HttpHeaderConfig", HttpHeaderName="x-kind", Values=["FAST"]), True),
        (condition("http-header", "HttpHeaderConfig", HttpHeaderName="X-None", Values=["*"]), False),
        (condition("http-request-method", "HttpRequestMethodConfig", Values=["GET", "POST"]), True),
        (condition("http-request-method", "HttpRequestMethodConfig", Values=["post"]), False),
        (condition("query-string", "QueryStringConfig", Values=[{"Key": "model", "Value": "t?ny"}]), True),
        (condition("query-string", "QueryStringConfig", Values=[{"Value": "tiny"}]), True),
        (condition("query-string", "QueryStringConfig", Values=[{"Key": "flag", "Value": "?*"}]), False),
        (condition("source-ip", "SourceIpConfig", Values=["10.0.0.0/8"]), True),
        (condition("source-ip", "SourceIpConfig", Values=["192.168.0.0/16"]), False),
    ],
)
def test_a_condition_holds_as_aws_documents_it(condition: dict[str, Any], expected: bool) -> None:
    assert listener_rules.holds(condition, REQUEST, "10.1.2.3") is expected


def rule(priority: str, *conditions: dict[str, Any]) -> dict[str, Any]:
    return {"Priority": priority, "Conditions": list(conditions)}


def test_the_lowest_priority_of_those_that_hold_applies_and_the_default_last() -> None:
    wide, narrow = condition("path-pattern", values=["/api/*"]), condition("path-pattern", values=["/api/Chat/*"])
    slow = condition("http-header", "HttpHeaderConfig", HttpHeaderName="X-Kind", Values=["none"])
    rules = [rule("default"), rule("100", wide), rule("9", narrow, slow), rule("20", narrow)]
    assert listener_rules.applying(rules, REQUEST, "10.1.2.3")["Priority"] == "20"
    elsewhere = Request("GET", "/", [])
    assert listener_rules.applying(rules, elsewhere, "10.1.2.3")["Priority"] == "default"


def test_a_forward_leaves_out_groups_without_weight() -> None:
    groups = [{"TargetGroupArn": "a", "Weight": 3}, {"TargetGroupArn": "b", "Weight": 0}, {"TargetGroupArn": "c"}]
    assert listener_rules.weights({"ForwardConfig": {"TargetGroups": groups}}) == {"a": 3, "c": 1}
    assert listener_rules.weights({"TargetGroupArn": "only"}) == {"only": 1}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"Protocol": "HTTPS", "Port": "443"}, "https://chat.example.com/api/7?model=Tiny"),
        (
            {"Host": "new.#{host}", "Path": "/v2/#{path}", "Query": ""},
            "http://new.chat.example.com:8080/v2/api/7?model=Tiny",
        ),
        ({"Port": "80", "Query": "from=#{path}"}, "http://chat.example.com/api/7?from=api/7"),
    ],
)
def test_a_redirect_names_parts_of_the_request(config: dict[str, str], expected: str) -> None:
    request = Request("GET", "/api/7?model=Tiny", [("host", "chat.example.com:8080")])
    assert listener_rules.location(config, request, "http", 8080) == expected
