"""Walks single packets through described AWS state, to see what the engine should say. It shares no code with the
engine on purpose.

A connection is real here: its first packet travels from interface to interface, security groups remember connections,
NATs keep a table of translations, balancers open connections of their own, and then the answer has to find its way back
to the very address and port. What AWS leaves to chance (a NAT's or balancer's port, a node, a target) is tried in every
combination.
"""

from __future__ import annotations

import fnmatch
import functools
import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

Described = dict[str, Any]
NUMBERS = {"tcp": "6", "udp": "17", "icmp": "1"}
RESERVED = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
]
RESERVED += ["198.18.0.0/15", "224.0.0.0/3"]
LAYER_4 = {"HTTP": "tcp", "HTTPS": "tcp", "TCP": "tcp", "TLS": "tcp", "UDP": "udp", "TCP_UDP": "tcp udp"}


@functools.cache
def network(cidr: str) -> ipaddress.IPv4Network:
    return ipaddress.IPv4Network(cidr)


@functools.cache
def within(address: str, cidr: str) -> bool:
    return ipaddress.IPv4Address(address) in network(cidr)


class Dropped(Exception):
    pass


@dataclass(frozen=True)
class Packet:
    src: str
    sport: int
    dst: str
    dport: int
    protocol: str
    answer: bool = False

    def back(self) -> Packet:
        return Packet(self.dst, self.dport, self.src, self.sport, self.protocol, answer=True)

    @property
    def connection(self) -> tuple[Any, ...]:
        """The same for both directions."""
        return (self.protocol, *sorted([(self.src, self.sport), (self.dst, self.dport)]))

    @property
    def seen_port(self) -> int:
        """What rules compare: the destination's port, or the type of an ICMP message."""
        if self.protocol == "icmp":
            return 0 if self.answer else 8
        return self.dport


class World:
    def __init__(self, snapshot: Described) -> None:
        self.parts: dict[str, list[Described]] = {}
        for region, parts in snapshot["regions"].items():
            for part, items in parts.items():
                self.parts.setdefault(part, []).extend({**item, "Region": region} for item in items)
        self.interfaces = {each["NetworkInterfaceId"]: each for each in self.parts.get("network_interfaces", [])}
        self.ports = sorted(self.ephemeral_ports())
        self.known: dict[tuple[str, str, str], Described | None] = {}
        self.balancer_of: dict[str, Described | None] = {}

    def ephemeral_ports(self) -> set[int]:
        """Enough of them: both ends, and all that lie at the edges of an ACL's entry."""
        edges = {1024, 65535}
        for acl in self.parts.get("network_acls", []):
            for each in acl["Entries"]:
                if "PortRange" in each:
                    low, high = each["PortRange"]["From"], each["PortRange"]["To"]
                    edges |= {low - 1, low, high, high + 1}
        return {each for each in edges if 1024 <= each <= 65535}

    def one(self, part: str, key: str, value: str) -> Described | None:
        if (part, key, value) not in self.known:
            found = next((each for each in self.parts.get(part, []) if each[key] == value), None)
            self.known[part, key, value] = found
        return self.known[part, key, value]

    def holder(self, vpc: str, address: str) -> Described | None:
        for each in self.interfaces.values():
            if each["VpcId"] == vpc and each["PrivateIpAddress"] == address:
                return each
        return None

    def public_holder(self, address: str) -> Described | None:
        for each in self.interfaces.values():
            if each.get("Association", {}).get("PublicIp") == address:
                return each
        return None

    def subnet(self, interface: Described) -> Described:
        found = self.one("subnets", "SubnetId", interface["SubnetId"])
        assert found
        return found

    def balancer(self, interface: Described) -> Described | None:
        text = interface["Description"]
        if not text.startswith("ELB "):
            return None
        if text not in self.balancer_of:
            ends = (each for each in self.parts["load_balancers"] if each["LoadBalancerArn"].endswith(text[4:]))
            self.balancer_of[text] = next(ends)
        return self.balancer_of[text]

    def owner(self, interface: Described) -> str:
        balancer = self.balancer(interface)
        if balancer:
            return balancer["LoadBalancerArn"]
        return interface.get("Attachment", {}).get("InstanceId") or interface["NetworkInterfaceId"]

    def awake(self, interface: Described) -> bool:
        instance = self.one("instances", "InstanceId", interface.get("Attachment", {}).get("InstanceId", ""))
        return instance is None or instance["State"]["Name"] == "running"

    def outcomes(
        self,
        source: tuple[str, str],
        destination: tuple[str, str],
        *,
        protocol: str,
        port: int,
        sport: int,
        request: dict[str, str] | None = None,
        enforced: Callable[[str, str], bool] = lambda kind, identity: True,
    ) -> set[str | None]:
        """Where the connection may end, over all that is left to chance; None for a drop.

        source: ("interface", id), ("outside", address) or ("link", balancer). destination: ("address", …),
        ("interface", …), ("balancer", …). enforced: whether a security group or an ACL does its work.
        """
        found: set[str | None] = set()
        plan: list[list[int]] = []  # [choice, of how many]
        while True:
            run = Run(self, plan, protocol, request or {}, enforced)
            try:
                found.add(run.ask(source, destination, port, sport))
            except Dropped:
                found.add(None)
            while plan and plan[-1][0] + 1 == plan[-1][1]:
                plan.pop()
            if not plan:
                return found
            plan[-1][0] += 1


class Run:
    """One connection, with one set of choices."""

    def __init__(
        self, world: World, plan: list[list[int]], protocol: str, request: dict[str, str], enforced: Any
    ) -> None:
        self.world, self.plan, self.protocol, self.request, self.enforced = world, plan, protocol, request, enforced
        self.step = 0
        self.tracked: set[tuple[Any, ...]] = set()
        self.translations: dict[tuple[Any, ...], Packet] = {}
        self.carriers: dict[tuple[Any, ...], Described] = {}
        self.balancers: list[str] = []
        self.service: tuple[str, Described] | None = None  # what a gateway endpoint led to, and from whom

    def choose(self, options: list[Any]) -> Any:
        if not options:
            raise Dropped("nothing to choose from")
        if self.step == len(self.plan):
            self.plan.append([0, len(options)])
        self.step += 1
        return options[self.plan[self.step - 1][0]]

    def own_port(self) -> int:
        return 0 if self.protocol == "icmp" else self.choose(self.world.ports)

    # The question

    def ask(self, source: tuple[str, str], destination: tuple[str, str], port: int, sport: int) -> str:
        kind, name = destination
        if source[0] == "link":
            node = self.choose(self.nodes(source[1], port))
            own = self.world.balancer(node) or {}
            if own["EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"] == "on":
                knock = Packet("0.0.0.0", sport, node["PrivateIpAddress"], port, self.protocol)
                self.guard(node, knock, egress=False, other=None)
            return self.balance(node, node["PrivateIpAddress"], port, None)
        if kind == "balancer":
            name = self.choose(self.nodes(name, port))["NetworkInterfaceId"]
        if source[0] == "outside":
            target = self.world.interfaces[name]
            public = target.get("Association", {}).get("PublicIp")
            if not public:
                raise Dropped("no public address")
            return self.converse(None, Packet(source[1], sport, public, port, self.protocol))
        origin = self.world.interfaces[source[1]]
        address = name
        if kind != "address":
            target = self.world.interfaces[name]
            address = target["PrivateIpAddress"]
            balancer = self.world.balancer(target)
            if kind == "balancer" and balancer and balancer["Scheme"] == "internet-facing":
                address = target["Association"]["PublicIp"]
        end = self.converse(origin, Packet(origin["PrivateIpAddress"], sport, address, port, self.protocol))
        if end == "internet" and kind != "address":
            raise Dropped("went to a stranger")
        return end

    def nodes(self, arn: str, port: int) -> list[Described]:
        """What the balancer's name resolves to."""
        nodes = [
            each
            for each in self.world.interfaces.values()
            if (self.world.balancer(each) or {}).get("LoadBalancerArn") == arn
        ]
        balancer = self.world.one("load_balancers", "LoadBalancerArn", arn)
        assert balancer
        if balancer["Type"] == "application":
            return nodes
        useful = []
        for node in nodes:
            for listener in balancer["Listeners"]:
                if listener["Port"] == port and self.protocol in LAYER_4[listener["Protocol"]].split():
                    groups = [at for rule in listener["Rules"] for at in self.groups_of(rule["Actions"])]
                    if any(self.candidates(balancer, group, node) for group in groups):
                        useful.append(node)
        return useful or nodes

    # A connection

    def converse(self, origin: Described | None, packet: Packet, carrier: Described | None = None) -> str:
        """Sends the first packet, lets the other side do what it does, and brings the answer back. The name of the
        other side.
        """
        place, arrived = self.travel(origin, packet, carrier)
        if place is None:
            end = self.service[0] if self.service else "internet"
            answer = arrived.back()
        else:
            balancer = self.world.balancer(place)
            if place["Description"].startswith("AWS Lambda") or place.get("InterfaceType") == "nat_gateway":
                raise Dropped("takes no connections")
            end = self.world.owner(place)
            if balancer and self.protocol != "icmp":
                end = self.balance(place, arrived.src, arrived.dport, arrived.sport)
            answer = arrived.back()
        home, came_back = self.travel(place, answer, None)
        whom = carrier or origin
        if (home or {}).get("NetworkInterfaceId") != (whom or {}).get("NetworkInterfaceId"):
            raise Dropped("the answer went elsewhere")
        if (came_back.src, came_back.sport, came_back.dst, came_back.dport) != (
            packet.dst,
            packet.dport,
            packet.src,
            packet.sport,
        ):
            raise Dropped("nobody asked for this answer")
        return end

    def travel(
        self, origin: Described | None, packet: Packet, carrier: Described | None
    ) -> tuple[Described | None, Packet]:
        """Until the packet is where it is addressed to, or outside. Gives it as it looks there."""
        seen: list[str] = []
        place: Described | None
        if origin is None and self.service:
            place = self.service[1]
            self.acl(self.world.subnet(place), packet, egress=False)
        elif origin is None:
            place, packet = self.come_in(packet)
        else:
            place, packet = self.leg(origin, packet, carrier)
        while place is not None:
            if packet.answer and (place["NetworkInterfaceId"], packet.connection) in self.translations:
                original = self.translations[place["NetworkInterfaceId"], packet.connection]
                packet = replace(packet, dst=original.src, dport=original.sport)
            elif place["PrivateIpAddress"] == packet.dst or self.carries(place, packet):
                return place, packet
            elif packet.answer:
                # A NAT that never saw the connection gives its own address to what it passes on.
                packet = replace(packet, src=place["PrivateIpAddress"])
            else:
                if place["NetworkInterfaceId"] in seen:
                    raise Dropped("goes in circles")
                seen.append(place["NetworkInterfaceId"])
                translated = replace(packet, src=place["PrivateIpAddress"], sport=self.own_port())
                self.translations[place["NetworkInterfaceId"], translated.connection] = packet
                packet = translated
            if len(seen) > 9:
                raise Dropped("too many hops")
            seen += ["an answer"] if packet.answer else []
            place, packet = self.leg(place, packet, None)
        return None, packet

    def carries(self, node: Described, packet: Packet) -> bool:
        """Whether a balancer's node waits for this answer to a client whose address it kept."""
        waiting = [each for (_target, connection), each in self.carriers.items() if connection == packet.connection]
        return packet.answer and node["NetworkInterfaceId"] in [each["NetworkInterfaceId"] for each in waiting]

    def leg(self, origin: Described, packet: Packet, carrier: Described | None) -> tuple[Described | None, Packet]:
        """From one interface to the next one, or out."""
        world = self.world
        if not world.awake(origin):
            raise Dropped("nobody there to send")
        subnet = world.subnet(origin)
        if packet.answer and (origin["NetworkInterfaceId"], packet.connection) in self.carriers:
            node = self.carriers[origin["NetworkInterfaceId"], packet.connection]
            if node["SubnetId"] != origin["SubnetId"]:
                self.acl(subnet, packet, egress=True)
                self.acl(world.subnet(node), packet, egress=False)
            return node, packet
        if within(packet.dst, subnet["CidrBlock"]):
            target = world.holder(origin["VpcId"], packet.dst)
            self.guard(origin, packet, egress=True, other=target)
            return self.arrive(origin, target, packet, carrier), packet
        route = self.route(subnet, packet.dst)
        way = next(
            (
                key
                for key in (
                    "VpcPeeringConnectionId",
                    "NetworkInterfaceId",
                    "NatGatewayId",
                    "TransitGatewayId",
                    "GatewayId",
                )
                if key in route
            ),
            "",
        )
        target = None
        if route.get("GatewayId") == "local":
            target = world.holder(origin["VpcId"], packet.dst)
        elif way == "VpcPeeringConnectionId":
            target = self.across(origin, route[way], packet.dst)
        same_region = target is not None and target["Region"] == origin["Region"]
        self.guard(origin, packet, egress=True, other=target if same_region else None)
        if route["State"] != "active":
            raise Dropped("blackhole")
        if carrier and not same_region:
            raise Dropped("a kept address leads no further")
        if route.get("GatewayId") == "local" or way == "VpcPeeringConnectionId":
            self.acl(subnet, packet, egress=True)
            return self.arrive(origin, target, packet, carrier), packet
        if way in ("NetworkInterfaceId", "NatGatewayId"):
            forwarder = next(
                (
                    each
                    for each in world.interfaces.values()
                    if each["NetworkInterfaceId"] == self.forwarder(route[way])
                ),
                None,
            )
            if forwarder is None or forwarder["SourceDestCheck"]:
                raise Dropped("not addressed to it")
            if forwarder["SubnetId"] != origin["SubnetId"]:
                self.acl(subnet, packet, egress=True)
            return self.arrive(origin, forwarder, packet, None), packet
        if way == "GatewayId" and route[way].startswith("igw-"):
            self.acl(subnet, packet, egress=True)
            return self.go_out(origin, route[way], packet)
        if way == "GatewayId" and route[way].startswith("vpce-"):
            endpoint = world.one("vpc_endpoints", "VpcEndpointId", route[way])
            if endpoint is None or endpoint["State"] != "available":
                raise Dropped("no endpoint")
            self.acl(subnet, packet, egress=True)
            self.service = (endpoint["ServiceName"], origin)
            return None, packet
        raise Dropped("nobody knows where that leads")

    def forwarder(self, identity: str) -> str:
        gateway = self.world.one("nat_gateways", "NatGatewayId", identity)
        if gateway is None:
            return identity
        return gateway["NatGatewayAddresses"][0]["NetworkInterfaceId"] if gateway["State"] == "available" else ""

    def across(self, origin: Described, identity: str, address: str) -> Described | None:
        peering = self.world.one("vpc_peering_connections", "VpcPeeringConnectionId", identity)
        if peering is None or peering["Status"]["Code"] != "active":
            raise Dropped("no peering")
        ends = [peering[key]["VpcId"] for key in ("RequesterVpcInfo", "AccepterVpcInfo")]
        if origin["VpcId"] not in ends:
            raise Dropped("not a peer")
        other = ends[1 - ends.index(origin["VpcId"])]
        vpc = self.world.one("vpcs", "VpcId", other)
        if vpc is None or not within(address, vpc["CidrBlock"]):
            raise Dropped("not transitive")
        return self.world.holder(other, address)

    def arrive(
        self, origin: Described, target: Described | None, packet: Packet, carrier: Described | None
    ) -> Described:
        if target is None:
            raise Dropped("nobody has the address")
        if carrier is not None and packet.src == packet.dst:
            raise Dropped("would answer itself")
        if carrier is not None:
            self.carriers[target["NetworkInterfaceId"], packet.connection] = carrier
        if target["SubnetId"] != origin["SubnetId"]:
            self.acl(self.world.subnet(target), packet, egress=False)
        self.guard(target, packet, egress=False, other=origin if target["Region"] == origin["Region"] else None)
        if not self.world.awake(target):
            raise Dropped("nobody there to receive")
        return target

    def go_out(self, origin: Described, gateway: str, packet: Packet) -> tuple[Described | None, Packet]:
        found = self.world.one("internet_gateways", "InternetGatewayId", gateway)
        if found is None or origin["VpcId"] not in [each["VpcId"] for each in found["Attachments"]]:
            raise Dropped("no internet gateway")
        public = origin.get("Association", {}).get("PublicIp")
        if not public:
            raise Dropped("no public address")
        private = [each["CidrBlock"] for each in self.world.parts["vpcs"]]
        if any(within(packet.dst, cidr) for cidr in RESERVED + private):
            raise Dropped("not of the internet")
        packet = replace(packet, src=public)
        if self.world.public_holder(packet.dst):
            return self.come_in(packet)
        return None, packet

    def come_in(self, packet: Packet) -> tuple[Described, Packet]:
        target = self.world.public_holder(packet.dst)
        if target is None:
            raise Dropped("nobody has the public address")
        gateways = self.world.parts.get("internet_gateways", [])
        if target["VpcId"] not in [at["VpcId"] for each in gateways for at in each["Attachments"]]:
            raise Dropped("no internet gateway")
        packet = replace(packet, dst=target["PrivateIpAddress"])
        self.acl(self.world.subnet(target), packet, egress=False)
        self.guard(target, packet, egress=False, other=None)
        if not self.world.awake(target):
            raise Dropped("nobody there to receive")
        return target, packet

    # What is asked of every packet

    def guard(self, interface: Described, packet: Packet, *, egress: bool, other: Described | None) -> None:
        """Security groups of an interface; a known connection's packets pass."""
        key = (interface["NetworkInterfaceId"], packet.connection)
        if key in self.tracked:
            return
        groups = [each["GroupId"] for each in interface["Groups"]]
        if groups and self.enforced("security-group", groups[0]):
            their = [each["GroupId"] for each in (other or {}).get("Groups", [])]
            address = packet.dst if egress else packet.src
            permissions = [
                permission
                for group in self.world.parts["security_groups"]
                if group["GroupId"] in groups
                for permission in group["IpPermissionsEgress" if egress else "IpPermissions"]
            ]
            if not any(self.permits(each, packet, address, their) for each in permissions):
                raise Dropped("security group")
        self.tracked.add(key)

    def permits(self, permission: Described, packet: Packet, address: str, groups: list[str]) -> bool:
        protocol = permission["IpProtocol"]
        if protocol != "-1":
            if protocol != packet.protocol:
                return False
            if protocol == "icmp":
                if permission["FromPort"] not in (-1, packet.seen_port):
                    return False
            elif packet.seen_port not in range(permission["FromPort"], permission["ToPort"] + 1):
                return False
        lists = [each["PrefixListId"] for each in permission["PrefixListIds"]]
        cidrs = [each["CidrIp"] for each in permission["IpRanges"]]
        cidrs += [
            cidr
            for each in self.world.parts.get("prefix_lists", [])
            if each["PrefixListId"] in lists
            for cidr in each["Cidrs"]
        ]
        return any(within(address, cidr) for cidr in cidrs) or any(
            each["GroupId"] in groups for each in permission["UserIdGroupPairs"]
        )

    def acl(self, subnet: Described, packet: Packet, *, egress: bool) -> None:
        acls = self.world.parts["network_acls"]
        chosen = None
        for acl in acls:
            if subnet["SubnetId"] in [each["SubnetId"] for each in acl["Associations"]]:
                chosen = acl
        chosen = chosen or next(each for each in acls if each["IsDefault"] and each["VpcId"] == subnet["VpcId"])
        if not self.enforced("network-acl", chosen["NetworkAclId"]):
            return
        for entry in sorted(chosen["Entries"], key=lambda each: each["RuleNumber"]):
            if entry["Egress"] != egress or entry["Protocol"] not in ("-1", NUMBERS[packet.protocol]):
                continue
            if not within(packet.dst if egress else packet.src, entry["CidrBlock"]):
                continue
            if "PortRange" in entry and not entry["PortRange"]["From"] <= packet.seen_port <= entry["PortRange"]["To"]:
                continue
            if entry["RuleAction"] == "allow":
                return
            break
        raise Dropped("network ACL")

    def route(self, subnet: Described, address: str) -> Described:
        tables = [each for each in self.world.parts["route_tables"] if each["VpcId"] == subnet["VpcId"]]
        own = [each for each in tables if subnet["SubnetId"] in [at.get("SubnetId") for at in each["Associations"]]]
        main = [each for each in tables if any(at["Main"] for at in each["Associations"])]
        matches: list[tuple[int, bool, int, Described]] = []
        for route in (own or main)[0]["Routes"]:
            cidrs = [route["DestinationCidrBlock"]] if "DestinationCidrBlock" in route else []
            for each in self.world.parts.get("prefix_lists", []):
                if each["PrefixListId"] == route.get("DestinationPrefixListId"):
                    cidrs += each["Cidrs"]
            matches += [
                (network(cidr).prefixlen, "DestinationCidrBlock" in route, -len(matches), route)
                for cidr in cidrs
                if within(address, cidr)
            ]
        if not matches:
            raise Dropped("no route")
        return max(matches, key=lambda each: each[:3])[3]

    # Balancers

    def balance(self, node: Described, client: str, port: int, sport: int | None) -> str:
        """What a node does with a connection from this client. sport: None through a VPC link."""
        balancer = self.world.balancer(node)
        assert balancer
        if balancer["LoadBalancerArn"] in self.balancers or balancer["State"]["Code"] != "active":
            raise Dropped("no balancer")
        self.balancers.append(balancer["LoadBalancerArn"])
        fit = [
            each
            for each in balancer["Listeners"]
            if each["Port"] == port and self.protocol in LAYER_4[each["Protocol"]].split()
        ]
        if not fit:
            raise Dropped("no listener")
        rule = self.choose(list(self.rules(fit[0]["Rules"])))
        action = rule["Actions"][0]
        if action["Type"] == "fixed-response":
            return "fixed-response " + action["FixedResponseConfig"]["StatusCode"]
        group = self.choose(self.groups_of([action]))
        target, address = self.choose(self.candidates(balancer, group, node))
        attributes = {each["Key"]: each["Value"] for each in group["Attributes"]}
        default = group["TargetType"] != "ip" or "UDP" in group["Protocol"]
        keeps = balancer["Type"] == "network" and sport is not None
        keeps = keeps and attributes.get("preserve_client_ip.enabled", str(default).lower()) == "true"
        if keeps:
            assert sport is not None
            return self.converse(node, Packet(client, sport, address, target["Port"], self.protocol), carrier=node)
        return self.converse(
            node, Packet(node["PrivateIpAddress"], self.own_port(), address, target["Port"], self.protocol)
        )

    def rules(self, rules: list[Described]) -> Iterator[Described]:
        """Those that may apply: where the request has no path, every one."""
        for rule in rules:
            patterns = [at for each in rule["Conditions"] for at in each["PathPatternConfig"]["Values"]]
            if not patterns:
                yield rule
                return
            if "path" not in self.request:
                yield rule
            elif any(fnmatch.fnmatchcase(self.request["path"], each) for each in patterns):
                yield rule
                return

    def groups_of(self, actions: list[Described]) -> list[Described]:
        arns = [
            at["TargetGroupArn"]
            for each in actions
            if each["Type"] == "forward"
            for at in each["ForwardConfig"]["TargetGroups"]
        ]
        return [each for each in self.world.parts["target_groups"] if each["TargetGroupArn"] in arns]

    def candidates(self, balancer: Described, group: Described, node: Described) -> list[tuple[Described, str]]:
        """Targets that the node may pick, with an address each."""
        cross = {each["Key"]: each["Value"] for each in group["Attributes"]}.get(
            "load_balancing.cross_zone.enabled", ""
        )
        if cross not in ("true", "false"):
            cross = {each["Key"]: each["Value"] for each in balancer["Attributes"]}.get(
                "load_balancing.cross_zone.enabled", "true" if balancer["Type"] == "application" else "false"
            )
        found = []
        for health in group["TargetHealthDescriptions"]:
            target = health["Target"]
            places: list[tuple[str, Described | None]]
            if group["TargetType"] == "ip":
                holder = self.world.holder(node["VpcId"], target["Id"])
                places = [(target["Id"], holder)]
            elif group["TargetType"] == "alb":
                places = [
                    (each["PrivateIpAddress"], each)
                    for each in self.world.interfaces.values()
                    if (self.world.balancer(each) or {}).get("LoadBalancerArn") == target["Id"]
                ]
            else:
                places = [
                    (each["PrivateIpAddress"], each)
                    for each in self.world.interfaces.values()
                    if each.get("Attachment", {}).get("InstanceId") == target["Id"]
                ]
            for address, holder in places:
                zone = target.get("AvailabilityZone") or (
                    self.world.subnet(holder)["AvailabilityZone"] if holder else ""
                )
                if cross == "true" or zone in ("all", self.world.subnet(node)["AvailabilityZone"]):
                    found.append((target, address))
        return found
