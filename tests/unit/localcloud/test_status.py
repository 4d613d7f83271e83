"""What the status page says of a system: of one that is built in this process, and of what services describe."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import Any

import pytest

from localcloud.dataplane.picture import PICTURES
from localcloud.status import balancing, described, nodes, reports, sign_in, words
from localcloud.status.serving import own_name
from localcloud.status.state import state, verdict

from ...fabric import topology
from ...fabric.topology import AWAY, HOME, Topology

GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/1"


@pytest.fixture(scope="module")
def top(aws: Callable[..., Any]) -> Topology:
    return topology.build(aws, name="status", blocks=("172.23", "10.23"))


@pytest.fixture(scope="module")
def shown(top: Topology) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(state(PICTURES.current(), described.read())))
    return found


def owners(shown: dict[str, Any]) -> dict[str, str]:
    """The node of each node and row."""
    return {part["id"]: node["id"] for node in shown["nodes"] for part in (node, *node["rows"])}


def test_every_hop_of_a_deployed_way_is_a_node_and_leads_to_the_next(top: Topology, shown: dict[str, Any]) -> None:
    owner = owners(shown)
    led = {(owner[link["from"]], owner[link["to"]]) for link in shown["links"] if link["from"] in owner}
    way = [
        f"vpc-link:{HOME}:{top.link}",
        f"network-load-balancer:{HOME}:status-nlb",
        f"network-load-balancer:{AWAY}:status-nlb",
        f"application-load-balancer:{AWAY}:status-alb",
    ]
    ends = [f"instance:{AWAY}:{each}" for each in top.away.instances]
    assert set(zip(way, way[1:], strict=False)) <= led
    assert {(way[-1], end) for end in ends} <= led


def test_a_balancer_has_a_row_for_each_rule(shown: dict[str, Any]) -> None:
    balancer = next(each for each in shown["nodes"] if each["id"] == f"application-load-balancer:{AWAY}:status-alb")
    rows = [(row["port"], row["text"], row["name"], len(row["targets"])) for row in balancer["rows"]]
    assert rows == [(80, "/", "answers 200", 0), (80, "/web/*", "status-web", 2), (80, "", "answers 404", 0)]
    assert balancer["rows"][1]["group"] == f"target-group:{AWAY}:status-web"


def test_networks_are_framed_and_joined(top: Topology, shown: dict[str, Any]) -> None:
    frames = {vpc["vpc"]: vpc for region in shown["regions"] for vpc in region["vpcs"]}
    for zone in (top.home, top.away):
        assert {each["subnet"] for each in frames[zone.vpc]["subnets"]} == set(zone.subnets)
    (peering,) = [link for link in shown["links"] if link.get("id") == top.peering]
    assert {peering["from"], peering["to"]} == {f"vpc:{HOME}:{top.home.vpc}", f"vpc:{AWAY}:{top.away.vpc}"}
    assert (peering["health"], peering["said"]) == ("good", "active")


def test_what_changes_by_a_call_is_read_again(aws: Callable[..., Any], top: Topology) -> None:
    (lost, _) = top.away.instances
    own = f"instance:{AWAY}:{lost}"

    def told() -> tuple[str, str]:
        found = state(PICTURES.current(), described.read())
        return next((each["health"], each["said"]) for each in found["nodes"] if each["id"] == own)

    aws("ec2", AWAY).stop_instances(InstanceIds=[lost])
    assert told() == ("off", "stopped")
    aws("ec2", AWAY).start_instances(InstanceIds=[lost])
    assert told()[1] != "stopped"


def health_of(*states: str) -> balancing.Targets:
    found = [
        {"TargetGroupArn": GROUP, "Target": {"Id": f"i-{number}", "Port": 80}, "TargetHealth": {"State": each}}
        for number, each in enumerate(states)
    ]
    return balancing.Targets({HOME: {"health": found}})


@pytest.mark.parametrize(
    ("states", "health", "said"),
    [
        (("healthy", "healthy"), "good", "2/2"),
        (("healthy", "unhealthy"), "good", "1/2"),  # its backup answers
        (("unhealthy", "unhealthy"), "bad", "0/2"),
        (("initial", "unhealthy"), "busy", "0/2"),
        (("unused",), "off", "0/1"),
        ((), "off", "0/0"),
    ],
)
def test_a_target_group_is_as_good_as_its_best_target(states: tuple[str, ...], health: str, said: str) -> None:
    rule = {"RuleArn": "rule", "Actions": [{"Type": "forward", "TargetGroupArn": GROUP}]}
    groups = {GROUP: {"TargetGroupName": "web"}}
    (row,) = balancing.rule_rows(HOME, {"Port": 80}, rule, groups, health_of(*states))
    assert (row["health"], row["said"]) == (health, said)


def test_an_instance_is_as_bad_as_its_worst_target_group_says() -> None:
    ran = [{"InstanceId": f"i-{number}", "State": {"Name": "running"}} for number in (0, 1, 2)]
    gone = {"InstanceId": "i-3", "State": {"Name": "terminated"}}
    groups = {GROUP: {"TargetGroupName": "web"}}
    found = balancing.instances(HOME, [*ran, gone], groups, health_of("healthy", "unhealthy"))
    said = [(each["title"], each["health"], each["said"]) for each in found]
    assert said == [("i-0", "good", "healthy"), ("i-1", "bad", "unhealthy"), ("i-2", "good", "running")]


def test_secrets_and_users_are_not_told() -> None:
    secret = "s3cr3t"
    function = {
        "FunctionName": "f",
        "FunctionArn": "arn",
        "Environment": {"Variables": {"PASSWORD": secret}},
        "Description": secret,
    }
    database = {
        "DBInstanceIdentifier": "d",
        "DBInstanceStatus": "available",
        "Engine": "postgres",
        "MasterUsername": secret,
        "DBName": secret,
    }
    found = [*nodes.functions(HOME, [function], {}), *nodes.databases(HOME, [database])]
    assert [(each["title"], each["health"]) for each in found] == [("f", "good"), ("d", "good")]
    assert secret not in json.dumps(found)

    class Cognito:
        def describe_user_pool_client(self, **_which: str) -> Any:
            return {"UserPoolClient": {"ClientId": "c", "ClientName": "n", "ClientSecret": secret}}

    assert described.app_client(Cognito(), "p", "c") == {"ClientId": "c", "ClientName": "n", "HasSecret": True}


@pytest.mark.parametrize(
    ("path", "resource", "shown"),
    [
        ("/users/4711/orders", "/users/{id}/orders", "/users/{id}/orders"),
        ("/users/4711/a/b", "/users/{id}/{rest+}", "/users/{id}/a/b"),
        ("/models/a/b", "/models/{rest+}", "/models/a/b"),
        ("/nothing/here", "", "/nothing/here"),
        ("/", "/", "/"),
    ],
)
def test_a_requests_path_does_not_tell_who(path: str, resource: str, shown: str) -> None:
    assert reports.shown_path(path, resource) == shown


def method(kind: str = "HTTP_PROXY") -> dict[str, Any]:
    return {"methodIntegration": {"type": kind, "uri": "http://example.com:81/"}}


def test_a_model_may_be_below_paths_that_take_both_calls() -> None:
    resources = [
        {"path": "/one/{proxy+}", "resourceMethods": {"GET": method(), "POST": method()}},
        {"path": "/two/{rest+}", "resourceMethods": {"ANY": method()}},
        {"path": "/three/tags", "resourceMethods": {"GET": method()}},
        {"path": "/three/chat", "resourceMethods": {"POST": method(), "OPTIONS": method("MOCK")}},
        {"path": "/read/{proxy+}", "resourceMethods": {"GET": method()}},
        {"path": "/users/{id}/{proxy+}", "resourceMethods": {"ANY": method()}},
        {"path": "/mock/{proxy+}", "resourceMethods": {"ANY": method("MOCK")}},
        {"path": "/empty"},
    ]
    api = {
        "id": "a1",
        "name": "shop",
        "resources": resources,
        "authorizers": [{"providerARNs": ["arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_x"]}],
        "stages": [{"stageName": "v1"}],
    }
    password = ["ALLOW_USER_PASSWORD_AUTH"]
    clients = [
        {"ClientId": "open", "ExplicitAuthFlows": password, "HasSecret": False},
        {"ClientId": "secret", "ExplicitAuthFlows": password, "HasSecret": True},
        {"ClientId": "other", "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"], "HasSecret": False},
    ]
    (way,) = sign_in.ways(HOME, api, {"us-east-1_x": {"Name": "users", "Clients": clients}})
    assert (way["client"], way["url"]) == ("open", "/execute-api/a1/v1")
    assert way["bases"] == ["/one", "/three", "/two"]
    assert list(sign_in.ways(HOME, api, {})) == []


def test_an_association_lists_what_came_of_it_on_each_target() -> None:
    moment = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    association = {
        "AssociationId": "a",
        "Name": "AWS-RunShellScript",
        "Targets": [{"Key": "tag:Kind", "Values": ["web", "api"]}],
        "Overview": {"Status": "Success"},
        "LastExecutionDate": moment,
        "Results": [
            {"ResourceId": "i-2", "Status": "Failed", "DetailedStatus": "it has no disk", "LastExecutionDate": moment},
            {"ResourceId": "i-1", "Status": "Success"},
        ],
    }
    (told,) = reports.associations(HOME, [association], {"i-2": "alpha"})
    assert (told["health"], told["targets"]) == ("bad", "tag:Kind = web or api")
    assert [(each["title"], each["health"], each["why"]) for each in told["results"]] == [
        ("alpha", "bad", "it has no disk"),
        ("i-1", "good", ""),
    ]


def test_the_verdict_names_what_wants_a_look_the_worst_first() -> None:
    made = [
        {"id": str(number), "title": f"n{number}", "region": HOME, "said": word, "health": words.meaning(word)}
        for number, word in enumerate(("running", "stopped", "creating", "failed"))
    ]
    alarm = {"id": "alarm", "title": "quiet", "region": HOME, "said": "insufficient data", "health": "off"}
    told = verdict(made, {"associations": [], "alarms": [alarm]})
    assert [each["title"] for each in told["attention"]] == ["n3", "n2", "n1"]
    assert told["counted"] == {"good": 1, "off": 2, "busy": 1, "bad": 1}


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("127.0.0.1:4567", "127.0.0.1"),
        ("localhost", "localhost"),
        ("a.localhost:80", "a.localhost"),
        ("[::1]:4567", "[::1]"),
        ("192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("example.com", ""),
        ("127.0.0.1.example.com:4567", ""),
        ("localhost.example.com", ""),
        ("x; script-src *.localhost", ""),
    ],
)
def test_only_this_machines_own_names_are_served(host: str, name: str) -> None:
    assert own_name(host) == name
