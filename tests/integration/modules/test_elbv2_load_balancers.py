"""elbv2_application_load_balancer and elbv2_network_load_balancer on the local cloud, alone and one behind the other."""

from __future__ import annotations

import copy

import pytest

from .networks import REGION

ALB = "lks.llm.elbv2_application_load_balancer"
NLB = "lks.llm.elbv2_network_load_balancer"
GROUP = "lks.llm.elbv2_target_group"
NOT_FOUND = {"type": "fixed-response", "status_code": "404", "content_type": "application/json", "body": "{}"}


def path_rule(priority, group, *paths):
    return {
        "priority": priority,
        "conditions": [{"field": "path-pattern", "values": list(paths)}],
        "action": {"type": "forward", "target_group_name": group},
        "tags": {"Name": f"{group}-rule"},
    }


@pytest.fixture
def groups(modules, network, request):
    """Names of two target groups."""
    names = [f"tg{abs(hash(request.node.name)) % 10**6}-{letter}" for letter in "ab"]
    for name in names:
        made = modules(GROUP, name=name, protocol="HTTP", port=8080, vpc_id=network.vpc)
        assert made["changed"], made
    return names


def application(network, groups, name):
    root = {
        "priority": 1,
        "conditions": [{"field": "path-pattern", "values": ["/"]}],
        "action": {"type": "fixed-response", "status_code": "200", "content_type": "text/plain", "body": "up"},
    }
    return {
        "name": name,
        "subnets": network.subnets,
        "security_groups": [network.group],
        "attributes": {"idle_timeout.timeout_seconds": 900, "routing.http.drop_invalid_header_fields.enabled": True},
        "listeners": [
            {
                "port": 80,
                "default_action": NOT_FOUND,
                "rules": [root, path_rule(10, groups[0], "/a", "/a/*"), path_rule(20, groups[1], "/b/*")],
            }
        ],
        "tags": {"Name": name, "Project": "test"},
    }


def test_an_application_load_balancer_is_made_kept_repaired_and_removed(modules, network, groups):
    wanted = application(network, groups, "alb-life")
    made = modules.lifecycle(ALB, **wanted)
    assert made["state"] == {"code": "active"}
    assert made["dns_name"].startswith("internal-alb-life-")
    elbv2 = modules.cloud.client("elbv2", REGION)
    arn = made["load_balancer_arn"]
    listener = made["listeners"][0]
    rules = {rule["priority"]: rule for rule in listener["rules"]}
    for resource in (arn, listener["listener_arn"], rules[10]["rule_arn"]):
        tags = {
            t["Key"]: t["Value"] for t in elbv2.describe_tags(ResourceArns=[resource])["TagDescriptions"][0]["Tags"]
        }
        assert tags["Project"] == "test"
    assert tags["Name"] == f"{groups[0]}-rule"

    # Drift of every kind, repaired at once.
    elbv2.delete_rule(RuleArn=rules[20]["rule_arn"])
    elbv2.modify_rule(
        RuleArn=rules[10]["rule_arn"],
        Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/stray"]}}],
    )
    forward = [
        {
            "Type": "forward",
            "TargetGroupArn": elbv2.describe_target_groups(Names=groups[:1])["TargetGroups"][0]["TargetGroupArn"],
        }
    ]
    stray = elbv2.create_rule(
        ListenerArn=listener["listener_arn"],
        Priority=5,
        Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/*"]}}],
        Actions=forward,
    )
    elbv2.create_listener(LoadBalancerArn=arn, Port=81, Protocol="HTTP", DefaultActions=forward)
    elbv2.modify_listener(ListenerArn=listener["listener_arn"], DefaultActions=forward)
    elbv2.modify_load_balancer_attributes(
        LoadBalancerArn=arn, Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "60"}]
    )
    elbv2.remove_tags(ResourceArns=[listener["listener_arn"]], TagKeys=["Project"])
    other = modules.cloud.client("ec2", REGION).create_security_group(
        VpcId=network.vpc, GroupName="stray", Description="stray"
    )["GroupId"]
    elbv2.set_security_groups(LoadBalancerArn=arn, SecurityGroups=[other])
    repaired = modules.lifecycle(ALB, **wanted)
    assert {
        "attributes",
        "security_groups",
        "listener 80 default_action",
        "listener 80 tags",
        "listener 80 rule 10",
        "listener 80 rule 20",
        "listener 80 rule 5 removed",
        "listener 81",
    } == set(repaired["diff"]["before"])
    left = elbv2.describe_rules(ListenerArn=listener["listener_arn"])["Rules"]
    assert stray["Rules"][0]["RuleArn"] not in {rule["RuleArn"] for rule in left}
    assert [item["Port"] for item in elbv2.describe_listeners(LoadBalancerArn=arn)["Listeners"]] == [80]

    modules.lifecycle(ALB, name="alb-life", state="absent")
    interfaces = modules.cloud.client("ec2", REGION).describe_network_interfaces(
        Filters=[{"Name": "vpc-id", "Values": [network.vpc]}]
    )
    assert interfaces["NetworkInterfaces"] == []


def test_rules_that_swap_places_do_so_at_once(modules, network, groups):
    wanted = application(network, groups, "alb-swap")
    made = modules(ALB, **wanted)
    before = {rule["priority"]: rule["rule_arn"] for rule in made["listeners"][0]["rules"]}
    swapped = copy.deepcopy(wanted)
    rules = swapped["listeners"][0]["rules"]
    rules[1]["priority"], rules[2]["priority"] = 20, 10
    modules.cloud.begin("swap")
    changed = modules(ALB, **swapped)
    assert modules.cloud.requests("swap")["writes"] == {"elbv2": 1}
    after = {rule["priority"]: rule["rule_arn"] for rule in changed["listeners"][0]["rules"]}
    assert (after[10], after[20]) == (before[20], before[10])

    # A rule takes the place of one that goes.
    del rules[1]
    rules[1]["priority"] = 20
    rules.append(path_rule(10, groups[0], "/new"))
    modules.lifecycle(ALB, **swapped)
    elbv2 = modules.cloud.client("elbv2", REGION)
    left = elbv2.describe_rules(ListenerArn=changed["listeners"][0]["listener_arn"])["Rules"]
    assert {rule["Priority"] for rule in left} == {"1", "10", "20", "default"}


def network_balancer(network, name, group):
    return {
        "name": name,
        "subnet_mappings": [
            {"subnet_id": subnet, "private_ipv4_address": f"{network.prefix}.{number}.10"}
            for number, subnet in enumerate(network.subnets)
        ],
        "attributes": {"load_balancing.cross_zone.enabled": True},
        "listeners": [{"port": 80, "target_group_name": group, "attributes": {"tcp.idle_timeout.seconds": 900}}],
        "tags": {"Name": name},
        "wait": False,
    }


def test_a_network_load_balancer_before_an_application_load_balancer(modules, network, groups):
    front = modules(ALB, **application(network, groups, "chain-alb"))
    group = {
        "name": "chain-tg",
        "protocol": "TCP",
        "port": 80,
        "target_type": "alb",
        "vpc_id": network.vpc,
        "health_check": {"protocol": "HTTP", "path": "/", "interval": 15},
        "targets": [{"id": front["load_balancer_arn"], "port": 80}],
    }
    modules.lifecycle(GROUP, **group)
    wanted = network_balancer(network, "chain-nlb", "chain-tg")
    made = modules.lifecycle(NLB, **wanted)
    assert made["subnets"] == wanted["subnet_mappings"]
    waited = modules(NLB, **{**wanted, "wait": True, "wait_timeout": 30})
    assert not waited["changed"]
    assert waited["state"] == {"code": "active"}

    elbv2 = modules.cloud.client("elbv2", REGION)
    elbv2.delete_listener(ListenerArn=made["listeners"][0]["listener_arn"])
    elbv2.remove_tags(ResourceArns=[made["load_balancer_arn"]], TagKeys=["Name"])
    repaired = modules.lifecycle(NLB, **wanted)
    assert set(repaired["diff"]["after"]) == {"listener 80", "tags"}
    listener = repaired["listeners"][0]["listener_arn"]
    idle = {"Key": "tcp.idle_timeout.seconds", "Value": "350"}
    elbv2.modify_listener_attributes(ListenerArn=listener, Attributes=[idle])
    repaired = modules.lifecycle(NLB, **wanted)
    assert set(repaired["diff"]["after"]) == {"listener 80 attributes"}

    moved = copy.deepcopy(wanted)
    moved["subnet_mappings"][0]["private_ipv4_address"] = f"{network.prefix}.0.11"
    refused = modules(NLB, **moved)
    assert refused["failed"]
    assert f"{network.prefix}.0.10" in refused["msg"]

    modules.lifecycle(NLB, name="chain-nlb", state="absent")
    modules.lifecycle(GROUP, name="chain-tg", state="absent")
    modules.lifecycle(ALB, name="chain-alb", state="absent")


def test_what_cannot_be_is_refused(modules, network, groups):
    wanted = application(network, groups, "alb-refused")
    missing = copy.deepcopy(wanted)
    missing["listeners"][0]["rules"][1]["action"]["target_group_name"] = "nowhere"
    refused = modules(ALB, **missing)
    assert refused["failed"]
    assert "Target group nowhere does not exist" in refused["msg"]
    # In check mode an earlier task would have made it.
    assert modules(ALB, check_mode=True, **missing)["changed"]

    twice = copy.deepcopy(wanted)
    twice["listeners"][0]["rules"][1]["priority"] = 1
    assert "different priorities" in modules(ALB, **twice)["msg"]

    modules(ALB, **wanted)
    refused = modules(ALB, **{**wanted, "scheme": "internet-facing"})
    assert "scheme internal, which AWS cannot change" in refused["msg"]
    refused = modules(NLB, name="alb-refused", state="absent")
    assert "left alone" in refused["msg"]
    modules(ALB, **{**wanted, "attributes": {"deletion_protection.enabled": True}})
    refused = modules(ALB, name="alb-refused", state="absent")
    assert "deletion_protection.enabled" in refused["msg"]
