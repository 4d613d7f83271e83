# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Security groups, which know connections, and network ACLs, which know packets."""

from __future__ import annotations

from collections.abc import Iterable

from .addresses import inside, written
from .model import Acl, Entry, Interface, Network, Rule

ECHO_REQUEST, ECHO_REPLY = 8, 0  # what stands for a port in a question about icmp: the type


def rule_covers(rule: Rule, protocol: str, port: int) -> bool:
    if rule.protocol == "-1":
        return True
    if rule.protocol != protocol:
        return False
    if protocol == "icmp":
        return rule.first in (-1, port) and rule.last in (-1, 0)
    return rule.first <= port <= rule.last


def rule_names(network: Network, rule: Rule, address: int, groups: Iterable[str]) -> bool:
    """Whether the rule is for a peer with this address and these groups."""
    if rule.block is not None:
        return inside(address, rule.block)
    if rule.group:
        return rule.group in groups
    return any(inside(address, each) for each in network.prefix_lists.get(rule.prefix_list, ()))


def permitting(
    network: Network,
    interface: Interface,
    *,
    outward: bool,
    protocol: str,
    port: int,
    address: int,
    groups: Iterable[str],
) -> tuple[str, Rule] | None:
    """The first rule that lets a connection with that peer through, with its group's id. Of several groups, one is
    enough.
    """
    for identity in interface.groups or ():
        group = network.groups.get(identity)
        for rule in (group.egress if outward else group.ingress) if group else ():
            if rule_covers(rule, protocol, port) and rule_names(network, rule, address, groups):
                return identity, rule
    return None


def rule_text(rule: Rule, outward: bool) -> str:
    peer = written(rule.block) if rule.block is not None else rule.group or rule.prefix_list
    ports = (
        ""
        if rule.protocol in ("-1", "icmp")
        else f" {rule.first}" + (f"-{rule.last}" if rule.last != rule.first else "")
    )
    protocol = "all traffic" if rule.protocol == "-1" else rule.protocol
    return f"{'egress' if outward else 'ingress'} {protocol}{ports} {'to' if outward else 'from'} {peer}"


def deciding(acl: Acl, *, outward: bool, protocol: str, port: int, address: int) -> Entry | None:
    """The first entry, by number, for a packet to this port and from (to, outward) this address; None where only the
    final denial is left.
    """
    for entry in acl.egress if outward else acl.ingress:
        if inside(address, entry.block) and entry_covers(entry, protocol, port):
            return entry
    return None


def entry_covers(entry: Entry, protocol: str, port: int) -> bool:
    if entry.protocol == "-1":
        return True
    if entry.protocol != protocol:
        return False
    if protocol == "icmp":
        return entry.first in (-1, port) and entry.last in (-1, 0)
    return entry.first <= port <= entry.last
