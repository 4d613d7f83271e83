# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Which route a packet takes that leaves a subnet."""

from __future__ import annotations

from .addresses import inside
from .model import Route, Table


def longest(table: Table, address: int) -> Route | None:
    """The most specific route. Where a prefix list is as specific as a CIDR, the CIDR goes first.

    https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html
    """
    found: tuple[int, bool] | None = None
    best: Route | None = None
    for route in table.routes:
        for block in route.blocks:
            if inside(address, block):
                rank = (block[0] - block[1], not route.destination.startswith("pl-"))
                if found is None or rank > found:
                    found, best = rank, route
    return best
