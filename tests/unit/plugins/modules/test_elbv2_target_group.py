"""Pure functions of elbv2_target_group."""

from __future__ import annotations

from ansible_collections.lks.llm.plugins.modules.elbv2_target_group import (
    build_health_check,
    current_targets,
    desired_targets,
    diff_health_check,
    diff_targets,
)


def described(identity, port=80, zone=None, state="healthy"):
    target = {"Id": identity, "Port": port} | ({"AvailabilityZone": zone} if zone else {})
    return {"Target": target, "TargetHealth": {"State": state}}


def asked(identity, port=None, zone=None):
    return {"id": identity, "port": port, "availability_zone": zone}


def difference(descriptions, targets):
    register, deregister = diff_targets(current_targets(descriptions), desired_targets(targets, 80))
    return [each["id"] for each in register], [each["id"] for each in deregister]


def test_targets_differ_by_port_and_zone_where_it_matters():
    assert difference([described("i-1")], [asked("i-1")]) == ([], [])
    assert difference([described("i-1", 81)], [asked("i-1")]) == (["i-1"], ["i-1"])
    # AWS finds the zone of an address of the VPC by itself; `all` is asked for.
    assert difference([described("10.0.0.1", zone="us-east-1a")], [asked("10.0.0.1")]) == ([], [])
    assert difference([described("10.0.0.1", zone="us-east-1a")], [asked("10.0.0.1", zone="all")]) == (
        ["10.0.0.1"],
        ["10.0.0.1"],
    )


def test_what_drains_is_registered_no_more():
    descriptions = [described("i-1", state="draining"), described("i-2", state="unhealthy")]
    assert difference(descriptions, [asked("i-2")]) == ([], [])
    assert difference(descriptions, [asked("i-1"), asked("i-2")]) == (["i-1"], [])


def test_health_checks_differ_in_what_is_asked_for():
    group = {"HealthCheckPath": "/", "HealthCheckIntervalSeconds": 30, "Matcher": {"HttpCode": "200"}}
    assert diff_health_check(group, None) == {}
    assert diff_health_check(group, {"interval": 30, "path": None, "matcher": "200"}) == {}
    assert diff_health_check(group, {"interval": 15, "path": "/x", "matcher": "200-399"}) == {
        "HealthCheckIntervalSeconds": 15,
        "HealthCheckPath": "/x",
        "Matcher": {"HttpCode": "200-399"},
    }
    assert build_health_check({"protocol": "HTTP", "timeout": None}) == {"HealthCheckProtocol": "HTTP"}
