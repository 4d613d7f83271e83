"""Small networks with known answers: routes, gateways, peering, security groups, network ACLs."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils.reachability import Answer, load, reach

from .described import ALL_TRAFFIC, Cloud, entry, rule

OPEN = [entry(100, True)]


def ask(cloud: Cloud, *names: Any, **more: Any) -> Answer:
    return reach(load(cloud.snapshot), *names, **{"port": 443, **more})


def blame(answer: Answer) -> set[tuple[str, str]]:
    assert answer.verdict == "never"
    return {(block.kind, block.id) for block in answer.blocks}


def kinds(answer: Answer) -> list[str]:
    assert answer.verdict == "always"
    return [hop.kind for hop in answer.traces[0].hops]


class Zone:
    """A VPC with a public subnet, its NAT instance, and a private subnet with a worker."""

    def __init__(self, cloud: Cloud, region: str = "us-east-1", start: str = "10.0") -> None:
        self.cloud = cloud
        self.vpc = cloud.vpc(region, f"{start}.0.0/23")
        self.public = cloud.subnet(self.vpc, f"{start}.0.0/24")
        self.private = cloud.subnet(self.vpc, f"{start}.1.0/24", "b")
        self.private_cidr = f"{start}.1.0/24"
        self.gateway = cloud.internet_gateway(self.vpc)
        self.nat_group = cloud.group(self.vpc, [rule("tcp", 443, self.private_cidr)], [rule("tcp", 443, "0.0.0.0/0")])
        self.group = cloud.group(self.vpc, [])
        self.nat = cloud.instance(self.public, [self.nat_group], public=f"54.0.0.{start.split('.')[1]}", forwards=True)
        self.worker = cloud.instance(self.private, [self.group])
        self.public_table = cloud.table(self.vpc, self.public)
        self.private_table = cloud.main_table(self.vpc)
        cloud.route(self.public_table, "0.0.0.0/0", self.gateway)
        cloud.route(self.private_table, "0.0.0.0/0", cloud.interface_of(self.nat))

    def change(self, identity: str, **changes: Any) -> None:
        self.cloud.found[identity].update(changes)

    def nat_interface(self, **changes: Any) -> None:
        self.change(self.cloud.interface_of(self.nat), **changes)


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
def zone(cloud: Cloud) -> Zone:
    return Zone(cloud)


def test_a_private_subnet_reaches_the_internet_through_the_nat_instance(cloud, zone):
    answer = ask(cloud, zone.worker, "internet")
    assert answer.ends == ("internet",)
    assert kinds(answer) == [
        *("security-group", "route", "network-acl", "network-acl", "security-group"),
        *("route", "network-acl", "network-acl", "nat-instance"),
        *("security-group", "route", "network-acl", "network-acl", "internet-gateway"),
    ]
    assert "masquerades" in answer.traces[0].assumptions[0]


# What is done to the zone, and what is then to blame, by the name of the zone's attribute.
NAT_BREAKS = {
    "the check of source and destination": (
        lambda zone: zone.nat_interface(SourceDestCheck=True),
        "nat-instance",
        "nat",
    ),
    "no public address": (
        lambda zone: zone.nat_interface(Association={}, PrivateIpAddresses=[]),
        "internet-gateway",
        "gateway",
    ),
    "a stopped instance": (lambda zone: zone.change(zone.nat, State={"Name": "stopped"}), "interface", "nat"),
    "a group that lets nobody in": (
        lambda zone: zone.change(zone.nat_group, IpPermissions=[]),
        "security-group",
        "nat_group",
    ),
    "a group that lets nothing out": (
        lambda zone: zone.change(zone.nat_group, IpPermissionsEgress=[rule("tcp", 443, "10.0.0.0/8")]),
        "security-group",
        "nat_group",
    ),
    "a NAT without a route to the internet": (
        lambda zone: zone.cloud.found[zone.public_table]["Routes"].pop(),
        "route-table",
        "public_table",
    ),
    "a gateway that hangs loose": (
        lambda zone: zone.change(zone.gateway, Attachments=[]),
        "internet-gateway",
        "gateway",
    ),
    "no default route": (
        lambda zone: zone.cloud.found[zone.private_table]["Routes"].pop(),
        "route-table",
        "private_table",
    ),
    "a blackhole": (
        lambda zone: zone.cloud.found[zone.private_table]["Routes"][-1].update(State="blackhole"),
        "route-table",
        "private_table",
    ),
    "a route to the gateway without a public address": (
        lambda zone: (
            zone.cloud.found[zone.private_table]["Routes"].pop(),
            zone.cloud.route(zone.private_table, "0.0.0.0/0", zone.gateway),
        ),
        "internet-gateway",
        "gateway",
    ),
}


@pytest.mark.parametrize("case", NAT_BREAKS)
def test_what_stands_between_a_private_subnet_and_the_internet(cloud, zone, case):
    breaks, kind, attribute = NAT_BREAKS[case]
    breaks(zone)
    assert blame(ask(cloud, zone.worker, "internet")) == {(kind, getattr(zone, attribute))}


def test_a_nat_whose_route_leads_to_itself_is_a_circle(cloud, zone):
    cloud.found[zone.public_table]["Routes"].pop()
    other = cloud.instance(zone.private, [zone.group], forwards=True)
    cloud.found[zone.group]["IpPermissions"].append(ALL_TRAFFIC)
    cloud.route(zone.public_table, "0.0.0.0/0", cloud.interface_of(other))
    cloud.found[zone.nat_group]["IpPermissions"].append(ALL_TRAFFIC)
    answer = ask(cloud, zone.worker, "internet")
    assert blame(answer) == {("nat-instance", zone.nat)}
    assert "back to" in answer.blocks[0].reason


def test_nothing_comes_in_from_the_internet_by_a_nat(cloud, zone):
    answer = ask(cloud, "internet", "everything", protocol="any", port=None)
    assert answer.verdict == "never"
    assert {block.reason for block in answer.blocks} == {
        f"{zone.worker} has no public address",
        *(
            f"{zone.nat_group} of {zone.nat} has no ingress rule for {each} from the internet"
            for each in ("tcp", "udp", "icmp")
        ),
    }


def test_one_port_open_to_one_neighbour_is_found_among_all(cloud, zone):
    cloud.found[zone.nat_group]["IpPermissions"].append(rule("tcp", (8000, 8001), "203.0.113.0/24"))
    answer = ask(cloud, "internet", "everything", protocol="any", port=None)
    assert answer.verdict == "sometimes"
    assert [(each.protocol, each.ports, each.source_addresses, each.end) for each in answer.open] == [
        ("tcp", (8000, 8001), "203.0.113.0/24", zone.nat)
    ]


def test_who_comes_in_must_be_answered_by_the_gateway(cloud, zone):
    cloud.found[zone.group]["IpPermissions"].append(ALL_TRAFFIC)
    exposed = cloud.instance(zone.private, [zone.group], public="54.0.0.99")
    answer = ask(cloud, "internet", exposed)
    assert blame(answer) == {("route-table", zone.private_table)}
    assert "not by igw-" in answer.blocks[0].reason


def test_an_instance_meets_anothers_public_address_as_a_stranger(cloud, zone):
    cloud.found[zone.nat_group]["IpPermissions"].append(rule("tcp", 443, zone.nat_group))
    neighbour = cloud.instance(zone.public, [zone.nat_group], public="54.0.0.77")
    assert ask(cloud, neighbour, zone.nat).verdict == "always"
    assert blame(ask(cloud, neighbour, "54.0.0.0")) == {("security-group", zone.nat_group)}
    cloud.found[zone.nat_group]["IpPermissions"].append(rule("tcp", 443, "54.0.0.77/32"))
    assert ask(cloud, neighbour, "54.0.0.0").verdict == "always"
    assert ask(cloud, "internet", "54.0.0.0").verdict == "never"


# Peering


class Pair:
    """Two zones, in two regions, and what lies between them."""

    def __init__(self, cloud: Cloud, regions: tuple[str, str] = ("us-east-1", "us-west-2")) -> None:
        self.here, self.there = Zone(cloud, regions[0], "10.0"), Zone(cloud, regions[1], "10.2")
        self.peering = cloud.peer(self.here.vpc, self.there.vpc)
        cloud.route(self.here.private_table, "10.2.0.0/23", self.peering)
        cloud.route(self.there.private_table, "10.0.0.0/23", self.peering)
        self.here.change(self.here.group, IpPermissions=[rule("tcp", 443, self.there.private_cidr)])


@pytest.fixture
def pair(cloud: Cloud) -> Pair:
    return Pair(cloud)


def test_across_a_peering(cloud, pair):
    answer = ask(cloud, pair.there.worker, pair.here.worker)
    assert "peering" in kinds(answer)
    assert answer.ends == (pair.here.worker,)


PEERING_BREAKS = {
    "not accepted": (
        lambda pair: pair.here.change(pair.peering, Status={"Code": "pending-acceptance"}),
        "peering",
        "peering",
    ),
    "no way there": (
        lambda pair: pair.there.cloud.found[pair.there.private_table]["Routes"].pop(),
        "route-table",
        "there.private_table",
    ),
    "no way back": (
        lambda pair: pair.here.cloud.found[pair.here.private_table]["Routes"].pop(),
        "route-table",
        "here.private_table",
    ),
    "a group instead of a CIDR": (
        lambda pair: pair.here.change(pair.here.group, IpPermissions=[rule("tcp", 443, pair.there.group)]),
        "security-group",
        "here.group",
    ),
}


@pytest.mark.parametrize("case", PEERING_BREAKS)
def test_what_stands_between_peers(cloud, pair, case):
    breaks, kind, path = PEERING_BREAKS[case]
    breaks(pair)
    owner: Any = pair
    for name in path.split("."):
        owner = getattr(owner, name)
    assert blame(ask(cloud, pair.there.worker, pair.here.worker)) == {(kind, owner)}


def test_groups_are_known_to_a_peer_in_the_same_region(cloud):
    pair = Pair(cloud, ("us-east-1", "us-east-1"))
    pair.here.change(pair.here.group, IpPermissions=[rule("tcp", 443, pair.there.group)])
    assert ask(cloud, pair.there.worker, pair.here.worker).verdict == "always"


@pytest.mark.parametrize(("region", "verdict"), [("us-east-1", "always"), ("us-west-2", "never")])
def test_groups_of_a_peer_in_egress_rules(cloud, region, verdict):
    pair = Pair(cloud, ("us-east-1", region))
    pair.there.change(pair.there.group, IpPermissionsEgress=[rule("tcp", 443, pair.here.group)])
    assert ask(cloud, pair.there.worker, pair.here.worker).verdict == verdict


def test_peering_does_not_lead_beyond_the_peer(cloud, pair):
    third = Zone(cloud, "eu-west-1", "10.4")
    third.change(third.group, IpPermissions=[ALL_TRAFFIC])
    onward = cloud.peer(pair.there.vpc, third.vpc)
    cloud.route(pair.there.private_table, "10.4.0.0/23", onward)
    cloud.route(pair.here.private_table, "10.4.0.0/23", pair.peering)
    cloud.route(third.private_table, "10.0.0.0/23", onward)
    answer = ask(cloud, pair.here.worker, third.worker)
    assert blame(answer) == {("peering", pair.peering)}
    assert "not beyond" in answer.blocks[0].reason


def test_answers_that_go_to_another_peer_are_lost(cloud, pair):
    third = Zone(cloud, "eu-west-1", "10.4")
    cloud.found[pair.here.private_table]["Routes"].pop()
    cloud.route(pair.here.private_table, "10.2.0.0/23", cloud.peer(pair.here.vpc, third.vpc))
    assert blame(ask(cloud, pair.there.worker, pair.here.worker)) == {("route-table", pair.here.private_table)}


# Routes


def test_the_longest_prefix_wins_and_its_blackhole_too(cloud, pair):
    cloud.route(pair.there.private_table, "10.0.1.0/24", "tgw-0001")
    assert blame(ask(cloud, pair.there.worker, pair.here.worker)) == {("gateway", "tgw-0001")}
    cloud.route(pair.there.private_table, "10.0.1.4/32", pair.peering, "blackhole")
    assert blame(ask(cloud, pair.there.worker, pair.here.worker)) == {("route-table", pair.there.private_table)}


def test_a_subnet_without_a_table_uses_the_main_one(cloud, zone):
    other = cloud.instance(cloud.subnet(zone.vpc, "10.0.0.0/24", "c"), [zone.group], address="10.0.0.200")
    hop = next(each for each in ask(cloud, other, "internet").traces[0].hops if each.kind == "route")
    assert hop.id == zone.private_table


def test_a_gateway_endpoint_needs_no_public_address(cloud, zone):
    cloud.add("us-east-1", "prefix_lists", "pl-1", {"PrefixListId": "pl-1", "Cidrs": ["52.216.0.0/15"]})
    described = {
        "VpcEndpointId": "vpce-1",
        "VpcId": zone.vpc,
        "ServiceName": "com.amazonaws.us-east-1.s3",
        "State": "available",
    }
    cloud.add("us-east-1", "vpc_endpoints", "vpce-1", described)
    cloud.found[zone.private_table]["Routes"].pop()
    cloud.route(zone.private_table, "pl-1", "vpce-1")
    zone.change(zone.group, IpPermissionsEgress=[rule("tcp", 443, "pl-1")])
    assert ask(cloud, zone.worker, "52.216.1.1").ends == ("com.amazonaws.us-east-1.s3",)
    assert blame(ask(cloud, zone.worker, "9.9.9.9")) == {("security-group", zone.group)}
    assert ask(cloud, zone.worker, "internet").verdict == "sometimes"


def test_an_interface_endpoint_is_reached_as_any_interface(cloud, zone):
    group = cloud.group(zone.vpc, [rule("tcp", 443, zone.group)])
    described = {
        "VpcEndpointId": "vpce-2",
        "VpcId": zone.vpc,
        "ServiceName": "com.amazonaws.us-east-1.ssm",
        "State": "available",
        "SubnetIds": [zone.public],
        "Groups": [{"GroupId": group}],
        "NetworkInterfaceIds": [cloud.interface(zone.public, [group], description="VPC Endpoint Interface vpce-2")],
    }
    cloud.add("us-east-1", "vpc_endpoints", "vpce-2", described)
    assert ask(cloud, zone.worker, "vpce-2").ends == ("vpce-2",)
    assert blame(ask(cloud, zone.nat, "vpce-2")) == {("security-group", group)}


# Security groups and network ACLs


def test_groups_by_reference_by_self_and_several_at_once(cloud, zone):
    database = cloud.group(zone.vpc, [], [])
    cloud.found[database]["IpPermissions"] = [rule("tcp", 5432, database)]
    cloud.found[database]["IpPermissionsEgress"] = [rule("tcp", 5432, database)]
    server = cloud.instance(zone.private, [database])
    client = cloud.instance(zone.public, [database])
    assert ask(cloud, client, server, port=5432).verdict == "always"
    assert blame(ask(cloud, client, server, port=5433)) == {("security-group", database)}
    assert blame(ask(cloud, zone.worker, server, port=5432)) == {("security-group", database)}
    both = cloud.instance(zone.private, [zone.group, database])
    assert ask(cloud, both, server, port=5432).verdict == "always"
    everybody = ask(cloud, "everything", server, port=5432)
    assert {each.source for each in everybody.open} == {client, both}


def test_answers_pass_a_group_but_need_an_entry_in_an_acl(cloud, zone):
    web = cloud.group(zone.vpc, [rule("tcp", 443, zone.private_cidr)], [])
    server = cloud.instance(zone.public, [web])
    assert ask(cloud, zone.worker, server).verdict == "always"
    acl = cloud.acl(zone.vpc, OPEN, [entry(100, True, protocol="6", ports=(32768, 60999))], zone.public)
    answer = ask(cloud, zone.worker, server)
    assert answer.verdict == "sometimes"
    assert {each.source_ports for each in answer.open} == {(32768, 60999)}
    assert {block.id for block in answer.blocks} == {acl}
    assert "answers" in answer.blocks[0].reason
    assert ask(cloud, zone.worker, server, ephemeral=(32768, 60999)).verdict == "always"
    assert ask(cloud, zone.worker, server, ephemeral=(61000, 65535)).verdict == "never"


def test_the_lowest_entry_that_matches_decides(cloud, zone):
    server = cloud.instance(zone.public, [cloud.group(zone.vpc, [ALL_TRAFFIC])])
    denial = entry(90, False, "10.0.1.0/24", "6", (443, 443))
    acl = cloud.acl(zone.vpc, [entry(100, True), denial], OPEN, zone.public)
    answer = ask(cloud, zone.worker, server)
    assert blame(answer) == {("network-acl", acl)}
    assert answer.blocks[0].reason.startswith("entry 90 denies tcp 443 from")
    assert ask(cloud, zone.worker, server, port=80).verdict == "always"
    denial["RuleNumber"] = 110
    cloud.found[acl]["Entries"][:] = [
        {**each, "RuleNumber": 110} if each["RuleNumber"] == 90 else each for each in cloud.found[acl]["Entries"]
    ]
    assert ask(cloud, zone.worker, server).verdict == "always"


def test_an_acl_does_not_see_what_stays_in_its_subnet(cloud, zone):
    neighbour = cloud.instance(zone.private, [cloud.group(zone.vpc, [ALL_TRAFFIC])])
    cloud.acl(zone.vpc, [], [], zone.private)
    assert ask(cloud, zone.worker, neighbour).verdict == "always"
    assert ask(cloud, zone.worker, zone.nat).verdict == "never"


def test_pings(cloud, zone):
    group = cloud.group(zone.vpc, [rule("icmp", (8, -1), zone.private_cidr)])
    server = cloud.instance(zone.public, [group])
    assert ask(cloud, zone.worker, server, protocol="icmp").verdict == "always"
    assert ask(cloud, zone.nat, server, protocol="icmp").verdict == "never"
