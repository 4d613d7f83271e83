"""Balancers with known answers: what each kind of target sees, which rule applies, and where a chain across regions
breaks.
"""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils.reachability import Answer, load, reach

from .described import ALL_TRAFFIC, Cloud, entry, fixed, forward, listener, rule


def ask(cloud: Cloud, sources: Any, destinations: Any, path: str = "", port: int = 80, **more: Any) -> Answer:
    return reach(
        load(cloud.snapshot), sources, destinations, port=port, request={"path": path} if path else None, **more
    )


def blame(answer: Answer) -> set[tuple[str, str]]:
    assert answer.verdict == "never"
    return {(block.kind, block.id) for block in answer.blocks}


class Zone:
    """Workers of two kinds in two availability zones, behind an ALB, behind an NLB without security groups."""

    def __init__(self, cloud: Cloud, region: str, start: str) -> None:
        self.cloud = cloud
        self.vpc = cloud.vpc(region, f"{start}.0.0/23")
        self.subnets = [
            cloud.subnet(self.vpc, f"{start}.1.0/25", "a"),
            cloud.subnet(self.vpc, f"{start}.1.128/25", "b"),
        ]
        self.cidrs = [f"{start}.1.0/25", f"{start}.1.128/25"]
        self.table = cloud.main_table(self.vpc)
        self.front = cloud.group(self.vpc, [rule("tcp", 80, *self.cidrs)])
        self.back = cloud.group(self.vpc, [rule("tcp", 11434, self.front)], [])
        self.chat = [cloud.instance(subnet, [self.back]) for subnet in self.subnets]
        self.client = cloud.instance(self.subnets[0], [cloud.group(self.vpc, [])])
        self.rest = [cloud.instance(subnet, [self.back]) for subnet in self.subnets]
        groups = [
            cloud.target_group(self.vpc, "instance", 11434, each, protocol="HTTP") for each in (self.chat, self.rest)
        ]
        self.alb = cloud.balancer(
            "app",
            self.subnets,
            [
                listener(
                    80,
                    fixed(404),
                    (["/"], fixed(200)),
                    (["/api/chat", "/api/chat/*"], forward(groups[0])),
                    (["/api/*"], forward(groups[1])),
                    protocol="HTTP",
                )
            ],
            groups=[self.front],
        )
        self.to_alb = cloud.target_group(self.vpc, "alb", 80, [self.alb])
        self.nlb = cloud.balancer("net", self.subnets, [listener(80, forward(self.to_alb))], cross_zone=True)
        self.nodes = [
            each["PrivateIpAddress"]
            for each in cloud.regions[region]["network_interfaces"]
            if each["Description"].startswith("ELB net")
        ]


class Chain:
    """Zone A's NLB has a second listener, whose targets are the addresses of zone B's NLB, across a peering."""

    def __init__(self, cloud: Cloud) -> None:
        self.a, self.b = Zone(cloud, "us-east-1", "172.32"), Zone(cloud, "us-west-2", "10.10")
        self.peering = cloud.peer(self.a.vpc, self.b.vpc)
        cloud.route(self.a.table, "10.10.0.0/23", self.peering)
        cloud.route(self.b.table, "172.32.0.0/23", self.peering)
        cloud.found[self.b.front]["IpPermissions"].append(rule("tcp", 80, *self.a.cidrs))
        self.away = cloud.target_group(self.a.vpc, "ip", 80, self.b.nodes, zone="all")
        described = cloud.found[self.a.nlb]
        described["Listeners"].append({**listener(81, forward(self.away)), "ListenerArn": "listener-81"})
        cloud.add("us-east-1", "vpc_links", "link", {"id": "link", "status": "AVAILABLE", "targetArns": [self.a.nlb]})


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
def chain(cloud: Cloud) -> Chain:
    return Chain(cloud)


@pytest.mark.parametrize("port", [80, 81])
def test_a_vpc_link_leads_each_path_to_its_workers(cloud, chain, port):
    zone = chain.a if port == 80 else chain.b
    found = {
        path: ask(cloud, "vpclink:link", chain.a.nlb, port=port, path=path)
        for path in ("/api/chat", "/api/chat/x", "/api/tags", "/", "/x")
    }
    assert {answer.verdict for answer in found.values()} == {"always"}
    assert {path: sorted(answer.ends) for path, answer in found.items()} == {
        "/api/chat": sorted(zone.chat),
        "/api/chat/x": sorted(zone.chat),
        "/api/tags": sorted(zone.rest),
        "/": ["fixed-response 200"],
        "/x": ["fixed-response 404"],
    }
    assert ("peering" in {hop.kind for hop in found["/api/tags"].traces[0].hops}) is (port == 81)


def test_without_a_path_any_rule_may_apply(cloud, chain):
    answer = ask(cloud, "vpclink:link", chain.a.nlb)
    assert set(answer.ends) == {*chain.a.chat, *chain.a.rest, "fixed-response 200", "fixed-response 404"}


CHAIN_BREAKS = {
    "the link is not ready": (lambda chain, cloud: cloud.found["link"].update(status="PENDING"), "vpc-link", "link"),
    "the link leads elsewhere": (
        lambda chain, cloud: cloud.found["link"].update(targetArns=[chain.b.nlb]),
        "vpc-link",
        "link",
    ),
    "the listener is gone": (
        lambda chain, cloud: cloud.found[chain.a.nlb]["Listeners"].pop(),
        "load-balancer",
        "a.nlb",
    ),
    "no targets": (
        lambda chain, cloud: cloud.found[chain.away]["TargetHealthDescriptions"].clear(),
        "target-group",
        "away",
    ),
    "the peering is pending": (
        lambda chain, cloud: cloud.found[chain.peering].update(Status={"Code": "pending-acceptance"}),
        "peering",
        "peering",
    ),
    "no route back": (lambda chain, cloud: cloud.found[chain.b.table]["Routes"].pop(), "route-table", "b.table"),
    "the far ALB knows its own zone only": (
        lambda chain, cloud: cloud.found[chain.b.front]["IpPermissions"].pop(),
        "security-group",
        "b.front",
    ),
    "workers take nothing from the ALB": (
        lambda chain, cloud: cloud.found[chain.b.back]["IpPermissions"].clear(),
        "security-group",
        "b.back",
    ),
    "the ALB lets nothing out": (
        lambda chain, cloud: cloud.found[chain.b.front]["IpPermissionsEgress"].clear(),
        "security-group",
        "b.front",
    ),
    "the far ALB is not active yet": (
        lambda chain, cloud: cloud.found[chain.b.alb].update(State={"Code": "provisioning"}),
        "load-balancer",
        "b.alb",
    ),
}


@pytest.mark.parametrize("case", CHAIN_BREAKS)
def test_where_the_chain_breaks(cloud, chain, case):
    breaks, kind, path = CHAIN_BREAKS[case]
    breaks(chain, cloud)
    owner: Any = chain
    for name in path.split(".") if path != "link" else []:
        owner = getattr(owner, name)
    identity = "link" if path == "link" else owner
    assert blame(ask(cloud, "vpclink:link", chain.a.nlb, port=81, path="/api/chat")) == {(kind, identity)}


def test_one_worker_of_two_out_of_reach_is_sometimes(cloud, chain):
    lonely = cloud.group(chain.a.vpc, [])
    cloud.found[cloud.interface_of(chain.a.chat[1])]["Groups"] = [{"GroupId": lonely}]
    answer = ask(cloud, "vpclink:link", chain.a.nlb, path="/api/chat")
    assert answer.verdict == "sometimes"
    assert answer.ends == (chain.a.chat[0],)
    assert {block.id for block in answer.blocks} == {lonely}


def test_only_the_balancer_reaches_the_workers(cloud, chain):
    answer = ask(cloud, "everything", [*chain.a.chat, *chain.a.rest], port=11434)
    assert {trace.source for trace in answer.open} == {chain.a.alb}
    assert ask(cloud, chain.a.alb, chain.a.chat, port=11434).verdict == "always"


# Whose address a target sees


class Front:
    """A client in one subnet, a server in another, an NLB in a third; the server lets in whom the test says."""

    def __init__(self, cloud: Cloud, kind: str, protocol: str = "TCP", groups: bool = False, **attributes: str) -> None:
        self.vpc = cloud.vpc("us-east-1", "10.0.0.0/16")
        names = ("10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24")
        self.clients, self.servers, self.middle = (cloud.subnet(self.vpc, cidr) for cidr in names)
        self.client_group = cloud.group(self.vpc, [])
        self.client = cloud.instance(self.clients, [self.client_group])
        self.server_group = cloud.group(self.vpc, [])
        self.server = cloud.instance(self.servers, [self.server_group])
        target = self.server if kind == "instance" else cloud.address_of(self.server)
        self.targets = cloud.target_group(self.vpc, kind, 80, [target], protocol=protocol, **attributes)
        self.node_group = cloud.group(self.vpc, [ALL_TRAFFIC])
        self.nlb = cloud.balancer(
            "net",
            [self.middle],
            [listener(80, forward(self.targets), protocol=protocol)],
            groups=[self.node_group] if groups else [],
        )


@pytest.mark.parametrize(
    ("kind", "protocol", "attributes", "keeps"),
    [
        ("instance", "TCP", {}, True),
        ("ip", "TCP", {}, False),
        ("ip", "UDP", {}, True),
        ("instance", "TCP", {"preserve_client_ip__enabled": "false"}, False),
        ("ip", "TCP", {"preserve_client_ip__enabled": "true"}, True),
    ],
)
def test_whose_address_a_target_sees(cloud, kind, protocol, attributes, keeps):
    front = Front(cloud, kind, protocol, **attributes)
    verdicts = {}
    for peer in ("10.0.0.0/24", "10.0.2.0/24", front.client_group):
        cloud.found[front.server_group]["IpPermissions"] = [rule("-1", None, peer)]
        verdicts[peer] = ask(cloud, front.client, front.nlb, protocol=protocol.lower()).verdict
    expected = {True: "always", False: "never"}
    assert verdicts == {"10.0.0.0/24": expected[keeps], "10.0.2.0/24": expected[not keeps], front.client_group: "never"}


def test_a_target_may_name_the_balancers_group(cloud):
    front = Front(cloud, "instance", groups=True)
    cloud.found[front.server_group]["IpPermissions"] = [rule("tcp", 80, front.node_group)]
    assert ask(cloud, front.client, front.nlb).verdict == "always"
    cloud.found[front.node_group]["IpPermissions"] = []
    assert blame(ask(cloud, front.client, front.nlb)) == {("security-group", front.node_group)}


def test_a_client_cannot_reach_itself_by_a_balancer_that_keeps_its_address(cloud):
    front = Front(cloud, "instance")
    cloud.found[front.server_group]["IpPermissions"] = [ALL_TRAFFIC]
    assert blame(ask(cloud, front.server, front.nlb)) == {("target", front.server)}


def test_a_kept_address_does_not_leave_its_region(cloud, chain):
    assert ask(cloud, chain.a.client, chain.a.nlb, port=81, path="/").verdict == "always"
    cloud.found[chain.away]["Attributes"] = [{"Key": "preserve_client_ip.enabled", "Value": "true"}]
    assert blame(ask(cloud, chain.a.client, chain.a.nlb, port=81, path="/")) == {("target", chain.b.nlb)}
    assert ask(cloud, "vpclink:link", chain.a.nlb, port=81, path="/").verdict == "always"  # comes from the NLB itself


def test_a_kept_address_needs_no_route_back(cloud):
    front = Front(cloud, "instance")
    cloud.found[front.server_group]["IpPermissions"] = [ALL_TRAFFIC]
    gateway = cloud.internet_gateway(front.vpc)
    outer = cloud.table(front.vpc, front.middle)
    cloud.route(outer, "0.0.0.0/0", gateway)
    node = next(
        each for each in cloud.regions["us-east-1"]["network_interfaces"] if each["Description"].startswith("ELB net")
    )
    node["Association"] = node["PrivateIpAddresses"][0]["Association"] = {"PublicIp": "54.0.0.1"}
    cloud.found[front.nlb]["Scheme"] = "internet-facing"
    assert ask(cloud, "internet", front.nlb).ends == (front.server,)
    assert ask(cloud, "internet", front.server).verdict == "never"
    cloud.found[front.server_group]["IpPermissions"] = [rule("tcp", 80, "203.0.113.0/24")]
    answer = ask(cloud, "internet", front.nlb)
    assert {trace.source_addresses for trace in answer.open} == {"203.0.113.0/24"}


def test_a_vpc_link_is_judged_by_the_nlbs_groups_unless_they_are_told_not_to(cloud):
    front = Front(cloud, "ip", groups=True)
    cloud.found[front.server_group]["IpPermissions"] = [rule("tcp", 80, "10.0.2.0/24")]
    cloud.found[front.node_group]["IpPermissions"] = [rule("tcp", 80, "10.0.0.0/16")]
    cloud.add("us-east-1", "vpc_links", "link", {"id": "link", "status": "AVAILABLE", "targetArns": [front.nlb]})
    assert blame(ask(cloud, "vpclink:link", front.nlb)) == {("security-group", front.node_group)}
    cloud.found[front.nlb]["EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"] = "off"
    assert ask(cloud, "vpclink:link", front.nlb).ends == (front.server,)


def test_a_node_without_cross_zone_balancing_keeps_to_its_zone(cloud, chain):
    zone = chain.a
    only = cloud.target_group(zone.vpc, "instance", 11434, [zone.chat[0]])
    cloud.found[zone.back]["IpPermissions"] = [ALL_TRAFFIC]
    nlb = cloud.balancer("net", zone.subnets, [listener(80, forward(only))], cross_zone=False)
    nodes = [
        each["NetworkInterfaceId"]
        for each in cloud.regions["us-east-1"]["network_interfaces"]
        if each["Description"] == f"ELB {nlb.split(':loadbalancer/')[1]}"
    ]
    assert ask(cloud, zone.client, nlb).verdict == "always"  # its name leads to the one node that has a target
    assert [ask(cloud, zone.client, node).verdict for node in nodes] == ["always", "never"]


def test_balancers_that_lead_back_to_themselves(cloud, chain):
    nodes = [{"Target": {"Id": each, "Port": 81, "AvailabilityZone": "all"}} for each in chain.a.nodes]
    cloud.found[chain.away]["TargetHealthDescriptions"] = nodes
    assert blame(ask(cloud, "vpclink:link", chain.a.nlb, port=81)) == {("load-balancer", chain.a.nlb)}


def test_other_conditions_than_the_path(cloud, chain):
    alb = cloud.found[chain.a.alb]
    default = alb["Listeners"][0]["Rules"][-1]
    conditions: list[Any] = [
        {"Field": "host-header", "HostHeaderConfig": {"Values": ["*.Example.com"]}},
        {"Field": "source-ip", "SourceIpConfig": {"Values": ["172.32.1.0/25"]}},
        {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "x", "Values": ["y"]}},
    ]
    special = {"RuleArn": "rule-special", "Priority": "1", "Actions": [fixed(418)]}

    def ends(count: int, **request: str) -> set[str]:
        alb["Listeners"][0]["Rules"] = [{**special, "Conditions": conditions[:count]}, default]
        return set(reach(load(cloud.snapshot), chain.a.client, chain.a.alb, port=80, request=request).ends)

    assert ends(1, host="www.example.com") == {"fixed-response 418"}
    assert ends(1, host="example.org") == {"fixed-response 404"}
    assert ends(1) == {"fixed-response 418", "fixed-response 404"}
    assert ends(2, host="a.example.com") == {"fixed-response 418"}  # the client is in that block
    conditions[1]["SourceIpConfig"]["Values"] = ["172.32.1.128/25"]
    assert ends(2, host="a.example.com") == {"fixed-response 404"}
    conditions.pop(1)
    assert ends(2, host="a.example.com") == {"fixed-response 418", "fixed-response 404"}


def test_a_group_with_no_weight_gets_nothing(cloud, chain):
    action = forward(chain.a.to_alb, chain.away)
    action["ForwardConfig"]["TargetGroups"][1]["Weight"] = 0
    cloud.found[chain.a.nlb]["Listeners"][0]["Rules"][-1]["Actions"] = [action]
    assert set(ask(cloud, "vpclink:link", chain.a.nlb, path="/api/chat").ends) == set(chain.a.chat)


def test_a_balancer_whose_interfaces_are_not_described_is_somewhere_in_its_subnets(cloud):
    vpc = cloud.vpc("us-east-1", "10.0.0.0/16")
    subnet = cloud.subnet(vpc, "10.0.0.0/24")
    narrow = cloud.group(vpc, [rule("tcp", 80, "10.0.0.0/25")])
    server = cloud.instance(cloud.subnet(vpc, "10.0.1.0/24"), [narrow])
    group = cloud.group(vpc, [ALL_TRAFFIC])
    alb = cloud.balancer(
        "app",
        [subnet],
        [listener(80, forward(cloud.target_group(vpc, "instance", 80, [server], protocol="HTTP")), protocol="HTTP")],
        groups=[group],
        seen=False,
    )
    assert ask(cloud, server, alb).verdict == "sometimes"
    cloud.found[narrow]["IpPermissions"] = [
        rule("tcp", 80, "10.0.0.4/30", "10.0.0.8/29", "10.0.0.16/28", "10.0.0.32/27", "10.0.0.64/26", "10.0.0.128/25")
    ]
    assert ask(cloud, server, alb).verdict == "always"  # the first four addresses and the last one are AWS's


def test_a_balancer_connects_from_ports_of_its_own(cloud):
    front = Front(cloud, "ip")
    cloud.found[front.server_group]["IpPermissions"] = [ALL_TRAFFIC]
    cloud.acl(front.vpc, [entry(100, True)], [entry(100, True, protocol="6", ports=(32768, 60999))], front.servers)
    answer = ask(cloud, front.client, front.nlb, ephemeral=(32768, 60999))
    assert answer.verdict == "sometimes"
    assert {block.kind for block in answer.blocks} == {"network-acl"}
