"""Who is meant by a name, what is not described as an interface, and the shapes of snapshot and answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plugins.module_utils.reachability import load, reach

from .described import ACCOUNT, ALL_TRAFFIC, Cloud, fixed, forward, listener, rule

DATABASE = f"arn:aws:rds:us-east-1:{ACCOUNT}:db:orders"
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:orders"


class Home:
    """A worker, a database and a function that share a group, and a file system."""

    def __init__(self) -> None:
        self.cloud = cloud = Cloud()
        self.vpc = cloud.vpc("us-east-1", "10.0.0.0/16")
        self.subnets = [cloud.subnet(self.vpc, "10.0.0.0/24", "a"), cloud.subnet(self.vpc, "10.0.1.0/24", "b")]
        self.group = cloud.group(self.vpc, [])
        self.worker = cloud.instance(self.subnets[0], [self.group])
        self.shared = cloud.group(self.vpc, [], [])
        for side in ("IpPermissions", "IpPermissionsEgress"):
            cloud.found[self.shared][side] = [rule("tcp", 5432, self.shared)]
        cloud.add(
            "us-east-1",
            "db_instances",
            DATABASE,
            {
                "DBInstanceIdentifier": "orders",
                "DBInstanceArn": DATABASE,
                "DBInstanceStatus": "available",
                "AvailabilityZone": "us-east-1b",
                "MultiAZ": False,
                "PubliclyAccessible": False,
                "DBSubnetGroup": {"Subnets": [{"SubnetIdentifier": each} for each in self.subnets]},
                "VpcSecurityGroups": [{"VpcSecurityGroupId": self.shared, "Status": "active"}],
            },
        )
        cloud.add(
            "us-east-1",
            "functions",
            FUNCTION,
            {
                "FunctionName": "orders",
                "FunctionArn": FUNCTION,
                "VpcConfig": {"SubnetIds": self.subnets, "SecurityGroupIds": [self.shared], "VpcId": self.vpc},
            },
        )
        self.efs = cloud.group(self.vpc, [rule("tcp", 2049, self.group)], [])
        for number, subnet in enumerate(self.subnets, 1):
            interface = cloud.interface(
                subnet, [self.efs], description=f"EFS mount target for fs-1 (fsmt-{number})", Status="available"
            )
            described = {"SubnetId": subnet, "NetworkInterfaceId": interface, "IpAddress": cloud.address_of(interface)}
            identity = f"fsmt-{number}"
            cloud.add(
                "us-east-1",
                "mount_targets",
                identity,
                {"MountTargetId": identity, "FileSystemId": "fs-1", "LifeCycleState": "available", **described},
            )

    def ask(self, *names: Any, **more: Any) -> Any:
        return reach(load(self.cloud.snapshot), *names, **more)

    def sees(self, description: str, group: str) -> list[str]:
        """Describes the interfaces that AWS would."""
        return [self.cloud.interface(subnet, [group], description=description) for subnet in self.subnets]


@pytest.fixture
def home() -> Home:
    return Home()


@pytest.mark.parametrize("described", [False, True])
def test_a_function_and_a_database_with_or_without_interfaces(home, described):
    if described:
        home.cloud.interface(home.subnets[1], [home.shared], description="RDSNetworkInterface")
        home.sees("AWS Lambda VPC ENI-orders-1", home.shared)
    answer = home.ask(FUNCTION, DATABASE, port=5432)
    assert answer.verdict == "always"
    assert {trace.source_addresses for trace in answer.traces} == (
        {"10.0.0.6", "10.0.1.6"} if described else {"10.0.0.4-10.0.0.254", "10.0.1.4-10.0.1.254"}
    )
    assert {hop.detail for trace in answer.traces for hop in trace.hops if hop.kind == "interface"} == {
        f"of {DATABASE} in {home.subnets[1]}"
    }
    assert home.ask("everything", DATABASE, port=5432).verdict == "sometimes"
    assert {trace.source for trace in home.ask("everything", DATABASE, protocol="any").open} == {FUNCTION}
    assert home.ask(home.worker, FUNCTION, protocol="any").verdict == "never"


def test_where_a_database_may_be_decides(home):
    narrow = home.cloud.group(home.vpc, [], [rule("tcp", 5432, "10.0.1.0/25")])
    client = home.cloud.instance(home.subnets[0], [narrow])
    home.cloud.found[home.shared]["IpPermissions"] = [rule("tcp", 5432, "10.0.0.0/16")]
    assert home.ask(client, DATABASE, port=5432).verdict == "sometimes"
    home.cloud.found[narrow]["IpPermissionsEgress"] = [rule("tcp", 5432, "10.0.1.0/24")]
    assert home.ask(client, DATABASE, port=5432).verdict == "always"
    home.cloud.found[DATABASE]["MultiAZ"] = True
    assert home.ask(client, DATABASE, port=5432).verdict == "sometimes"


def test_a_public_database(home):
    table = home.cloud.main_table(home.vpc)
    home.cloud.route(table, "0.0.0.0/0", home.cloud.internet_gateway(home.vpc))
    home.cloud.found[home.shared]["IpPermissions"] = [rule("tcp", 5432, "0.0.0.0/0")]
    assert home.ask("internet", DATABASE, port=5432).verdict == "never"
    home.cloud.found[DATABASE]["PubliclyAccessible"] = True
    assert home.ask("internet", DATABASE, port=5432).verdict == "always"
    home.cloud.found[DATABASE]["DBInstanceStatus"] = "stopped"
    assert [block.reason for block in home.ask("internet", DATABASE, port=5432).blocks] == [f"{DATABASE} is stopped"]


def test_a_file_system_is_all_its_mount_targets(home):
    answer = home.ask(home.worker, "fs-1", port=2049)
    assert (answer.verdict, answer.ends) == ("always", ("fsmt-1", "fsmt-2"))
    assert home.ask(home.worker, "fsmt-2", port=2049).ends == ("fsmt-2",)
    assert home.ask(home.worker, "fs-1", port=2050).verdict == "never"


def test_mount_targets_by_their_own_description_alone(home):
    parts = home.cloud.regions["us-east-1"]
    parts["network_interfaces"] = [
        each for each in parts["network_interfaces"] if not each["Description"].startswith("EFS")
    ]
    nested = [{**each, "SecurityGroups": [home.efs]} for each in parts.pop("mount_targets")]
    parts["file_systems"] = [{"FileSystemId": "fs-1", "MountTargets": nested}]
    answer = home.ask(home.worker, "fs-1", port=2049)
    assert (answer.verdict, answer.ends) == ("always", ("fsmt-1", "fsmt-2"))


def test_names(home):
    every = {trace.source for trace in home.ask("everything", home.worker, port=1).traces}
    assert every == {"fsmt-1", "fsmt-2", DATABASE, FUNCTION}
    for name in (home.vpc, "10.0.0.0/16"):
        assert {trace.source for trace in home.ask(name, home.worker, port=1).traces} == every
    assert {trace.source for trace in home.ask(home.efs, home.worker, port=1).traces} == {"fsmt-1", "fsmt-2"}
    assert {trace.source for trace in home.ask([home.subnets[1]], home.worker, port=1).traces} == every - {"fsmt-1"}
    assert {trace.source for trace in home.ask("10.0.1.4", home.worker, port=1).traces} == {"fsmt-2"}
    nowhere = home.ask(["i-none", "eni-none"], home.worker, port=1)
    assert (nowhere.verdict, nowhere.unknown, nowhere.traces) == ("never", ("i-none", "eni-none"), ())
    assert home.ask(home.worker, "10.0.0.200", port=1).blocks[0].reason == "nothing in the snapshot has 10.0.0.200"
    assert home.ask(home.worker, home.worker, port=1).traces == ()


def test_every_port_is_told_as_ranges(home):
    home.cloud.found[home.group]["IpPermissions"] = [rule("tcp", (8000, 8010), home.efs), rule("udp", 53, home.efs)]
    home.cloud.found[home.efs]["IpPermissionsEgress"] = [ALL_TRAFFIC]
    answer = home.ask("fsmt-1", home.worker, protocol="any")
    assert {(trace.protocol, trace.ports) for trace in answer.open} == {("tcp", (8000, 8010)), ("udp", (53, 53))}
    closed = sorted(trace.ports for trace in answer.closed if trace.protocol == "tcp")
    assert closed[0][0] == 0
    assert closed[-1][1] == 65535
    assert sum(last - first + 1 for first, last in closed) == 65536 - 11


def test_an_answer_is_json(home):
    answer = home.ask([FUNCTION, home.worker], DATABASE, port=5432)
    told = json.loads(json.dumps(answer.to_dict()))
    assert told["verdict"] == "sometimes"
    assert told["ends"] == [DATABASE]
    assert told["traces"][0]["hops"][0] == {
        "kind": "security-group",
        "id": home.shared,
        "region": "us-east-1",
        "detail": f"egress tcp 5432 to {home.shared}",
        "assumed": "",
    }
    assert {block["id"] for block in told["blocks"]} == {home.shared}


def test_what_cannot_be_asked(home):
    with pytest.raises(ValueError, match="protocol must be one of"):
        home.ask(home.worker, DATABASE, protocol="sctp", port=1)
    with pytest.raises(ValueError, match="between 0 and 65535"):
        home.ask(home.worker, DATABASE, port=65536)


@pytest.mark.parametrize("snapshot", [{"regions": {}}, {"regions": {"us-east-1": {}, "us-west-2": None}}])
def test_an_empty_account(snapshot):
    answer = reach(load(snapshot), ["everything", "internet"], "everything", protocol="any")
    assert (answer.verdict, answer.unknown) == ("never", ("everything",))


def test_what_a_prefix_list_holds_may_be_unknown(home):
    home.cloud.found[home.group]["IpPermissions"] = [rule("tcp", 80, "pl-9")]
    home.cloud.found[home.efs]["IpPermissionsEgress"] = [ALL_TRAFFIC]
    answer = home.ask("fsmt-1", home.worker, port=80)
    assert "not in the snapshot: pl-9" in answer.blocks[0].reason
    entries = [{"Cidr": "10.0.0.0/24"}, {"Cidr": "2001:db8::/32"}]
    home.cloud.add("us-east-1", "managed_prefix_lists", "pl-9", {"PrefixListId": "pl-9", "Entries": entries})
    assert home.ask("fsmt-1", home.worker, port=80).verdict == "always"


def test_ipv6_is_left_alone(home):
    home.cloud.found[home.cloud.main_table(home.vpc)]["Routes"].append(
        {"DestinationIpv6CidrBlock": "::/0", "GatewayId": "igw-9"}
    )
    home.cloud.found[home.group]["IpPermissions"] = [{"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]
    acl = home.cloud.regions["us-east-1"]["network_acls"][0]
    acl["Entries"].insert(
        0, {"RuleNumber": 1, "RuleAction": "deny", "Ipv6CidrBlock": "::/0", "Protocol": "-1", "Egress": False}
    )
    assert home.ask(home.worker, "fs-1", port=2049).verdict == "always"
    assert home.ask("fsmt-1", home.worker, port=2049).verdict == "never"


def test_attributes_and_targets_as_mappings(home):
    servers = home.cloud.target_group(
        home.vpc, "ip", 80, [home.cloud.address_of(home.worker)], preserve_client_ip__enabled="true"
    )
    nlb = home.cloud.balancer(
        "net", home.subnets[1:], [listener(80, forward(servers)), listener(81, fixed(200))], cross_zone=True
    )
    home.cloud.found[home.group]["IpPermissions"] = [rule("tcp", 80, "10.0.1.128/25")]
    client = home.cloud.instance(home.subnets[1], [home.cloud.group(home.vpc, [])], address="10.0.1.200")
    assert home.ask(client, nlb, port=80).verdict == "always"
    for part in (nlb, servers):
        home.cloud.found[part]["Attributes"] = {
            each["Key"]: each["Value"] for each in home.cloud.found[part]["Attributes"]
        }
    home.cloud.found[servers]["Targets"] = home.cloud.found[servers].pop("TargetHealthDescriptions")
    assert home.ask(client, nlb, port=80).ends == (home.worker,)
    home.cloud.found[servers]["Attributes"]["preserve_client_ip.enabled"] = "false"
    assert home.ask(client, nlb, port=80).verdict == "never"


def test_who_shares_an_interface_is_told_by_the_first_ones_name(home):
    home.cloud.interface(home.subnets[1], [home.shared], description="RDSNetworkInterface")
    second = {**home.cloud.found[DATABASE], "DBInstanceArn": f"{DATABASE}-2", "DBInstanceIdentifier": "orders-2"}
    home.cloud.add("us-east-1", "db_instances", f"{DATABASE}-2", second)
    for name in (DATABASE, f"{DATABASE}-2"):
        answer = home.ask(FUNCTION, name, port=5432)
        assert (answer.verdict, answer.ends) == ("always", (DATABASE,))
