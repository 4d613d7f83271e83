"""The reachability engine on the deployed system: what must reach what, across regions, and what nobody may reach."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from plugins.module_utils.reachability import Answer, load, reach

HOME, AWAY = "us-east-1", "us-west-2"
EC2_PARTS = {  # part: (operation, where its items are)
    "vpcs": ("describe_vpcs", "Vpcs"),
    "subnets": ("describe_subnets", "Subnets"),
    "route_tables": ("describe_route_tables", "RouteTables"),
    "security_groups": ("describe_security_groups", "SecurityGroups"),
    "network_acls": ("describe_network_acls", "NetworkAcls"),
    "network_interfaces": ("describe_network_interfaces", "NetworkInterfaces"),
    "internet_gateways": ("describe_internet_gateways", "InternetGateways"),
    "nat_gateways": ("describe_nat_gateways", "NatGateways"),
    "vpc_peering_connections": ("describe_vpc_peering_connections", "VpcPeeringConnections"),
    "vpc_endpoints": ("describe_vpc_endpoints", "VpcEndpoints"),
}


def describe(cloud: Any, region: str) -> dict[str, Any]:
    ec2, elb = cloud.client("ec2", region), cloud.client("elbv2", region)
    parts = {part: getattr(ec2, operation)()[key] for part, (operation, key) in EC2_PARTS.items()}
    reservations = ec2.describe_instances()["Reservations"]
    parts["instances"] = [each for reservation in reservations for each in reservation["Instances"]]
    parts["load_balancers"] = elb.describe_load_balancers()["LoadBalancers"]
    for balancer in parts["load_balancers"]:
        arn = balancer["LoadBalancerArn"]
        balancer["Attributes"] = elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
        balancer["Listeners"] = elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]
        for listener in balancer["Listeners"]:
            listener["Rules"] = elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
    parts["target_groups"] = elb.describe_target_groups()["TargetGroups"]
    for group in parts["target_groups"]:
        arn = group["TargetGroupArn"]
        group["Attributes"] = elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
        group["TargetHealthDescriptions"] = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    efs = cloud.client("efs", region)
    systems = efs.describe_file_systems()["FileSystems"]
    parts["mount_targets"] = [
        each
        for system in systems
        for each in efs.describe_mount_targets(FileSystemId=system["FileSystemId"])["MountTargets"]
    ]
    parts["db_instances"] = cloud.client("rds", region).describe_db_instances()["DBInstances"]
    parts["functions"] = cloud.client("lambda", region).list_functions()["Functions"]
    parts["vpc_links"] = cloud.client("apigateway", region).get_vpc_links()["items"]
    return parts


class System:
    def __init__(self, snapshot: dict[str, Any]) -> None:
        self.snapshot = snapshot
        home = snapshot["regions"][HOME]
        self.workers: dict[tuple[str, str], set[str]] = {}  # by region and kind
        self.nats = []
        for region, parts in snapshot["regions"].items():
            for instance in parts["instances"]:
                tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
                if tags["Component"] == "worker":
                    self.workers.setdefault((region, tags["Kind"]), set()).add(instance["InstanceId"])
                else:
                    self.nats.append(instance["InstanceId"])
        self.balancers = {
            (region, each["Type"]): each["LoadBalancerArn"]
            for region, parts in snapshot["regions"].items()
            for each in parts["load_balancers"]
        }
        self.store = home["mount_targets"][0]["FileSystemId"]
        self.database = home["db_instances"][0]["DBInstanceArn"]
        self.functions = [each["FunctionArn"] for each in home["functions"]]
        self.link = f"vpclink:{home['vpc_links'][0]['id']}"

    @property
    def everyone(self) -> list[str]:
        return sorted(worker for workers in self.workers.values() for worker in workers)

    def ask(self, sources: Any, destinations: Any, **more: Any) -> Answer:
        answer = reach(load(self.snapshot), sources, destinations, **more)
        assert answer.unknown == ()
        return answer


@pytest.fixture(scope="module")
def snapshot(cloud, first_run) -> dict[str, Any]:
    return {"regions": {region: describe(cloud, region) for region in (HOME, AWAY)}}


@pytest.fixture
def system(snapshot) -> System:
    """A copy that a test may break."""
    return System(copy.deepcopy(snapshot))


def test_every_worker_reaches_the_store_across_the_peering_too(system):
    answer = system.ask(system.everyone, system.store, port=2049)
    assert answer.verdict == "always"
    assert len(answer.traces) == 12 * 2
    crossing = {trace.source for trace in answer.traces if "peering" in {hop.kind for hop in trace.hops}}
    assert crossing == {
        worker for (region, _kind), workers in system.workers.items() if region == AWAY for worker in workers
    }


@pytest.mark.parametrize(("port", "region"), [(80, HOME), (81, AWAY)])
@pytest.mark.parametrize(("path", "kind"), [("/api/chat", "chat"), ("/api/generate", "scoring"), ("/api/tags", "llm")])
def test_the_api_reaches_each_kind_of_worker_in_each_region(system, port, region, path, kind):
    answer = system.ask(system.link, system.balancers[HOME, "network"], port=port, request={"path": path})
    assert answer.verdict == "always"
    assert set(answer.ends) == system.workers[region, kind]


def test_functions_reach_the_database_and_nobody_else_does(system):
    assert system.ask(system.functions, system.database, port=5432).verdict == "always"
    answer = system.ask(["everything", "internet"], system.database, protocol="any")
    assert {(trace.source, trace.protocol, trace.ports) for trace in answer.open} == {
        (system.functions[0], "tcp", (5432, 5432))  # both functions share their interfaces
    }


def test_private_subnets_reach_the_web_through_their_nat(system):
    for port in (80, 443):
        answer = system.ask(system.everyone, "internet", port=port)
        assert answer.verdict == "always"
        assert all(trace.assumptions for trace in answer.traces)
    assert system.ask(system.everyone, "internet", port=22).verdict == "never"


def test_nothing_comes_in_from_the_internet(system):
    assert system.ask("internet", "everything", protocol="any").verdict == "never"


def test_no_port_22_anywhere(system):
    assert system.ask(["everything", "internet"], ["everything"], port=22).verdict == "never"


def test_only_balancers_reach_ollama(system):
    answer = system.ask(["everything", "internet"], system.everyone, port=11434)
    away = {worker for (region, _kind), workers in system.workers.items() if region == AWAY for worker in workers}
    # Away from home workers share the balancer's group, which lets in itself.
    balancers = {system.balancers[HOME, "application"], system.balancers[AWAY, "application"]}
    assert {trace.source for trace in answer.open} == balancers | away
    assert {trace.destination for trace in answer.open if trace.source in away} == away


# One thing undone, the question that shows it, and the kinds of what is to blame.
UNDONE = {
    "the peering's route home": (
        lambda home, away: drop_routes(away, "VpcPeeringConnectionId"),
        lambda system: system.ask(system.everyone, system.store, port=2049),
        "sometimes",
        {"route-table"},
    ),
    "the peering's route away": (
        lambda home, away: drop_routes(home, "VpcPeeringConnectionId"),
        lambda system: system.ask(
            system.link, system.balancers[HOME, "network"], port=81, request={"path": "/api/tags"}
        ),
        "never",
        {"route-table"},
    ),
    "the NAT's check of source and destination": (
        lambda home, away: [each.update(SourceDestCheck=True) for each in home["network_interfaces"]],
        lambda system: system.ask(system.everyone, "internet", port=443),
        "sometimes",
        {"nat-instance"},
    ),
    "the store's rule for peers": (
        lambda home, away: drop_permissions(home, "lks-sg-efs", "IpRanges"),
        lambda system: system.ask(system.everyone, system.store, port=2049),
        "sometimes",
        {"security-group"},
    ),
    "a target": (
        lambda home, away: next(
            each for each in away["target_groups"] if each["TargetGroupName"] == "lks-tg-nlb-zone-b"
        )["TargetHealthDescriptions"].clear(),
        lambda system: system.ask(
            system.link, system.balancers[HOME, "network"], port=81, request={"path": "/api/tags"}
        ),
        "never",
        {"target-group"},
    ),
}


def drop_routes(parts: dict[str, Any], key: str) -> None:
    for table in parts["route_tables"]:
        table["Routes"] = [each for each in table["Routes"] if key not in each]


def drop_permissions(parts: dict[str, Any], name: str, key: str) -> None:
    for group in parts["security_groups"]:
        if group["GroupName"] == name:
            group["IpPermissions"] = [{**each, key: []} for each in group["IpPermissions"]]


@pytest.mark.parametrize("case", UNDONE)
def test_what_is_undone_is_found_and_blamed(system, case):
    undo, question, verdict, blamed = UNDONE[case]
    assert question(system).verdict == "always"
    undo(system.snapshot["regions"][HOME], system.snapshot["regions"][AWAY])
    answer = question(system)
    assert answer.verdict == verdict
    assert {block.kind for block in answer.blocks} == blamed


def test_a_door_opened_to_the_internet_is_seen(system):
    for group in system.snapshot["regions"][AWAY]["security_groups"]:
        if group["GroupName"] == "lks-sg-nat":
            group["IpPermissions"].append(
                {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
            )
    answer = system.ask("internet", "everything", protocol="any")
    assert answer.verdict == "sometimes"
    assert {(trace.end in system.nats, trace.protocol, trace.ports) for trace in answer.open} == {
        (True, "tcp", (22, 22))
    }
