# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""One connection, until somebody takes it: for whoever chooses balancers' targets himself and asks for each step."""

from __future__ import annotations

from collections.abc import Iterator

from .addresses import number, written
from .answer import Answer, Hop, Result, Trace
from .flow import Flow, Party
from .model import Balancer, Interface, Network
from .path import Walk
from .query import EPHEMERAL, Question


class Step(Walk):
    """Ends where a balancer takes the connection."""

    def balance(
        self, flow: Flow, balancer: Balancer, node: Interface, hops: list[Hop], *, link: bool = False
    ) -> Iterator[Result]:
        return iter([Result(tuple(hops), balancer.id)])


def step(
    network: Network,
    source: str,
    address: str,
    port: int,
    *,
    client: tuple[str, str] | None = None,
    protocol: str = "tcp",
    ephemeral: tuple[int, int] = EPHEMERAL,
) -> Answer:
    """Whether an interface reaches an address, wherever its routes lead: a trace for each ephemeral port that makes a difference.

    client: (name, address) of whom a balancer at the source speaks for, with the client's address kept. A trace that gets
    through has, as its last hop of kind interface, the one that has the address; its end is the owner.
    """
    origin = network.interfaces[source]
    own = origin.addresses[0]
    party = Party(origin.owner, own.block[0], origin, own.public)
    if client:
        party = Party(client[0], number(client[1]), origin, own.public, carried=True)
    question = Question(network, protocol, port, None, ephemeral, Step)
    return Answer(
        tuple(
            Trace(
                source=origin.owner,
                destination=address,
                protocol=protocol,
                source_addresses=client[1] if client else written(own.block),
                source_ports=back,
                ports=(port, port),
                hops=result.hops,
                end=result.end,
                block=result.block,
            )
            for back in question.backs
            for result in question.walk.connect(Flow(party, number(address), port, back[0]), [])
        )
    )


def link_step(
    network: Network, link: str, balancer: str, port: int, *, ephemeral: tuple[int, int] = EPHEMERAL
) -> Answer:
    """Whether a VPC link reaches a balancer: a trace for each of its nodes, whose address is the trace's source_addresses.

    Raises KeyError for a link or balancer that is not in the network.
    """
    question = Question(network, "tcp", port, None, ephemeral, Step)
    return Answer(tuple(question.ask(network.links[link], network.balancers[balancer])))
