"""Generated networks: often sensible, sometimes broken in one place, sometimes odd."""

from __future__ import annotations

import dataclasses
from typing import Any

from hypothesis import strategies as st

from .described import ALL_TRAFFIC, Cloud, entry, fixed, forward, listener, rule

CIDRS = ("10.0.0.0/16", "10.1.0.0/16", "172.32.0.0/16")
STRANGERS = ("0.0.0.0/0", "203.0.113.0/24", "198.51.100.7/32", "10.0.0.0/8")
PORTS: tuple[Any, ...] = (22, 80, 443, (80, 443), (1024, 65535), (0, 65535))
ANSWERS = ((1024, 65535), (32768, 60999), (1024, 40000), (80, 443))
PATHS = ("/api/chat", "/api/tags", "/")


@dataclasses.dataclass
class Topology:
    cloud: Cloud
    instances: list[str] = dataclasses.field(default_factory=list)
    functions: list[str] = dataclasses.field(default_factory=list)
    balancers: list[str] = dataclasses.field(default_factory=list)
    links: dict[str, str] = dataclasses.field(default_factory=dict)


@st.composite
def topologies(draw: Any) -> Topology:
    return Draw(draw).topology()


class Draw:
    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.cloud = Cloud()
        self.made = Topology(self.cloud)
        self.publics = 0
        self.subnets: dict[str, list[str]] = {}
        self.groups: dict[str, list[str]] = {}
        self.calm = self.chance(65)  # most groups let all through, so that what else is odd comes to bear

    def number(self) -> int:
        """Hypothesis likes small numbers and repeats them, which makes poor networks; scrambled they are as good as
        any.
        """
        return (self.draw(st.integers(0, 2**32 - 1)) * 2654435761 % 2**32) >> 8

    def chance(self, percent: int) -> bool:
        return self.number() % 100 < percent

    def one(self, options: Any) -> Any:
        choices = list(options)
        return choices[self.number() % len(choices)]

    def public(self) -> str:
        self.publics += 1
        return f"54.0.0.{self.publics}"

    def topology(self) -> Topology:
        vpcs = [self.cloud.vpc(self.one(("us-east-1", "us-west-2")), cidr) for cidr in CIDRS[: self.one((1, 2, 2, 3))]]
        for vpc in vpcs:
            self.subnets[vpc] = [
                self.cloud.subnet(vpc, self.cidr(vpc, number), self.one("ab"))
                for number in range(self.one((1, 2, 2, 3)))
            ]
            self.groups[vpc] = []
        for vpc in vpcs:
            for _ in range(self.one((1, 2))):
                self.add_group(vpc)
            for subnet in self.subnets[vpc]:
                if self.chance(35):
                    self.cloud.acl(vpc, self.entries(), self.entries(), subnet)
        peerings = {
            (one, other): self.cloud.peer(one, other, "active" if self.chance(90) else "pending-acceptance")
            for position, one in enumerate(vpcs)
            for other in vpcs[position + 1 :]
            if self.chance(80)
        }
        for vpc in vpcs:
            self.add_routes(
                vpc, {other: self.peering(peerings, vpc, other) for other in vpcs if self.peering(peerings, vpc, other)}
            )
        for vpc in vpcs:
            if self.chance(45):
                self.add_balancers(vpc)
            if self.chance(15):
                subnet = self.one(self.subnets[vpc])
                identity = self.cloud.interface(subnet, self.some_groups(vpc), description="AWS Lambda VPC ENI-f-1")
                self.made.functions.append(identity)
        return self.made

    def cidr(self, vpc: str, number: int) -> str:
        start = self.cloud.found[vpc]["CidrBlock"].split(".")[:2]
        return ".".join([*start, str(number), "0"]) + "/24"

    def peering(self, peerings: dict[tuple[str, str], str], one: str, other: str) -> str:
        return peerings.get((one, other)) or peerings.get((other, one)) or ""

    def peers(self, vpc: str) -> list[str]:
        blocks = [self.cloud.found[each]["CidrBlock"] for each in self.subnets]
        blocks += [self.cloud.found[each]["CidrBlock"] for subnets in self.subnets.values() for each in subnets]
        blocks += [self.cidr(vpc, 0)[:-4] + "4/32"]
        lists = ["pl-1"] if "us-east-1" in self.cloud.regions else []
        everybody = [each for groups in self.groups.values() for each in groups]
        return [*STRANGERS, "0.0.0.0/0", "0.0.0.0/0", *blocks, *everybody, *everybody, *lists]

    def rules(self, vpc: str, own: list[str]) -> list[Any]:
        if self.chance(90 if self.calm else 50):
            return [ALL_TRAFFIC]
        found = []
        for _ in range(self.one((0, 1, 1, 2, 2))):
            protocol = self.one(("tcp", "tcp", "tcp", "udp", "icmp", "-1"))
            ports = {"-1": None, "icmp": self.one(((-1, -1), (8, -1), (0, -1)))}.get(protocol, self.one(PORTS))
            found.append(rule(protocol, ports, *{self.one([*self.peers(vpc), *own]) for _ in range(self.one((1, 2)))}))
        return found

    def add_group(self, vpc: str) -> None:
        identity = self.cloud.group(vpc, [], [])
        described = self.cloud.found[identity]
        described["IpPermissions"] = self.rules(vpc, [identity])
        described["IpPermissionsEgress"] = [ALL_TRAFFIC] if self.chance(70) else self.rules(vpc, [identity])
        self.groups[vpc].append(identity)

    def some_groups(self, vpc: str) -> list[str]:
        return sorted({self.one(self.groups[vpc]) for _ in range(self.one((1, 1, 2)))})

    def entries(self) -> list[Any]:
        found: list[Any] = []
        if self.chance(65):  # as people write them: a service and the answers
            services = self.one(((80, 443), (22, 443), (0, 1023), (22, 80)))
            return [
                entry(10, True, protocol="6", ports=services),
                entry(20, True, protocol="6", ports=self.one(ANSWERS)),
            ]
        for number in range(self.one((0, 1, 2, 3))):
            protocol = self.one(("6", "6", "17", "1", "-1"))
            ports = self.one((*ANSWERS, (22, 22), (443, 443))) if protocol in ("6", "17") else None
            cidr = self.one(("0.0.0.0/0", "0.0.0.0/0", "10.0.0.0/24", "10.1.0.0/16", "203.0.113.0/24"))
            found.append(entry(10 * number + 10, self.chance(50), cidr, protocol, ports))
        return [*found, entry(100, True)] if self.chance(75) else found

    def add_routes(self, vpc: str, peers: dict[str, str]) -> None:
        gateway = self.cloud.internet_gateway(vpc) if self.chance(75) else ""
        first, *others = self.subnets[vpc]
        nat: str = ""
        if gateway and self.chance(75):
            nat = self.cloud.interface_of(
                self.cloud.instance(
                    first,
                    self.some_groups(vpc),
                    public=self.public() if self.chance(90) else "",
                    forwards=self.chance(90),
                    state="running" if self.chance(95) else "stopped",
                )
            )
        elif gateway and self.chance(30):
            nat = self.add_nat_gateway(first)
        endpoint = ""
        if self.cloud.region_of[vpc] == "us-east-1" and self.chance(20):
            if not any("prefix_lists" in parts for parts in self.cloud.regions.values()):
                self.cloud.add(
                    "us-east-1", "prefix_lists", "pl-1", {"PrefixListId": "pl-1", "Cidrs": ["52.216.0.0/15"]}
                )
            endpoint = self.cloud.next("vpce")
            described = {"VpcEndpointId": endpoint, "VpcId": vpc, "ServiceName": "com.amazonaws.us-east-1.s3"}
            state = "available" if self.chance(90) else "pending"
            self.cloud.add("us-east-1", "vpc_endpoints", endpoint, {**described, "State": state})
        tables = {first: self.cloud.table(vpc, first)}
        tables.update(
            {each: self.cloud.table(vpc, each) if self.chance(40) else self.cloud.main_table(vpc) for each in others}
        )
        for table in dict.fromkeys(tables.values()):
            is_public = table == tables[first]
            way: str = gateway if is_public else nat
            if self.chance(8):
                way = gateway or nat
            if way and self.chance(92):
                self.cloud.route(table, "0.0.0.0/0", way, "active" if self.chance(95) else "blackhole")
            for other, peering in peers.items():
                if self.chance(88):
                    whole = self.cloud.found[other]["CidrBlock"]
                    self.cloud.route(table, whole if self.chance(80) else self.cidr(other, 0), peering)
            if nat and not is_public and self.chance(6):
                self.cloud.route(table, self.cidr(vpc, 0), nat)
            if endpoint and self.chance(80):
                self.cloud.route(table, "pl-1", endpoint)
                if way and self.chance(30):
                    self.cloud.route(table, "52.216.0.0/15", way)
        for subnet in self.subnets[vpc]:
            for _ in range(self.one((1, 2, 2))):
                public = self.public() if subnet == first and self.chance(65) else ""
                state = "running" if self.chance(95) else "stopped"
                self.made.instances.append(
                    self.cloud.instance(subnet, self.some_groups(vpc), public=public, state=state)
                )

    def add_nat_gateway(self, subnet: str) -> str:
        identity = self.cloud.next("nat")
        interface = self.cloud.interface(
            subnet,
            [],
            public=self.public(),
            description=f"Interface for NAT Gateway {identity}",
            SourceDestCheck=False,
            InterfaceType="nat_gateway",
        )
        address = {"NetworkInterfaceId": interface, "PrivateIp": self.cloud.address_of(interface)}
        return self.cloud.add(
            self.cloud.region_of[subnet],
            "nat_gateways",
            identity,
            {
                "NatGatewayId": identity,
                "SubnetId": subnet,
                "State": "available" if self.chance(90) else "pending",
                "NatGatewayAddresses": [
                    {**address, "PublicIp": self.cloud.found[interface]["Association"]["PublicIp"]}
                ],
            },
        )

    def add_balancers(self, vpc: str) -> None:
        """An ALB, perhaps behind an NLB, perhaps behind the NLB of another VPC."""
        subnets = self.subnets[vpc][-2:] if self.chance(60) else self.subnets[vpc][:2]
        own = [each for each in self.made.instances if self.cloud.found[self.cloud.interface_of(each)]["VpcId"] == vpc]
        groups = [
            self.cloud.target_group(
                vpc, "instance", self.one((80, 443)), sorted({self.one(own), self.one(own)}), protocol="HTTP"
            )
            for _ in range(2)
        ]
        rules = [
            ([self.one(("/api/chat", "/api/*", "/"))], self.one((fixed(200), forward(*groups[:1]), forward(*groups))))
        ]
        alb = self.cloud.balancer(
            "app",
            subnets,
            [listener(80, self.one((fixed(404), forward(groups[1]))), *rules, protocol="HTTP")],
            groups=self.some_groups(vpc),
            cross_zone=True,
            public={each: self.public() for each in subnets} if self.chance(15) else None,
        )
        self.made.balancers.append(alb)
        if not self.chance(75):
            return
        attributes = self.one(({}, {"preserve_client_ip__enabled": "true"}, {"preserve_client_ip__enabled": "false"}))
        kind = self.one(("alb", "alb", "instance", "ip"))
        if kind == "alb":
            group = self.cloud.target_group(vpc, "alb", 80, [alb], **attributes)
        elif kind == "instance":
            group = self.cloud.target_group(vpc, "instance", 443, sorted({self.one(own), self.one(own)}), **attributes)
        else:
            everybody = [*self.made.instances]
            nodes = [each["NetworkInterfaceId"] for each in self.nodes() if each["VpcId"] != vpc]
            picked = sorted({self.one([*everybody, *nodes]) for _ in range(2)})
            zone = self.one(("all", self.cloud.region_of[vpc] + "a"))
            group = self.cloud.target_group(
                vpc, "ip", 80, [self.cloud.address_of(each) for each in picked], zone=zone, **attributes
            )
        nlb = self.cloud.balancer(
            "net",
            subnets,
            [listener(80, forward(group))],
            groups=self.some_groups(vpc) if self.chance(40) else [],
            cross_zone=self.chance(60),
            public={each: self.public() for each in subnets} if self.chance(25) else None,
            EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic=self.one(("on", "off")),
        )
        self.made.balancers.append(nlb)
        link = self.cloud.next("link")
        region = self.cloud.region_of[vpc]
        self.cloud.add(region, "vpc_links", link, {"id": link, "status": "AVAILABLE", "targetArns": [nlb]})
        self.made.links[link] = nlb

    def nodes(self) -> list[Any]:
        return [
            each
            for parts in self.cloud.regions.values()
            for each in parts.get("network_interfaces", [])
            if each["Description"].startswith("ELB net")
        ]
