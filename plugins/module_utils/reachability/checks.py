# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What each packet of a connection is checked against: security groups, network ACLs, routes. A check notes a hop, or raises Blocked."""

from __future__ import annotations

from .addresses import dotted
from .answer import Blocked, Hop
from .flow import Flow
from .model import Interface, Network, Route, Subnet
from .routes import longest
from .rules import deciding, permitting, rule_text


class Checks:
    """protocol: tcp, udp or icmp. backs: ports that stand for all from which NATs and balancers connect."""

    def __init__(
        self,
        network: Network,
        protocol: str,
        backs: tuple[int, ...],
        request: dict[str, str] | None = None,
        *,
        name_ports: bool = True,
    ) -> None:
        self.network = network
        self.protocol = protocol
        self.backs = backs
        self.request = request or {}
        self.name_ports = name_ports

    def said(self, port: int) -> str:
        return f"{self.protocol} {port}" if self.name_ports and self.protocol != "icmp" else self.protocol

    def pass_groups(
        self,
        interface: Interface,
        *,
        outward: bool,
        port: int,
        peer: str,
        address: int,
        groups: tuple[str, ...],
        hops: list[Hop],
    ) -> None:
        if interface.groups is None:
            return
        found = permitting(
            self.network,
            interface,
            outward=outward,
            protocol=self.protocol,
            port=port,
            address=address,
            groups=groups,
        )
        if found is None:
            way = "egress rule for {} to {}" if outward else "ingress rule for {} from {}"
            lists = {
                rule.prefix_list
                for identity in interface.groups
                if identity in self.network.groups
                for rule in (*self.network.groups[identity].ingress, *self.network.groups[identity].egress)
                if rule.prefix_list and rule.prefix_list not in self.network.prefix_lists
            }
            missing = [identity for identity in interface.groups if identity not in self.network.groups]
            reason = f"{', '.join(interface.groups)} of {interface.owner} has no {way.format(self.said(port), peer)}"
            if missing or lists:
                reason += f" (not in the snapshot: {', '.join(sorted([*missing, *lists]))})"
            raise Blocked("security-group", interface.groups[0], interface.region, reason)
        hops.append(Hop("security-group", found[0], interface.region, rule_text(found[1], outward)))

    def pass_acl(
        self,
        subnet: Subnet,
        *,
        outward: bool,
        port: int,
        peer: str,
        address: int,
        hops: list[Hop],
        answer: bool = False,
    ) -> None:
        way = f"{'out of' if outward else 'into'} {subnet.id}"
        what = "answers " if answer else ""
        if subnet.acl is None:
            hops.append(
                Hop(
                    "network-acl",
                    "",
                    subnet.region,
                    way,
                    f"the network ACL of {subnet.id} is not in the snapshot, and lets all through",
                )
            )
            return
        entry = deciding(subnet.acl, outward=outward, protocol=self.protocol, port=port, address=address)
        if entry is None or not entry.allow:
            by = f"entry {entry.number} denies" if entry else "no entry allows"
            reason = f"{by} {what}{self.said(port)} {'to' if outward else 'from'} {peer} {way}"
            raise Blocked("network-acl", subnet.acl.id, subnet.region, reason)
        hops.append(Hop("network-acl", subnet.acl.id, subnet.region, f"entry {entry.number} lets {what}{way}"))

    def route_from(self, subnet: Subnet, address: int, hops: list[Hop], answer: bool = False) -> Route:
        what = "answers to " if answer else ""
        if subnet.table is None:
            raise Blocked("route-table", subnet.vpc, subnet.region, f"{subnet.id} has no route table in the snapshot")
        route = longest(subnet.table, address)
        if route is None:
            raise Blocked(
                "route-table", subnet.table.id, subnet.region, f"no route of {subnet.id} leads {what}{dotted(address)}"
            )
        if not route.active:
            reason = f"the route {route.destination} of {subnet.id}, to {route.target}, is a blackhole"
            raise Blocked("route-table", subnet.table.id, subnet.region, reason)
        hops.append(Hop("route", subnet.table.id, subnet.region, f"{what}{route.destination} to {route.target}"))
        return route

    def must_return(self, subnet: Subnet, address: int, kind: str, target: str, hops: list[Hop]) -> None:
        """Answers have to leave a subnet by the way on which the connection came."""
        route = self.route_from(subnet, address, hops, answer=True)
        if subnet.table is not None and (route.kind != kind or (target and route.target != target)):
            way = f"by {route.destination} to {route.target}, not by {target or kind}"
            reason = f"answers to {dotted(address)} leave {subnet.id} {way}"
            raise Blocked("route-table", subnet.table.id, subnet.region, reason)

    def answer_port(self, flow: Flow) -> int:
        return 0 if self.protocol == "icmp" else flow.back
