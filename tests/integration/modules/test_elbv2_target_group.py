"""elbv2_target_group on the local cloud."""

from __future__ import annotations

from .networks import REGION, start_instance

MODULE = "lks.llm.elbv2_target_group"


def arguments(network, name, **more):
    return {
        "name": name,
        "protocol": "HTTP",
        "port": 8080,
        "vpc_id": network.vpc,
        "health_check": {
            "protocol": "HTTP",
            "path": "/health",
            "interval": 15,
            "healthy_threshold": 2,
            "matcher": "200",
        },
        "attributes": {"deregistration_delay.timeout_seconds": 30},
        "tags": {"Name": name, "Project": "test"},
        **more,
    }


def test_a_target_group_is_made_kept_repaired_and_removed(modules, network):
    wanted = arguments(network, "tg-life")
    made = modules.lifecycle(MODULE, **wanted)
    elbv2 = modules.cloud.client("elbv2", REGION)
    arn = made["target_group_arn"]

    elbv2.modify_target_group(TargetGroupArn=arn, HealthCheckPath="/other", Matcher={"HttpCode": "200-399"})
    elbv2.modify_target_group_attributes(
        TargetGroupArn=arn, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "300"}]
    )
    elbv2.add_tags(ResourceArns=[arn], Tags=[{"Key": "Stray", "Value": "x"}, {"Key": "Project", "Value": "y"}])
    repaired = modules.lifecycle(MODULE, **wanted)
    assert repaired["diff"]["before"]["health_check"] == {
        "HealthCheckPath": "/other",
        "Matcher": {"HttpCode": "200-399"},
    }
    assert repaired["diff"]["before"]["attributes"] == {"deregistration_delay.timeout_seconds": "300"}
    assert repaired["tags"] == wanted["tags"]
    assert repaired["target_group_arn"] == arn
    group = elbv2.describe_target_groups(Names=["tg-life"])["TargetGroups"][0]
    assert (group["HealthCheckPath"], group["Matcher"]["HttpCode"]) == ("/health", "200")

    modules.lifecycle(MODULE, name="tg-life", state="absent")


def test_targets_are_those_asked_for(modules, network):
    wanted = arguments(network, "tg-targets")
    modules(MODULE, **wanted)
    first, second = start_instance(modules.cloud, network), start_instance(modules.cloud, network)
    modules.lifecycle(MODULE, **wanted, targets=[{"id": first}])
    changed = modules.lifecycle(MODULE, **wanted, targets=[{"id": second}])
    assert changed["diff"]["before"]["targets"] == [f"{first}:8080"]
    assert changed["diff"]["after"]["targets"] == [f"{second}:8080"]
    # Without targets, targets are left alone.
    modules.unchanged(MODULE, **wanted)
    modules.unchanged(MODULE, **wanted, targets=[{"id": second}])

    # A worker that was terminated leaves, its successor comes.
    ec2 = modules.cloud.client("ec2", REGION)
    ec2.terminate_instances(InstanceIds=[second])
    modules.lifecycle(MODULE, **wanted, targets=[{"id": first}])
    elbv2 = modules.cloud.client("elbv2", REGION)
    arn = elbv2.describe_target_groups(Names=["tg-targets"])["TargetGroups"][0]["TargetGroupArn"]
    registered = elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    assert [item["Target"]["Id"] for item in registered] == [first]
    assert registered[0]["TargetHealth"]["Reason"] == "Target.NotInUse"


def test_addresses_of_another_network_are_targets_in_all_zones(modules, network):
    wanted = {
        "name": "tg-away",
        "protocol": "TCP",
        "port": 80,
        "target_type": "ip",
        "vpc_id": network.vpc,
        "health_check": {"protocol": "HTTP", "path": "/", "interval": 15},
        "targets": [
            {"id": "10.250.0.10", "availability_zone": "all"},
            {"id": "10.250.1.10", "availability_zone": "all"},
        ],
    }
    modules.lifecycle(MODULE, **wanted)
    modules.lifecycle(MODULE, **{**wanted, "targets": wanted["targets"][:1]})


def test_what_cannot_be_changed_is_replaced_unless_it_is_in_use(modules, network):
    wanted = arguments(network, "tg-fixed")
    made = modules(MODULE, **wanted)
    replaced = modules.lifecycle(MODULE, **{**wanted, "port": 9090})
    assert replaced["replaced"]
    assert replaced["diff"]["before"]["port"] == 8080
    assert replaced["target_group_arn"] != made["target_group_arn"]

    balancer = modules(
        "lks.llm.elbv2_application_load_balancer",
        name="tg-fixed-alb",
        subnets=network.subnets,
        security_groups=[network.group],
        listeners=[{"port": 80, "default_action": {"type": "forward", "target_group_name": "tg-fixed"}}],
        wait=False,
    )
    assert balancer["changed"], balancer
    refused = modules(MODULE, **{**wanted, "port": 7070})
    assert refused["failed"]
    assert "port 9090 instead of 7070" in refused["msg"]
    assert balancer["load_balancer_arn"] in refused["msg"]
    refused = modules(MODULE, name="tg-fixed", state="absent")
    assert refused["failed"]
    assert balancer["load_balancer_arn"] in refused["msg"]


def test_nonsense_is_refused_before_any_call(modules, network):
    modules.cloud.begin("nonsense")
    for more, words in (
        ({"health_check": {"interval": 4}}, "health_check.interval must be from 5 to 300, not 4"),
        ({"health_check": {"interval": 5, "timeout": 5}}, "must be less than"),
        ({"protocol": "HTTP", "target_type": "alb", "attributes": {}}, "protocol must be TCP"),
    ):
        refused = modules(MODULE, **arguments(network, "tg-nonsense", **more))
        assert refused["failed"]
        assert words in refused["msg"]
    assert modules.cloud.requests("nonsense")["reads"] == {}
