# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the engine answers with."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Hop:
    kind: str
    id: str
    region: str
    detail: str
    assumed: str = ""  # what had to be taken for granted here


@dataclass(frozen=True)
class Block:
    kind: str
    id: str
    region: str
    reason: str


class Blocked(Exception):
    """Raised where a packet is dropped."""

    def __init__(self, kind: str, identity: str, region: str, reason: str) -> None:
        super().__init__(reason)
        self.block = Block(kind, identity, region, reason)


@dataclass(frozen=True)
class Result:
    """How one attempt ended: at `end`, or at a block."""

    hops: tuple[Hop, ...]
    end: str | None
    block: Block | None = None


@dataclass(frozen=True)
class Trace:
    source: str
    destination: str
    protocol: str
    source_addresses: str
    source_ports: tuple[int, int]
    ports: tuple[int, int]
    hops: tuple[Hop, ...]
    end: str | None
    block: Block | None

    @property
    def assumptions(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(hop.assumed for hop in self.hops if hop.assumed))

    def to_dict(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "assumptions": list(self.assumptions)}


@dataclass(frozen=True)
class Answer:
    traces: tuple[Trace, ...]
    unknown: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        if not self.open:
            return "never"
        return "sometimes" if self.closed else "always"

    @property
    def open(self) -> tuple[Trace, ...]:
        return tuple(trace for trace in self.traces if trace.block is None)

    @property
    def closed(self) -> tuple[Trace, ...]:
        return tuple(trace for trace in self.traces if trace.block is not None)

    @property
    def ends(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(trace.end for trace in self.traces if trace.end is not None))

    @property
    def blocks(self) -> tuple[Block, ...]:
        return tuple(dict.fromkeys(trace.block for trace in self.traces if trace.block is not None))

    def to_dict(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict,
            "unknown": list(self.unknown),
            "ends": list(self.ends),
            "blocks": [dataclasses.asdict(block) for block in self.blocks],
            "traces": [trace.to_dict() for trace in self.traces],
        }
