"""May this hop be made? The reachability engine's answer for one connection, kept for as long as its picture.

place = take(picture, "eni-…", "10.10.1.10", 80)    # or Barred, whose text names what blocks it
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from localcloud.dataplane.picture import Picture
from plugins.module_utils.reachability import Answer, link_step, step
from plugins.module_utils.reachability.addresses import dotted
from plugins.module_utils.reachability.balance import answering
from plugins.module_utils.reachability.model import Balancer, Interface

# What is answered at once, by a reset. All else is dropped, and whoever waits for it learns of it by his own patience.
# https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html
REFUSING = ("load-balancer", "vpc-link")


@dataclass(frozen=True)
class Client:
    """For whom a balancer speaks that keeps its client's address."""

    name: str
    address: str


class Barred(Exception):
    """A connection that the network does not let through; the text is the engine's."""

    def __init__(self, reason: str, kind: str = "", identity: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind
        self.identity = identity

    @property
    def timed_out(self) -> bool:
        return self.kind not in REFUSING


def address_of(interface: Interface) -> str:
    """The primary private address."""
    return dotted(interface.addresses[0].block[0])


def take(picture: Picture, source: str, address: str, port: int, client: Client | None = None) -> Interface:
    """The interface that gets a connection from the interface `source`; raises Barred."""

    def ask() -> Interface | Barred:
        if source not in picture.network.interfaces:
            return Barred(f"{source} is gone", "interface", source)
        kept = (client.name, client.address) if client else None
        answer = step(picture.network, source, address, port, client=kept)
        if barred := refusal(answer):
            return barred
        last = [hop.id for hop in answer.open[0].hops if hop.kind == "interface"]
        return (
            picture.network.interfaces[last[-1]]
            if last
            else Barred(f"{address} is in the internet, which the local cloud does not reach", "internet")
        )

    return remembered(picture, (source, address, port, client), ask)


def enter(picture: Picture, link: str, balancer: Balancer, port: int, node: Interface) -> Interface:
    """The node itself, if a VPC link reaches it; raises Barred."""

    def ask() -> Interface | Barred:
        if link not in picture.network.links:
            return Barred(f"there is no VPC link {link}", "vpc-link", link)
        answer = link_step(picture.network, link, balancer.id, port)
        own = [trace for trace in answer.traces if trace.source_addresses == address_of(node)]
        return refusal(Answer(tuple(own or answer.traces))) or node

    return remembered(picture, (link, node.id, port), ask)


def nodes(picture: Picture, balancer: Balancer, port: int) -> tuple[Interface, ...]:
    """Where a balancer's name leads to."""

    key = ("nodes", balancer.id, port)
    if key not in picture.memory:
        picture.memory[key] = answering(picture.network, balancer, "tcp", port)
    found: tuple[Interface, ...] = picture.memory[key]
    return found


def refusal(answer: Answer) -> Barred | None:
    """What blocks a connection, if anything does: it must get through from whatever port it is opened."""
    if answer.verdict == "always":
        return None
    if not answer.blocks:
        return Barred("there is nothing to connect from")
    block = answer.blocks[0]
    return Barred(block.reason, block.kind, block.id)


def remembered(picture: Picture, key: object, ask: Callable[[], Interface | Barred]) -> Interface:
    if key not in picture.memory:
        picture.memory[key] = ask()
    found: Interface | Barred = picture.memory[key]
    if isinstance(found, Barred):
        raise Barred(found.reason, found.kind, found.identity)
    return found
