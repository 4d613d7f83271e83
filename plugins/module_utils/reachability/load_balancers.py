# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Balancers, their listeners and rules, and target groups."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from .load_interfaces import exposed, own, presumed
from .model import Action, Balancer, Condition, Interface, Listener, ListenerRule, Network, Target, TargetGroup

PROTOCOLS = {
    "HTTP": ("tcp",),
    "HTTPS": ("tcp",),
    "TCP": ("tcp",),
    "TLS": ("tcp",),
    "UDP": ("udp",),
    "QUIC": ("udp",),
    "TCP_UDP": ("tcp", "udp"),
    "TCP_QUIC": ("tcp", "udp"),
}
CONDITIONS = {
    "path-pattern": "PathPatternConfig",
    "host-header": "HostHeaderConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "source-ip": "SourceIpConfig",
}


def load_balancers(network: Network, region: str, parts: Mapping[str, Any]) -> None:
    for each in parts.get("target_groups") or []:
        network.target_groups[each["TargetGroupArn"]] = target_group(each, region)
    for each in parts.get("load_balancers") or []:
        if each["Type"] in ("application", "network"):
            balancer = build_balancer(each, region)
            nodes = [node.id for node in place_nodes(network, each)]
            network.balancers[balancer.id] = dataclasses.replace(balancer, nodes=tuple(nodes))


def attributes(described: Mapping[str, Any]) -> Mapping[str, str]:
    """As AWS lists them, or as a mapping already."""
    found = described.get("Attributes") or {}
    return found if isinstance(found, Mapping) else {each["Key"]: each.get("Value", "") for each in found}


def build_balancer(described: Mapping[str, Any], region: str) -> Balancer:
    network = described["Type"] == "network"
    return Balancer(
        id=described["LoadBalancerArn"],
        name=described["LoadBalancerName"],
        region=region,
        vpc=described["VpcId"],
        network=network,
        public=described.get("Scheme") == "internet-facing",
        state=(described.get("State") or {}).get("Code", "active"),
        # https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/how-elastic-load-balancing-works.html
        cross_zone=attributes(described).get("load_balancing.cross_zone.enabled", "false" if network else "true")
        == "true",
        checks_links=described.get("EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic", "on") == "on",
        listeners=tuple(listener(each) for each in described.get("Listeners", [])),
        nodes=(),
    )


def place_nodes(network: Network, described: Mapping[str, Any]) -> Iterator[Interface]:
    """An interface in each of the balancer's subnets."""
    identity = described["LoadBalancerArn"]
    groups = tuple(described.get("SecurityGroups") or ())
    known = [network.interfaces[each] for each in network.names.get(identity.split(":loadbalancer/", 1)[-1], ())]
    found = [*known]
    for zone in described.get("AvailabilityZones", []):
        if zone["SubnetId"] not in {each.subnet for each in known}:
            addresses = zone.get("LoadBalancerAddresses") or [{}]
            address = addresses[0].get("PrivateIPv4Address", "")
            found += presumed(network, owner=identity, kind="balancer", subnet=zone["SubnetId"], address=address)
    idle = "has failed" if (described.get("State") or {}).get("Code") == "failed" else ""
    for each in found:
        places = each.addresses
        if described.get("Scheme") == "internet-facing":
            places = tuple(exposed(at) for at in places)
        own(
            network, each, identity, owner=identity, kind="balancer", groups=groups or None, addresses=places, idle=idle
        )
        yield network.interfaces[each.id]


def listener(described: Mapping[str, Any]) -> Listener:
    rules = described.get("Rules") or []
    special = sorted((each for each in rules if each["Priority"] != "default"), key=lambda each: int(each["Priority"]))
    default: Mapping[str, Any] = next((each for each in rules if each["Priority"] == "default"), {})
    actions = default.get("Actions") or described.get("DefaultActions", [])
    return Listener(
        id=described["ListenerArn"],
        port=described.get("Port", 0),
        protocols=PROTOCOLS.get(described.get("Protocol", ""), ()),
        rules=(
            *(
                ListenerRule(
                    each["RuleArn"],
                    each["Priority"],
                    tuple(condition(at) for at in each.get("Conditions", [])),
                    action(each["Actions"]),
                )
                for each in special
            ),
            ListenerRule(default.get("RuleArn", described["ListenerArn"]), "default", (), action(actions)),
        ),
    )


def condition(described: Mapping[str, Any]) -> Condition:
    """Without values where it looks at what a question does not tell: such a condition may hold or not."""
    config = described.get(CONDITIONS.get(described["Field"], ""), {})
    if config.get("RegexValues"):
        return Condition("regular-expression", ())
    return Condition(described["Field"], tuple(config.get("Values") or described.get("Values") or ()))


def action(described: list[dict[str, Any]]) -> Action:
    """The one that ends the rule. Those before it sign users in."""
    for each in described:
        if each["Type"] == "forward":
            weighed = each.get("ForwardConfig", {}).get("TargetGroups", [])
            groups = [at["TargetGroupArn"] for at in weighed if at.get("Weight", 1) != 0]
            if not weighed and each.get("TargetGroupArn"):
                groups = [each["TargetGroupArn"]]
            return Action(targets=tuple(groups))
        if each["Type"] == "fixed-response":
            return Action(answer=f"fixed-response {each['FixedResponseConfig']['StatusCode']}")
        if each["Type"] == "redirect":
            return Action(answer=f"redirect {each['RedirectConfig']['StatusCode'].replace('HTTP_', '')}")
    return Action()


def target_group(described: Mapping[str, Any], region: str) -> TargetGroup:
    told = attributes(described)
    kind, protocol = described.get("TargetType", "instance"), described.get("Protocol", "")
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/network/edit-target-group-attributes.html
    keeps = {"true": True, "false": False}.get(told.get("preserve_client_ip.enabled", ""))
    if keeps is None:
        keeps = protocol in ("TCP", "TLS", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC") and not (
            kind == "ip" and protocol in ("TCP", "TLS")
        )
    cross: bool | None = {"true": True, "false": False}.get(told.get("load_balancing.cross_zone.enabled", ""))
    health = described.get("TargetHealthDescriptions") or described.get("Targets") or []
    return TargetGroup(
        id=described["TargetGroupArn"],
        name=described["TargetGroupName"],
        region=region,
        kind=kind,
        keeps_client=keeps,
        cross_zone=cross,
        targets=tuple(
            Target(
                each["Target"]["Id"],
                each["Target"].get("Port") or described.get("Port", 0),
                each["Target"].get("AvailabilityZone", ""),
            )
            for each in health
            if (each.get("TargetHealth") or {}).get("State") != "draining"
        ),
    )
