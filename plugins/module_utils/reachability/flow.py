# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Connections."""

from __future__ import annotations

from dataclasses import dataclass, field

from .model import Interface


@dataclass(frozen=True)
class Party:
    """Who opens a connection, as the other side sees it.

    carried: a balancer speaks with its client's address and carries the answers back itself.
    """

    name: str
    address: int
    interface: Interface | None = None  # None: outside of all VPCs
    public: int | None = None
    carried: bool = False


@dataclass(frozen=True)
class Flow:
    """A connection to an address and port, opened from the port `back`. goal: who is meant, where its address does not
    tell.
    """

    party: Party
    address: int
    port: int
    back: int
    goal: Interface | None = None
    through: frozenset[str] = field(default_factory=frozenset)  # NATs and balancers that it has passed

    @property
    def origin(self) -> Interface:
        if self.party.interface is None:
            raise ValueError(f"{self.party.name} is in no VPC")
        return self.party.interface
