# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Questions: who is meant by a name, and every way of asking that can make a difference."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .addresses import ALL, NOT_PUBLIC, Area, block, dotted, inside, overlap, pieces, without, written
from .answer import Answer, Block, Result, Trace
from .balance import answering
from .flow import Flow, Party
from .model import UNTOLD, Balancer, Interface, Link, Network
from .path import Walk
from .rules import ECHO_REQUEST

PROTOCOLS = ("tcp", "udp", "icmp")
# What clients, NATs and balancers connect from, all systems together:
# https://docs.aws.amazon.com/vpc/latest/userguide/custom-network-acl.html#nacl-ephemeral-ports
EPHEMERAL = (1024, 65535)
CIDR = re.compile(r"^\d+\.\d+\.\d+\.\d+(/\d+)?$")


@dataclass(frozen=True)
class Outside:
    """Addresses outside of the VPCs, or a single one inside that has no interface. An interface's public address is
    one, as a destination.
    """

    name: str
    areas: tuple[Area, ...]


Place: TypeAlias = "Interface | Balancer | Link | Outside"


def reach(
    network: Network,
    sources: str | Iterable[str],
    destinations: str | Iterable[str],
    protocol: str = "tcp",
    port: int | None = None,
    request: dict[str, str] | None = None,
    ephemeral: tuple[int, int] = EPHEMERAL,
) -> Answer:
    """Whether the sources reach the destinations, as the package's docstring says.

    Raises ValueError for a protocol or port that cannot be.
    """
    if protocol not in (*PROTOCOLS, "any"):
        raise ValueError(f"protocol must be one of {', '.join(PROTOCOLS)}, any; not {protocol}")
    if port is not None and not 0 <= port <= 65535:
        raise ValueError(f"port must be between 0 and 65535, not {port}")
    unknown: dict[str, None] = {}
    origins = list(named(network, sources, unknown, destination=False))
    goals = list(named(network, destinations, unknown, destination=True))
    traces: dict[Trace, None] = {}
    for each in PROTOCOLS if protocol == "any" else (protocol,):
        question = Question(network, each, port, request, ephemeral)
        for origin in origins:
            for goal in goals:
                if not (isinstance(origin, Interface) and origin is goal):
                    traces.update(dict.fromkeys(question.ask(origin, goal)))
    return Answer(tuple(traces), tuple(unknown))


def named(
    network: Network, names: str | Iterable[str], unknown: dict[str, None], *, destination: bool
) -> Iterator[Place]:
    """Each place once, in the order of the names."""
    seen: set[str] = set()
    for name in [names] if isinstance(names, str) else names:
        found = list(places(network, name, destination=destination))
        if not found:
            unknown[name] = None
        for place in found:
            key = place.name if isinstance(place, Outside) else place.id
            if key not in seen:
                seen.add(key)
                yield place


def places(network: Network, name: str, *, destination: bool) -> Iterator[Place]:
    if name == "internet":
        yield Outside("internet", tuple(internet(network, ALL)))
    elif name == "everything":
        yield from network.interfaces.values()
    elif name.startswith("vpclink:"):
        link = network.links.get(name.partition(":")[2])
        if link and not destination:
            yield link
    elif name in network.balancers:
        balancer = network.balancers[name]
        if destination:
            yield balancer
        else:
            yield from (network.interfaces[each] for each in balancer.nodes)
    elif CIDR.match(name):
        yield from by_address(network, name, destination=destination)
    else:
        yield from (network.interfaces[each] for each in network.names.get(name, ()))


def by_address(network: Network, name: str, *, destination: bool) -> Iterator[Place]:
    """What lies in a block as a whole: an interface of untold address is somewhere in its subnet.

    A public address is a way to an interface, which only a destination needs.
    """
    area = block(name)
    found = 0
    for each in network.interfaces.values():
        publics = [at.public for at in each.addresses if at.public and inside(at.public, area)]
        if any(overlap(area, at.block) == at.block for at in each.addresses) or (publics and not destination):
            found += 1
            yield each
        for public in publics if destination else []:
            found += 1
            yield Outside(dotted(public), ((public, public),))
    outside = tuple(internet(network, area))
    if outside or (area[0] == area[1] and not found):
        yield Outside(name, outside or (area,))


def internet(network: Network, area: Area) -> Iterator[Area]:
    """The part of a block that the internet carries and that belongs to nobody in the snapshot."""
    taken = [
        *NOT_PUBLIC,
        *(each for vpc in network.vpcs.values() for each in vpc.blocks),
        *((at, at) for at in network.public),
    ]
    return without(area, taken)


class Question:
    """All that is asked with one protocol."""

    def __init__(
        self,
        network: Network,
        protocol: str,
        port: int | None,
        request: dict[str, str] | None,
        ephemeral: tuple[int, int],
        kind: type[Walk] = Walk,
    ) -> None:
        self.network = network
        self.protocol = protocol
        self.ports: list[Area] = (
            [(port, port)] if port is not None else list(pieces((0, 65535), port_cuts(network, protocol)))
        )
        cuts = answer_cuts(network, protocol)
        self.backs = list(pieces(ephemeral, cuts))
        if protocol == "icmp":
            self.ports, self.backs, cuts = [(ECHO_REQUEST, ECHO_REQUEST)], [(0, 0)], []
        backs = tuple(first for first, _last in pieces(EPHEMERAL, cuts))
        self.walk = kind(network, protocol, backs, request, name_ports=port is not None)

    def ask(self, origin: Place, goal: Place) -> Iterator[Trace]:
        for port in self.ports:
            for back in self.backs:
                for area, result in self.attempts(origin, goal, port[0], back[0]):
                    yield Trace(
                        source=owner(origin),
                        destination=owner(goal),
                        protocol=self.protocol,
                        source_addresses=written(area),
                        source_ports=back,
                        ports=port,
                        hops=result.hops,
                        end=result.end,
                        block=result.block,
                    )

    def attempts(self, origin: Place, goal: Place, port: int, back: int) -> Iterator[tuple[Area, Result]]:
        """From each piece of where the source may be."""
        if isinstance(origin, Link):
            yield from self.by_link(origin, goal, port, back)
        elif isinstance(origin, Interface):
            for at in origin.addresses:
                for area in self.network.pieces(at.block):
                    party = Party(origin.owner, area[0], origin, at.public)
                    for target, address in self.targets(goal, port):
                        for result in self.walk.connect(Flow(party, address, port, back, target), []):
                            yield area, result
        elif isinstance(origin, Outside):
            yield from self.from_outside(origin, goal, port, back)

    def from_outside(self, origin: Outside, goal: Place, port: int, back: int) -> Iterator[tuple[Area, Result]]:
        name = "the internet" if origin.name == "internet" else origin.name
        for target in self.interfaces(goal, port):
            for at in target.addresses:
                for place in self.network.pieces(at.block):
                    address = type(at)(place, at.public)
                    for whole in origin.areas:
                        for area in self.network.pieces(whole):
                            flow = Flow(Party(name, area[0]), place[0], port, back, target)
                            for result in self.walk.from_internet(flow, target, address, []):
                                yield area, result
                            if at.public is None:
                                break

    def interfaces(self, goal: Place, port: int) -> Sequence[Interface]:
        if isinstance(goal, Balancer):
            return answering(self.network, goal, self.protocol, port)
        if isinstance(goal, Outside):
            return [
                self.network.public[first][0]
                for first, last in goal.areas
                if first == last and first in self.network.public
            ]
        return [goal] if isinstance(goal, Interface) else []

    def targets(self, goal: Place, port: int) -> Iterator[tuple[Interface | None, int]]:
        """What a source in a VPC connects to: the name of a balancer that faces the internet leads to its public
        addresses.
        """
        if isinstance(goal, Outside):
            for whole in goal.areas:
                for area in self.network.pieces(whole):
                    yield None, area[0]
            return
        for target in self.interfaces(goal, port):
            for at in target.addresses:
                if isinstance(goal, Balancer) and goal.public and at.public not in (None, UNTOLD):
                    yield None, at.public or 0
                else:
                    for area in self.network.pieces(at.block):
                        yield target, area[0]

    def by_link(self, link: Link, goal: Place, port: int, back: int) -> Iterator[tuple[Area, Result]]:
        """What comes through a VPC link has the addresses of the NLB's nodes."""
        nowhere = (UNTOLD, UNTOLD)
        if link.status != "AVAILABLE":
            yield (
                nowhere,
                Result((), None, Block("vpc-link", link.id, link.region, f"{link.id} is {link.status}")),
            )
        elif not isinstance(goal, Balancer) or goal.id not in link.balancers:
            reason = f"{link.id} leads to {', '.join(link.balancers)} only"
            yield nowhere, Result((), None, Block("vpc-link", link.id, link.region, reason))
        else:
            for node in answering(self.network, goal, self.protocol, port):
                for at in node.addresses:
                    for area in self.network.pieces(at.block):
                        flow = Flow(Party(goal.id, area[0], node), area[0], port, back)
                        for result in self.walk.from_link(flow, goal, node):
                            yield area, result


def owner(place: Place) -> str:
    if isinstance(place, Interface):
        return place.owner
    if isinstance(place, Link):
        return f"vpclink:{place.id}"
    return place.name if isinstance(place, Outside) else place.id


def port_cuts(network: Network, protocol: str) -> list[int]:
    """Where, among a destination's ports, anything may change."""
    ranges = [
        (rule.first, rule.last)
        for group in network.groups.values()
        for rule in (*group.ingress, *group.egress)
        if rule.protocol == protocol
    ]
    ranges += entry_ports(network, protocol)
    ranges += [(each.port, each.port) for balancer in network.balancers.values() for each in balancer.listeners]
    return sorted({first for first, _last in ranges} | {last + 1 for _first, last in ranges})


def answer_cuts(network: Network, protocol: str) -> list[int]:
    """Security groups let answers to any port; only network ACLs look at them."""
    ranges = entry_ports(network, protocol)
    return sorted({first for first, _last in ranges} | {last + 1 for _first, last in ranges})


def entry_ports(network: Network, protocol: str) -> list[Area]:
    acls = {subnet.acl.id: subnet.acl for subnet in network.subnets.values() if subnet.acl}
    return [
        (each.first, each.last)
        for acl in acls.values()
        for each in (*acl.ingress, *acl.egress)
        if each.protocol == protocol
    ]
