# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What a load balancer does with a connection: its listener, the rules, and every target that it may pick."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .addresses import block, inside, number
from .answer import Block, Blocked, Hop, Result
from .flow import Flow, Party
from .model import Balancer, Condition, Interface, Listener, ListenerRule, Network, Target, TargetGroup

if TYPE_CHECKING:
    from .path import Walk


def wildcard(pattern: str, value: str, *, case: bool) -> bool:
    """* stands for any characters, ? for one:
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
    """
    expression = "".join(".*" if each == "*" else "." if each == "?" else re.escape(each) for each in pattern)
    return re.fullmatch(expression, value, re.DOTALL if case else re.DOTALL | re.IGNORECASE) is not None


def holds(condition: Condition, request: dict[str, str], client: int) -> bool | None:
    """None where the request does not tell."""
    if condition.field == "source-ip":
        return any(inside(client, block(each)) for each in condition.values if ":" not in each)
    key = {"path-pattern": "path", "host-header": "host", "http-request-method": "method"}.get(condition.field)
    value = request.get(key) if key else None
    if value is None:
        return None
    return any(wildcard(each, value, case=condition.field != "host-header") for each in condition.values)


def possible(listener: Listener, request: dict[str, str], client: int) -> Iterator[ListenerRule]:
    """The rules that may be the one that applies: up to the first that certainly does."""
    for rule in listener.rules:
        verdicts = [holds(condition, request, client) for condition in rule.conditions]
        if False in verdicts:
            continue
        yield rule
        if None not in verdicts:
            return


def listener_on(balancer: Balancer, protocol: str, port: int) -> Listener | None:
    return next((each for each in balancer.listeners if each.port == port and protocol in each.protocols), None)


def serve(
    walk: Walk, flow: Flow, balancer: Balancer, node: Interface, hops: list[Hop], *, link: bool = False
) -> Iterator[Result]:
    """A connection that has come in at a node. link: through a VPC link, so that its client is the node itself."""
    try:
        if balancer.id in flow.through:
            raise Blocked("load-balancer", balancer.id, balancer.region, f"{balancer.name} leads back to itself")
        if balancer.state not in ("active", "active_impaired"):
            raise Blocked("load-balancer", balancer.id, balancer.region, f"{balancer.name} is {balancer.state}")
        listener = listener_on(balancer, walk.protocol, flow.port)
        if listener is None:
            reason = f"{balancer.name} has no listener on {walk.said(flow.port)}"
            raise Blocked("load-balancer", balancer.id, balancer.region, reason)
        rules = list(possible(listener, walk.request, flow.party.address))
    except Blocked as blocked:
        yield Result(tuple(hops), None, blocked.block)
        return
    for rule in rules:
        so_far = [*hops, Hop("listener", rule.id, balancer.region, f"{balancer.name} {flow.port}, {rule_text(rule)}")]
        if rule.action.answer:
            yield Result(tuple(so_far), rule.action.answer)
        elif not rule.action.targets:
            reason = f"{rule_text(rule)} of {balancer.name} {flow.port} forwards to no target group"
            yield Result(tuple(hops), None, Block("listener", rule.id, balancer.region, reason))
        for arn in rule.action.targets:
            group = walk.network.target_groups.get(arn)
            if group is None:
                reason = f"{arn} is not in the snapshot"
                yield Result(tuple(so_far), None, Block("target-group", arn, balancer.region, reason))
            else:
                yield from forward(walk, flow, balancer, group, node, so_far, link=link)


def rule_text(rule: ListenerRule) -> str:
    if rule.priority == "default":
        return "default rule"
    conditions = (f"{each.field} {', '.join(each.values)}".strip() for each in rule.conditions)
    return f"rule {rule.priority} ({'; '.join(conditions)})"


def forward(
    walk: Walk,
    flow: Flow,
    balancer: Balancer,
    group: TargetGroup,
    node: Interface,
    hops: list[Hop],
    *,
    link: bool,
) -> Iterator[Result]:
    """To each target that this node may pick."""
    zone = walk.network.subnets[node.subnet].zone
    everywhere = crosses_zones(balancer, group)
    targets = [
        (target, at)
        for target in group.targets
        for at in (places(walk.network, group, target, node.vpc) or [(None, None)])
        if everywhere or zone_of(walk.network, target, at[0]) in ("all", zone)
    ]
    if not targets:
        where = "" if everywhere else f" in {zone}"
        reason = f"{group.name} has no targets{where}"
        yield Result(tuple(hops), None, Block("target-group", group.id, group.region, reason))
    keeps = balancer.network and group.keeps_client and not link
    hops = [
        *hops,
        Hop("target-group", group.id, group.region, f"{group.name}, {'client' if keeps else 'balancer'} addresses"),
    ]
    for target, (interface, address) in targets:
        so_far = [*hops, Hop("target", target.id, group.region, f"port {target.port}")]
        if group.kind == "lambda":
            yield Result(tuple(so_far), target.id)
        elif address is None:
            reason = f"{target.id}, a target of {group.name}, is not in the snapshot"
            yield Result(tuple(hops), None, Block("target", target.id, group.region, reason))
        else:
            party = Party(
                name=flow.party.name if keeps else node.owner,
                address=flow.party.address if keeps else flow.address,
                interface=node,
                public=next((each.public for each in node.addresses if inside(flow.address, each.block)), None),
                carried=keeps,
            )
            for back in (flow.back,) if keeps else walk.backs:
                onward = Flow(party, address, target.port, back, interface, flow.through | {balancer.id})
                yield from walk.connect(onward, so_far)


def crosses_zones(balancer: Balancer, group: TargetGroup) -> bool:
    return balancer.cross_zone if group.cross_zone is None else group.cross_zone


def places(network: Network, group: TargetGroup, target: Target, vpc: str) -> list[tuple[Interface | None, int | None]]:
    """The interfaces and addresses that a target stands for; none where it is not known."""
    if group.kind == "ip":
        address = number(target.id)
        return [(network.private.get((vpc, address)), address)]
    if group.kind == "lambda":
        return [(None, None)]
    ids = network.names.get(target.id, ())
    if group.kind == "instance":
        ids = ids[:1]
    return [(network.interfaces[each], at) for each in ids for at in stand_ins(network, network.interfaces[each])]


def stand_ins(network: Network, interface: Interface) -> Iterator[int]:
    """An address for each part of where an interface may be, in which the same rules hold."""
    for area in interface.addresses[:1]:
        for piece in network.pieces(area.block):
            yield piece[0]


def zone_of(network: Network, target: Target, interface: Interface | None) -> str:
    if target.zone or interface is None:
        return target.zone
    return network.subnets[interface.subnet].zone


def answering(network: Network, balancer: Balancer, protocol: str, port: int) -> tuple[Interface, ...]:
    """The nodes that the balancer's name leads to: an NLB's without targets in their zone are left out, unless all are."""
    nodes = tuple(network.interfaces[each] for each in balancer.nodes)
    listener = listener_on(balancer, protocol, port)
    if listener is None or not balancer.network:
        return nodes
    groups = [
        network.target_groups[each]
        for rule in listener.rules
        for each in rule.action.targets
        if each in network.target_groups
    ]
    fit = tuple(
        node
        for node in nodes
        if any(
            crosses_zones(balancer, group)
            or zone_of(network, target, at[0]) in ("all", network.subnets[node.subnet].zone)
            for group in groups
            for target in group.targets
            for at in (places(network, group, target, node.vpc) or [(None, None)])
        )
    )
    return fit or nodes
