"""Reads what the control plane describes, by its own API in this process, and keeps it until a mutating call may have changed it.

reader = Reader({"ec2"})
hooks.on("aws.changed")(reader.note)
reader.read("us-east-1", "vpcs", Part("ec2", list_of("describe_vpcs", "Vpcs")))
"""

from __future__ import annotations

import functools
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from localcloud import state
from localcloud.in_process import Clients

# What takes a while to become what it was asked to be: its parts are read again for so long after a call, every second.
SETTLE_SECONDS = 30.0
SETTLE_PAUSE = 1.0
AT_ONCE = ("ec2",)  # what these services are asked for is there with the answer
Described = dict[str, Any]


def control() -> Clients:
    """Of the control plane, without a line in its record of calls."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    return Clients(DomainDispatcherApplication(create_backend_app))


def listed(client: Any, operation: str, key: str, **parameters: Any) -> list[Described]:
    if client.can_paginate(operation):
        return client.get_paginator(operation).paginate(**parameters).build_full_result().get(key) or []
    return getattr(client, operation)(**parameters).get(key) or []


def list_of(operation: str, key: str) -> Callable[[Any], list[Described]]:
    return functools.partial(listed, operation=operation, key=key)


@dataclass(frozen=True)
class Part:
    """also: further services whose calls change it. everywhere: calls in other regions do too. seconds: after which it is read again,
    for what changes by itself."""

    service: str
    read: Callable[[Any], list[Described]]
    also: tuple[str, ...] = ()
    everywhere: bool = False
    seconds: float = math.inf


class Reader:
    """Counts the mutating calls of some services, and reads again what they may have changed. Threads share it."""

    def __init__(self, services: Collection[str]) -> None:
        self.services = services
        self.counting = threading.Lock()
        self.changes: Counter[tuple[str, str]] = Counter()  # by service and region
        self.changed: dict[tuple[str, str], float] = {}  # when
        self.control: Clients | None = None
        self.known: dict[tuple[str, str], tuple[int, float, list[Described]]] = {}  # by region and part

    def note(self, *, service: str, region: str, **_more: Any) -> None:
        if service in self.services:
            with self.counting:
                self.changes[service, region] += 1
                self.changed[service, region] = time.monotonic()

    @property
    def total(self) -> int:
        with self.counting:
            return self.changes.total()

    def used(self, service: str) -> list[str]:
        """The regions in which a service was asked to change something."""
        with self.counting:
            return sorted(region for known, region in self.changes if known == service)

    def read(self, region: str, name: str, part: Part, pause: float = SETTLE_PAUSE) -> list[Described]:
        services = (part.service, *part.also)
        with self.counting:
            relevant = [
                (key, count)
                for key, count in self.changes.items()
                if key[0] in services and (part.everywhere or key[1] == region)
            ]
            version = sum(count for _, count in relevant)
            slow = max((self.changed[key] for key, _ in relevant if key[0] not in AT_ONCE), default=-math.inf)
        known = self.known.get((region, name))
        now = time.monotonic()
        good_for = part.seconds if now - slow >= SETTLE_SECONDS else min(part.seconds, pause)
        if known and known[0] == version and now - known[1] <= good_for:
            return known[2]
        self.control = self.control or control()
        with state.LOCK:
            found = part.read(self.control.client(part.service, region))
        self.known[region, name] = (version, now, found)
        return found
