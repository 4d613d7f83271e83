"""What one part of the data plane hands to the next: a request, the answer that streams back, and the hops in between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

Headers = list[tuple[str, str]]


@dataclass(frozen=True)
class Request:
    """An HTTP request as it arrives at a hop."""

    method: str
    target: str  # path and query as sent, percent-encoded
    headers: Headers
    body: bytes = b""


@dataclass(frozen=True)
class Hop:
    """One step of a request's way, for people to read."""

    kind: str  # the resource's type as AWS names it: "vpc-link", "network-load-balancer", "target-group", "instance", "function", "database"
    name: str  # the resource's id or name
    region: str
    milliseconds: float = 0.0  # until its answer's head came back
    outcome: str = "ok"  # or what went wrong, in words


@dataclass
class Answer:
    """An answer whose body arrives piece by piece, as the origin sends it; closing the iterator ends the connections behind it."""

    status: int
    headers: Headers
    body: AsyncIterator[bytes]
    hops: list[Hop] = field(default_factory=list)


class Blocked(Exception):
    """A hop that cannot be made; the text names what blocks it. `hops` are those made before."""

    def __init__(self, reason: str, hops: list[Hop], *, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hops = hops
        self.timed_out = timed_out  # silently dropped, as a security group does, in contrast to refused


class Broken(Exception):
    """Raised by an answer's body that ends before its end; the text says who ended it."""
