# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A network as the engine sees it. Who builds it is load.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .addresses import Area, inside, pieces

# Stands for a public address that descriptions do not tell: only rules for 0.0.0.0/0 let it in.
UNTOLD = 0


@dataclass(frozen=True)
class Address:
    """A private address, or the block in which it must be where descriptions do not tell; with the public one that
    leads to it.
    """

    block: Area
    public: int | None = None


@dataclass(frozen=True)
class Interface:
    """Where something is attached to a subnet. groups: None where security groups do not apply."""

    id: str
    owner: str  # the instance, balancer, mount target, … that it belongs to; its own id where that is not known
    kind: str  # instance, balancer, database, function, mount-target, endpoint, nat-gateway or interface
    region: str
    vpc: str
    subnet: str
    addresses: tuple[Address, ...]
    groups: tuple[str, ...] | None
    forwards: bool = False  # the source/destination check is off
    idle: str = ""  # why nothing answers there, such as "is stopped"


@dataclass(frozen=True)
class Rule:
    """A permission of a security group for one peer: a block, a group or a prefix list."""

    protocol: str  # tcp, udp, icmp, another number, or -1 for all
    first: int  # ports; type and code of icmp, -1 for any
    last: int
    block: Area | None = None
    group: str = ""
    prefix_list: str = ""


@dataclass(frozen=True)
class Group:
    id: str
    region: str
    ingress: tuple[Rule, ...]
    egress: tuple[Rule, ...]


@dataclass(frozen=True)
class Entry:
    number: int
    protocol: str
    first: int
    last: int
    block: Area
    allow: bool


@dataclass(frozen=True)
class Acl:
    id: str
    region: str
    ingress: tuple[Entry, ...]  # in the order of their numbers
    egress: tuple[Entry, ...]


@dataclass(frozen=True)
class Route:
    blocks: tuple[Area, ...]  # several where the destination is a prefix list
    destination: str
    kind: str  # local, internet-gateway, nat-gateway, interface, peering, endpoint or other
    target: str
    active: bool


@dataclass(frozen=True)
class Table:
    id: str
    region: str
    routes: tuple[Route, ...]


@dataclass(frozen=True)
class Subnet:
    id: str
    region: str
    vpc: str
    zone: str
    block: Area
    table: Table | None
    acl: Acl | None


@dataclass(frozen=True)
class Vpc:
    id: str
    region: str
    blocks: tuple[Area, ...]
    internet_gateway: str = ""


@dataclass(frozen=True)
class Peering:
    id: str
    status: str
    ends: tuple[str, str]  # VPC ids

    def other(self, vpc: str) -> str | None:
        if vpc not in self.ends:
            return None
        return self.ends[1] if vpc == self.ends[0] else self.ends[0]


@dataclass(frozen=True)
class Endpoint:
    id: str
    region: str
    vpc: str
    service: str
    state: str


@dataclass(frozen=True)
class Condition:
    field: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Action:
    """targets: ARNs of target groups that get any traffic. answer: what the balancer says itself, such as
    "fixed-response 404".
    """

    targets: tuple[str, ...] = ()
    answer: str = ""


@dataclass(frozen=True)
class ListenerRule:
    id: str
    priority: str
    conditions: tuple[Condition, ...]
    action: Action


@dataclass(frozen=True)
class Listener:
    id: str
    port: int
    protocols: tuple[str, ...]
    rules: tuple[ListenerRule, ...]  # in the order of their priorities, the default one last


@dataclass(frozen=True)
class Balancer:
    id: str
    name: str
    region: str
    vpc: str
    network: bool  # an NLB; an ALB otherwise
    public: bool
    state: str
    cross_zone: bool
    checks_links: bool  # whether its security groups judge what comes through a VPC link
    listeners: tuple[Listener, ...]
    nodes: tuple[str, ...]  # interface ids


@dataclass(frozen=True)
class Target:
    id: str  # an instance, an address, an ALB's or a function's ARN
    port: int
    zone: str  # "" where it is told by where the target is, "all" for every zone


@dataclass(frozen=True)
class TargetGroup:
    id: str
    name: str
    region: str
    kind: str  # instance, ip, alb or lambda
    keeps_client: bool
    cross_zone: bool | None  # None: as the balancer
    targets: tuple[Target, ...]


@dataclass(frozen=True)
class Link:
    id: str
    region: str
    status: str
    balancers: tuple[str, ...]


@dataclass
class Network:
    """All regions together: ids are unique among them."""

    vpcs: dict[str, Vpc] = field(default_factory=dict)
    subnets: dict[str, Subnet] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    interfaces: dict[str, Interface] = field(default_factory=dict)
    peerings: dict[str, Peering] = field(default_factory=dict)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    balancers: dict[str, Balancer] = field(default_factory=dict)
    target_groups: dict[str, TargetGroup] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    prefix_lists: dict[str, tuple[Area, ...]] = field(default_factory=dict)
    names: dict[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # more names of interfaces, by which they can be asked for
    private: dict[tuple[str, int], Interface] = field(default_factory=dict)  # by VPC and address
    public: dict[int, tuple[Interface, Address]] = field(default_factory=dict)

    cuts: list[int] = field(default_factory=list)  # where, on the line of all addresses, anything may change

    def pieces(self, area: Area) -> Iterator[Area]:
        """The parts of a block in which no rule, entry, route or condition tells one address from another.

        Of a subnet's block, without the addresses that AWS keeps:
        https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
        """
        if any(subnet.block == area for subnet in self.subnets.values()):
            area = (area[0] + 4, area[1] - 1)
        return pieces(area, self.cuts)

    def within_vpcs(self, address: int) -> str:
        """A VPC that has this address; "" when none does."""
        return next((vpc.id for vpc in self.vpcs.values() if any(inside(address, each) for each in vpc.blocks)), "")
