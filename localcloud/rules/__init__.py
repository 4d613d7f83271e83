"""AWS's rules that span calls or that its service models leave out: small functions, each citing its source, that raise Refusal.

What the models themselves say (patterns, lengths, ranges, enumerations) is not written here: constraints.py reads it from them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Call:
    """One parsed request, as its service model names things."""

    service: str
    operation: str
    parameters: dict[str, Any]
    region: str
    account: str


class Refusal(Exception):
    """What AWS answers instead: its error code, its message, the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


Check = Callable[[Call], None]


@dataclass(frozen=True)
class Rule:
    service: str
    operations: tuple[str, ...]
    source: str
    check: Check = field(repr=False)


RULES: dict[tuple[str, str], list[Rule]] = {}


def rule(service: str, *operations: str, source: str) -> Callable[[Check], Check]:
    """Registers a check for operations of a service; `source` says where AWS documents it."""

    def register(check: Check) -> Check:
        for operation in operations:
            RULES.setdefault((service, operation), []).append(Rule(service, operations, source, check))
        return check

    return register


def enforce(call: Call) -> None:
    for each in RULES.get((call.service, call.operation), []):
        each.check(call)
