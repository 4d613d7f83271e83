# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""IPv4 addresses as numbers, and blocks of them as (first, last)."""

from __future__ import annotations

import bisect
import ipaddress
from collections.abc import Iterable, Iterator

Area = tuple[int, int]

ALL: Area = (0, 2**32 - 1)


def number(address: str) -> int:
    return int(ipaddress.IPv4Address(address))


def dotted(address: int) -> str:
    return str(ipaddress.IPv4Address(address))


def block(cidr: str) -> Area:
    """Of a CIDR or a single address, also one that is written with host bits set."""
    network = ipaddress.IPv4Network(cidr, strict=False)
    return int(network.network_address), int(network.broadcast_address)


def inside(address: int, area: Area) -> bool:
    return area[0] <= address <= area[1]


def overlap(one: Area, other: Area) -> Area | None:
    first, last = max(one[0], other[0]), min(one[1], other[1])
    return (first, last) if first <= last else None


def written(area: Area) -> str:
    """10.0.0.0/24 where it is such a block, 10.0.0.5-10.0.0.9 otherwise."""
    if area[0] == area[1]:
        return dotted(area[0])
    networks = list(ipaddress.summarize_address_range(ipaddress.IPv4Address(area[0]), ipaddress.IPv4Address(area[1])))
    return str(networks[0]) if len(networks) == 1 else f"{dotted(area[0])}-{dotted(area[1])}"


def without(area: Area, taken: Iterable[Area]) -> Iterator[Area]:
    """What is left of a block when others are taken out of it, in order."""
    start = area[0]
    for first, last in sorted(taken):
        if last < start or first > area[1]:
            continue
        if first > start:
            yield start, first - 1
        start = last + 1
    if start <= area[1]:
        yield start, area[1]


def pieces(area: Area, starts: list[int]) -> Iterator[Area]:
    """A block cut where something may begin to differ. starts: sorted first numbers of what lies behind each cut."""
    first = area[0]
    for cut in starts[bisect.bisect_right(starts, area[0]) : bisect.bisect_right(starts, area[1])]:
        yield first, cut - 1
        first = cut
    yield first, area[1]


# What no router of the internet carries: https://www.iana.org/assignments/iana-ipv4-special-registry
NOT_PUBLIC: tuple[Area, ...] = tuple(
    block(cidr)
    for cidr in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "224.0.0.0/3",
    )
)
