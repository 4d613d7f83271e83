# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Follows one connection: the packets that open it and those that answer. Balancers are in balance.py.

A step either drops the packet (Blocked), or hands it on: to an interface, to a gateway, to a NAT, to a balancer, each
of which may go on in several ways.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from .addresses import NOT_PUBLIC, dotted, inside
from .answer import Blocked, Hop, Result
from .balance import serve
from .checks import Checks
from .flow import Flow, Party
from .model import UNTOLD, Address, Balancer, Interface, Network, Route, Subnet
from .routes import longest

NO_PEERS: tuple[str, ...] = ()


class Walk(Checks):
    """All ways of a connection. request: what HTTP rules look at."""

    def __init__(
        self,
        network: Network,
        protocol: str,
        backs: tuple[int, ...],
        request: dict[str, str] | None = None,
        *,
        name_ports: bool = True,
    ) -> None:
        super().__init__(network, protocol, backs, request, name_ports=name_ports)
        self.handlers: dict[str, Callable[[Flow, Subnet, Route, list[Hop]], Iterator[Result]]] = {
            "local": self.to_vpc,
            "peering": self.to_peer,
            "interface": self.to_nat_instance,
            "nat-gateway": self.to_nat_gateway,
            "internet-gateway": self.to_internet,
            "endpoint": self.to_endpoint,
            "other": self.to_elsewhere,
        }

    # Ways a packet takes

    def connect(self, flow: Flow, hops: list[Hop]) -> Iterator[Result]:
        """All ways on which a connection that an interface opens may go."""
        hops = list(hops)
        try:
            return self.leave(flow, hops)
        except Blocked as blocked:
            return iter([Result(tuple(hops), None, blocked.block)])

    def leave(self, flow: Flow, hops: list[Hop]) -> Iterator[Result]:
        origin = flow.origin
        if origin.idle:
            raise Blocked("interface", origin.owner, origin.region, f"{origin.owner} {origin.idle}")
        subnet = self.network.subnets[origin.subnet]
        if inside(flow.address, subnet.block):  # the link, not a route
            target = self.at(flow, origin.vpc)
            self.pass_own_groups(flow, target, hops)
            return self.deliver(flow, target, "", "", hops)
        route = longest(subnet.table, flow.address) if subnet.table else None
        self.must_not_stray(flow, subnet, route)
        self.pass_own_groups(flow, self.near(flow, route), hops)
        route = self.route_from(subnet, flow.address, hops)
        return self.handlers[route.kind](flow, subnet, route, hops)

    def must_not_stray(self, flow: Flow, subnet: Subnet, route: Route | None) -> None:
        """A private address that routes lead to the internet, by whatever NATs: the fault is the missing route, not
        what comes on that way.
        """
        if route is None or subnet.table is None or not self.is_private(flow.address):
            return
        onward: Route | None = route
        passed: set[str] = set()
        while onward and onward.kind in ("interface", "nat-gateway") and onward.target not in passed:
            passed.add(onward.target)
            ids = (onward.target,) if onward.kind == "interface" else self.network.names.get(onward.target, ())[:1]
            nats = [self.network.interfaces[each] for each in ids if each in self.network.interfaces]
            table = self.network.subnets[nats[0].subnet].table if nats else None
            onward = longest(table, flow.address) if table else None
        if onward and onward.kind == "internet-gateway":
            reason = (
                f"no route of {subnet.id} leads to {self.addressee(flow)}: {route.destination} to {route.target} "
                f"ends in the internet, where {dotted(flow.address)} is not"
            )
            raise Blocked("route-table", subnet.table.id, subnet.region, reason)

    def at(self, flow: Flow, vpc: str) -> Interface | None:
        """Who has the address that the connection goes to, in this VPC."""
        goal = flow.goal
        if goal and goal.vpc == vpc and any(inside(flow.address, each.block) for each in goal.addresses):
            return goal
        return self.network.private.get((vpc, flow.address))

    def near(self, flow: Flow, route: Route | None) -> Interface | None:
        """Who is at the other end, where a security group can know it by its groups: in the VPC, or in a peer in the
        same region.
        """
        if route is None:
            return None
        if route.kind == "local":
            return self.at(flow, flow.origin.vpc)
        if route.kind == "peering":
            peering = self.network.peerings.get(route.target)
            other = self.network.vpcs.get((peering and peering.other(flow.origin.vpc)) or "")
            if other and other.region == flow.origin.region:
                return self.at(flow, other.id)
        return None

    def addressee(self, flow: Flow) -> str:
        if flow.goal:
            return flow.goal.owner
        known = self.network.private.get((flow.origin.vpc, flow.address))
        return known.owner if known else dotted(flow.address) if self.is_private(flow.address) else "the internet"

    def is_private(self, address: int) -> bool:
        return any(inside(address, each) for each in NOT_PUBLIC) or bool(self.network.within_vpcs(address))

    def pass_own_groups(self, flow: Flow, peer: Interface | None, hops: list[Hop]) -> None:
        self.pass_groups(
            flow.origin,
            outward=True,
            port=flow.port,
            peer=self.addressee(flow),
            address=flow.address,
            groups=(peer.groups if peer else None) or (),
            hops=hops,
        )

    def to_vpc(self, flow: Flow, subnet: Subnet, route: Route, hops: list[Hop]) -> Iterator[Result]:
        return self.deliver(flow, self.at(flow, subnet.vpc), "local", "", hops)

    def to_peer(self, flow: Flow, subnet: Subnet, route: Route, hops: list[Hop]) -> Iterator[Result]:
        peering = self.network.peerings.get(route.target)
        if peering is None:
            raise Blocked("peering", route.target, subnet.region, f"{route.target} is not in the snapshot")
        if peering.status != "active":
            raise Blocked("peering", peering.id, subnet.region, f"{peering.id} is {peering.status}")
        other = self.network.vpcs.get(peering.other(subnet.vpc) or "")
        if other is None:
            raise Blocked("peering", peering.id, subnet.region, f"the VPC behind {peering.id} is not in the snapshot")
        if not any(inside(flow.address, each) for each in other.blocks):
            reason = f"{peering.id} leads to {other.id} and not beyond, and {dotted(flow.address)} is not in it"
            raise Blocked("peering", peering.id, subnet.region, reason)
        hops.append(Hop("peering", peering.id, subnet.region, f"from {subnet.vpc} to {other.id}"))
        return self.deliver(flow, self.at(flow, other.id), "peering", peering.id, hops)

    def deliver(self, flow: Flow, target: Interface | None, kind: str, by: str, hops: list[Hop]) -> Iterator[Result]:
        """Into the subnet of the target, and the answers back. kind, by: the route they have to take; none in one
        subnet.
        """
        party, origin = flow.party, flow.origin
        here = self.network.subnets[origin.subnet]
        if target is None:
            raise Blocked(
                "address", dotted(flow.address), here.region, f"nothing in the snapshot has {dotted(flow.address)}"
            )
        if party.carried and party.address == flow.address:
            # https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-troubleshooting.html
            reason = f"{origin.owner} keeps the client's address, so {target.owner} would answer itself"
            raise Blocked("target", target.owner, target.region, reason)
        if party.carried and target.region != origin.region:
            where = f"in its own region only, and {target.owner} is in {target.region}"
            reason = f"{origin.owner} can keep the client's address {where}"
            raise Blocked("target", target.owner, target.region, reason)
        there = self.network.subnets[target.subnet]
        crosses = there.id != here.id
        if crosses:
            self.pass_acl(here, outward=True, port=flow.port, peer=target.owner, address=flow.address, hops=hops)
        self.enter(flow, target, origin.groups if target.region == origin.region else NO_PEERS, hops, crosses=crosses)
        if crosses:
            # An NLB carries the answers to a client whose address it kept, whatever the routes say.
            if not party.carried:
                self.must_return(there, party.address, kind, by, hops)
            self.answer_out(flow, there, hops)
            self.answer_in(flow, here, flow.address, target.owner, hops)
        return self.arrive(flow, target, hops)

    def enter(
        self, flow: Flow, target: Interface, groups: tuple[str, ...] | None, hops: list[Hop], *, crosses: bool
    ) -> None:
        """A packet's last steps: the subnet's ACL, the interface's groups, and whether anybody is there."""
        party = flow.party
        if crosses:
            subnet = self.network.subnets[target.subnet]
            self.pass_acl(subnet, outward=False, port=flow.port, peer=party.name, address=party.address, hops=hops)
        self.pass_groups(
            target,
            outward=False,
            port=flow.port,
            peer=party.name,
            address=party.address,
            groups=groups or (),
            hops=hops,
        )
        if target.idle:
            raise Blocked("interface", target.owner, target.region, f"{target.owner} {target.idle}")

    def answer_out(self, flow: Flow, subnet: Subnet, hops: list[Hop]) -> None:
        self.pass_acl(
            subnet,
            outward=True,
            port=self.answer_port(flow),
            peer=flow.party.name,
            address=flow.party.address,
            hops=hops,
            answer=True,
        )

    def answer_in(self, flow: Flow, subnet: Subnet, address: int, name: str, hops: list[Hop]) -> None:
        self.pass_acl(
            subnet, outward=False, port=self.answer_port(flow), peer=name, address=address, hops=hops, answer=True
        )

    def arrive(self, flow: Flow, target: Interface, hops: list[Hop]) -> Iterator[Result]:
        if target.kind in ("function", "nat-gateway"):
            # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
            raise Blocked(
                "interface", target.owner, target.region, f"a {target.kind.replace('-', ' ')} takes no connections"
            )
        hops.append(Hop("interface", target.id, target.region, f"of {target.owner} in {target.subnet}"))
        if target.owner in self.network.balancers and self.protocol != "icmp":
            return self.balance(flow, self.network.balancers[target.owner], target, hops)
        return iter([Result(tuple(hops), target.owner)])

    def balance(
        self, flow: Flow, balancer: Balancer, node: Interface, hops: list[Hop], *, link: bool = False
    ) -> Iterator[Result]:
        """On from a balancer that has taken the connection. link: it came through a VPC link."""
        return serve(self, flow, balancer, node, hops, link=link)

    # To the outside and from there

    def to_nat_instance(self, flow: Flow, subnet: Subnet, route: Route, hops: list[Hop]) -> Iterator[Result]:
        nat = self.network.interfaces.get(route.target)
        if nat is None:
            raise Blocked("nat-instance", route.target, subnet.region, f"{route.target} is not in the snapshot")
        if not nat.forwards:
            reason = f"the source/destination check of {nat.id} is on: {nat.owner} drops what is not addressed to it"
            raise Blocked("nat-instance", nat.owner, nat.region, reason)
        assumed = f"{nat.owner} forwards and masquerades: whether it is configured to is not AWS's knowledge"
        return self.translate(
            flow, subnet, nat, Hop("nat-instance", nat.owner, nat.region, f"forwards by {nat.id}", assumed), hops
        )

    def to_nat_gateway(self, flow: Flow, subnet: Subnet, route: Route, hops: list[Hop]) -> Iterator[Result]:
        found = self.network.names.get(route.target)
        if not found:
            raise Blocked("nat-gateway", route.target, subnet.region, f"{route.target} is not in the snapshot")
        nat = self.network.interfaces[found[0]]
        return self.translate(
            flow, subnet, nat, Hop("nat-gateway", nat.owner, nat.region, f"translates by {nat.id}"), hops
        )

    def translate(self, flow: Flow, here: Subnet, nat: Interface, hop: Hop, hops: list[Hop]) -> Iterator[Result]:
        """Through a NAT, which opens a connection of its own. The packets that it gets and gives keep the destination's
        address.
        """
        party = flow.party
        if party.carried:
            where = f"on the way to its own VPC only, not through {nat.owner}"
            reason = f"{flow.origin.owner} can keep the client's address {where}"
            raise Blocked(hop.kind, hop.id, hop.region, reason)
        if nat.id in flow.through:
            raise Blocked(hop.kind, hop.id, hop.region, f"the routes lead {self.said(flow.port)} back to {nat.owner}")
        there = self.network.subnets[nat.subnet]
        crosses = there.id != here.id
        if crosses:
            self.pass_acl(
                here, outward=True, port=flow.port, peer=self.addressee(flow), address=flow.address, hops=hops
            )
        self.enter(flow, nat, flow.origin.groups, hops, crosses=crosses)
        if crosses:
            self.must_return(there, party.address, "local", "", hops)
            self.answer_out(flow, there, hops)
            self.answer_in(flow, here, flow.address, self.addressee(flow), hops)
        hops.append(hop)
        own = nat.addresses[0]
        translated = Party(nat.owner, own.block[0], nat, own.public)
        through = flow.through | {nat.id}
        return (
            result
            for back in self.backs
            for result in self.connect(Flow(translated, flow.address, flow.port, back, flow.goal, through), hops)
        )

    def to_internet(self, flow: Flow, subnet: Subnet, route: Route, hops: list[Hop]) -> Iterator[Result]:
        party, origin = flow.party, flow.origin
        gateway = self.network.vpcs[subnet.vpc].internet_gateway
        if gateway != route.target:
            reason = f"{route.target} is not attached to {subnet.vpc}"
            raise Blocked("internet-gateway", route.target, subnet.region, reason)
        if party.carried:
            reason = f"{origin.owner} can keep the client's address only on the way to its own VPC"
            raise Blocked("internet-gateway", gateway, subnet.region, reason)
        if party.public is None:
            raise Blocked("internet-gateway", gateway, subnet.region, f"{origin.owner} has no public address")
        name = self.addressee(flow)
        self.pass_acl(subnet, outward=True, port=flow.port, peer=name, address=flow.address, hops=hops)
        self.answer_in(flow, subnet, flow.address, name, hops)
        hops.append(Hop("internet-gateway", gateway, subnet.region, f"{origin.owner} as {dotted(party.public)}"))
        own = self.network.public.get(flow.address)
        if own is None:
            return iter([Result(tuple(hops), "internet")])
        outside = Party(party.name, party.public)
        return self.from_internet(dataclasses.replace(flow, party=outside), own[0], own[1], hops)

    def from_internet(self, flow: Flow, target: Interface, address: Address, hops: list[Hop]) -> Iterator[Result]:
        """To an interface by its public address. Answers have to leave by the internet gateway."""
        hops = list(hops)
        try:
            return self.come_in(flow, target, address, hops)
        except Blocked as blocked:
            return iter([Result(tuple(hops), None, blocked.block)])

    def come_in(self, flow: Flow, target: Interface, address: Address, hops: list[Hop]) -> Iterator[Result]:
        if address.public is None:
            raise Blocked("interface", target.owner, target.region, f"{target.owner} has no public address")
        gateway = self.network.vpcs[target.vpc].internet_gateway
        if not gateway:
            raise Blocked("vpc", target.vpc, target.region, f"{target.vpc} has no internet gateway")
        subnet = self.network.subnets[target.subnet]
        hops.append(Hop("internet-gateway", gateway, target.region, f"{dotted(address.public)} to {target.id}"))
        self.must_return(subnet, flow.party.address, "internet-gateway", gateway, hops)
        self.enter(flow, target, NO_PEERS, hops, crosses=True)
        self.answer_out(flow, subnet, hops)
        return self.arrive(dataclasses.replace(flow, address=address.block[0]), target, hops)

    def to_endpoint(self, flow: Flow, subnet: Subnet, route: Route, hops: list[Hop]) -> Iterator[Result]:
        """A gateway endpoint, which leads to the service whose prefix list the route names."""
        endpoint = self.network.endpoints.get(route.target)
        if endpoint is None:
            raise Blocked("endpoint", route.target, subnet.region, f"{route.target} is not in the snapshot")
        if endpoint.state != "available":
            raise Blocked("endpoint", endpoint.id, subnet.region, f"{endpoint.id} is {endpoint.state}")
        if flow.party.carried:
            raise Blocked(
                "endpoint", endpoint.id, subnet.region, f"{flow.origin.owner} has no targets behind {endpoint.id}"
            )
        self.pass_acl(subnet, outward=True, port=flow.port, peer=endpoint.service, address=flow.address, hops=hops)
        self.answer_in(flow, subnet, flow.address, endpoint.service, hops)
        hops.append(Hop("endpoint", endpoint.id, subnet.region, f"to {endpoint.service}"))
        return iter([Result(tuple(hops), endpoint.service)])

    def to_elsewhere(self, flow: Flow, subnet: Subnet, route: Route, hops: list[Hop]) -> Iterator[Result]:
        raise Blocked("gateway", route.target, subnet.region, f"where {route.target} leads is not evaluated")

    def from_link(self, flow: Flow, balancer: Balancer, node: Interface) -> Iterator[Result]:
        """Into an NLB through a VPC link. Groups that are to judge it see addresses that AWS does not tell."""
        hops: list[Hop] = []
        try:
            if balancer.checks_links:
                self.pass_groups(
                    node,
                    outward=False,
                    port=flow.port,
                    peer="the VPC link",
                    address=UNTOLD,
                    groups=NO_PEERS,
                    hops=hops,
                )
        except Blocked as blocked:
            return iter([Result((), None, blocked.block)])
        return self.balance(flow, balancer, node, hops, link=True)
