# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Builds a network from what AWS describes. Interfaces are in load_interfaces.py, balancers in load_balancers.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .addresses import ALL, block
from .load_balancers import load_balancers
from .load_interfaces import index_interfaces, load_interfaces
from .model import Acl, Endpoint, Entry, Group, Link, Network, Peering, Route, Rule, Subnet, Table, Vpc

PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp", "all": "-1"}


def load(snapshot: Mapping[str, Any]) -> Network:
    """The network of a snapshot (see the package's docstring). Balancers look interfaces up, so regions are gone
    through part by part.
    """
    network = Network()
    regions = [(region, parts or {}) for region, parts in snapshot["regions"].items()]
    for region, parts in regions:
        network.prefix_lists.update(prefix_lists(parts))
        network.groups.update((each["GroupId"], group(each, region)) for each in listed(parts, "security_groups"))
        network.vpcs.update(vpcs(parts, region))
        network.subnets.update(subnets(parts, region))
        network.endpoints.update(endpoints(parts, region))
        network.links.update(links(parts, region))
        for each in listed(parts, "vpc_peering_connections"):
            found = peering(each)
            # Both ends describe it; while they differ it carries nothing.
            known = network.peerings.get(found.id)
            network.peerings[found.id] = known if known and known.status != "active" else found
    for region, parts in regions:
        network.subnets.update((subnet.id, subnet) for subnet in subnet_routes(parts, region, network))
        load_interfaces(network, region, parts)
    for region, parts in regions:
        load_balancers(network, region, parts)
    index_interfaces(network)
    network.cuts = boundaries(network)
    return network


def listed(parts: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    return parts.get(key) or []


def prefix_lists(parts: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for each in listed(parts, "prefix_lists"):
        if "Cidrs" in each:
            yield each["PrefixListId"], tuple(block(cidr) for cidr in each["Cidrs"] if ":" not in cidr)
    for each in listed(parts, "managed_prefix_lists"):
        if "Entries" in each:
            yield each["PrefixListId"], tuple(block(at["Cidr"]) for at in each["Entries"] if ":" not in at["Cidr"])


def protocol_of(value: Any) -> str:
    return PROTOCOLS.get(str(value).lower(), str(value).lower())


def group(described: Mapping[str, Any], region: str) -> Group:
    return Group(
        id=described["GroupId"],
        region=region,
        ingress=tuple(rule for each in described.get("IpPermissions", []) for rule in rules(each)),
        egress=tuple(rule for each in described.get("IpPermissionsEgress", []) for rule in rules(each)),
    )


def rules(permission: Mapping[str, Any]) -> Iterator[Rule]:
    protocol = protocol_of(permission["IpProtocol"])
    first, last = permission.get("FromPort", -1), permission.get("ToPort", -1)
    if protocol in ("tcp", "udp") and first == -1:
        first, last = 0, 65535
    for each in permission.get("IpRanges", []):
        yield Rule(protocol, first, last, block=block(each["CidrIp"]))
    for each in permission.get("UserIdGroupPairs", []):
        yield Rule(protocol, first, last, group=each.get("GroupId", ""))
    for each in permission.get("PrefixListIds", []):
        yield Rule(protocol, first, last, prefix_list=each["PrefixListId"])


def acl(described: Mapping[str, Any], region: str) -> Acl:
    entries = sorted(
        (each for each in described["Entries"] if each.get("CidrBlock")), key=lambda each: each["RuleNumber"]
    )
    return Acl(
        id=described["NetworkAclId"],
        region=region,
        ingress=tuple(entry(each) for each in entries if not each["Egress"]),
        egress=tuple(entry(each) for each in entries if each["Egress"]),
    )


def entry(described: Mapping[str, Any]) -> Entry:
    protocol = protocol_of(described["Protocol"])
    ports = described.get("PortRange") or {}
    first, last = ports.get("From", 0), ports.get("To", 65535)
    if protocol == "icmp":
        kind = described.get("IcmpTypeCode") or {}
        first, last = kind.get("Type", -1), kind.get("Code", -1)
    return Entry(
        number=described["RuleNumber"],
        protocol=protocol,
        first=first,
        last=last,
        block=block(described["CidrBlock"]),
        allow=described["RuleAction"] == "allow",
    )


def vpcs(parts: Mapping[str, Any], region: str) -> Iterator[tuple[str, Vpc]]:
    gateways = {
        attachment["VpcId"]: gateway["InternetGatewayId"]
        for gateway in listed(parts, "internet_gateways")
        for attachment in gateway.get("Attachments", [])
        if attachment.get("State") in ("available", "attached")
    }
    for each in listed(parts, "vpcs"):
        blocks = [
            association["CidrBlock"]
            for association in each.get("CidrBlockAssociationSet") or []
            if association.get("CidrBlockState", {}).get("State", "associated") == "associated"
        ]
        blocks = blocks or [each["CidrBlock"]]
        yield each["VpcId"], Vpc(each["VpcId"], region, tuple(map(block, blocks)), gateways.get(each["VpcId"], ""))


def subnets(parts: Mapping[str, Any], region: str) -> Iterator[tuple[str, Subnet]]:
    acls = {each["NetworkAclId"]: acl(each, region) for each in listed(parts, "network_acls")}
    of_subnet, of_vpc = {}, {}
    for each in listed(parts, "network_acls"):
        if each.get("IsDefault"):
            of_vpc[each["VpcId"]] = acls[each["NetworkAclId"]]
        for association in each.get("Associations", []):
            of_subnet[association["SubnetId"]] = acls[each["NetworkAclId"]]
    for each in listed(parts, "subnets"):
        identity, vpc = each["SubnetId"], each["VpcId"]
        yield (
            identity,
            Subnet(
                id=identity,
                region=region,
                vpc=vpc,
                zone=each.get("AvailabilityZone", ""),
                block=block(each["CidrBlock"]),
                table=None,
                acl=of_subnet.get(identity) or of_vpc.get(vpc),
            ),
        )


def subnet_routes(parts: Mapping[str, Any], region: str, network: Network) -> Iterator[Subnet]:
    """The region's subnets with their tables: the VPC's main one where none is associated."""
    primary = {
        interface["Attachment"]["InstanceId"]: interface["NetworkInterfaceId"]
        for interface in listed(parts, "network_interfaces")
        if (interface.get("Attachment") or {}).get("InstanceId") and interface["Attachment"].get("DeviceIndex", 0) == 0
    }
    of_subnet, of_vpc = {}, {}
    for each in listed(parts, "route_tables"):
        built = Table(
            each["RouteTableId"],
            region,
            tuple(found for at in each.get("Routes", []) if (found := route(at, network, primary)) is not None),
        )
        for association in each.get("Associations", []):
            if association.get("Main"):
                of_vpc[each["VpcId"]] = built
            elif association.get("SubnetId"):
                of_subnet[association["SubnetId"]] = built
    for subnet in list(network.subnets.values()):
        if subnet.region == region:
            table = of_subnet.get(subnet.id) or of_vpc.get(subnet.vpc)
            yield Subnet(subnet.id, region, subnet.vpc, subnet.zone, subnet.block, table, subnet.acl)


def route(described: Mapping[str, Any], network: Network, primary: Mapping[str, str]) -> Route | None:
    """None for IPv6. A prefix list of unknown entries leads nowhere."""
    if "DestinationPrefixListId" in described:
        destination = described["DestinationPrefixListId"]
        blocks = network.prefix_lists.get(destination, ())
    elif described.get("DestinationCidrBlock"):
        destination = described["DestinationCidrBlock"]
        blocks = (block(destination),)
    else:
        return None
    kind, target = route_target(described, primary)
    return Route(blocks, destination, kind, target, described.get("State", "active") == "active")


def route_target(described: Mapping[str, Any], primary: Mapping[str, str]) -> tuple[str, str]:
    gateway = described.get("GatewayId") or ""
    if gateway == "local":
        return "local", "local"
    if gateway.startswith("igw-"):
        return "internet-gateway", gateway
    if gateway.startswith("vpce-"):
        return "endpoint", gateway
    if described.get("NatGatewayId"):
        return "nat-gateway", described["NatGatewayId"]
    if described.get("VpcPeeringConnectionId"):
        return "peering", described["VpcPeeringConnectionId"]
    instance = described.get("InstanceId") or ""
    interface = described.get("NetworkInterfaceId") or primary.get(instance) or instance
    if interface:
        return "interface", interface
    others = (
        value for key, value in described.items() if key.endswith("Id") and not key.startswith("Destination") and value
    )
    return "other", gateway or next((str(each) for each in others), "nothing")


def peering(described: Mapping[str, Any]) -> Peering:
    ends = (described["RequesterVpcInfo"].get("VpcId", ""), described["AccepterVpcInfo"].get("VpcId", ""))
    return Peering(described["VpcPeeringConnectionId"], described["Status"]["Code"], ends)


def endpoints(parts: Mapping[str, Any], region: str) -> Iterator[tuple[str, Endpoint]]:
    for each in listed(parts, "vpc_endpoints"):
        state = each.get("State", "available").lower()
        yield each["VpcEndpointId"], Endpoint(each["VpcEndpointId"], region, each["VpcId"], each["ServiceName"], state)


def links(parts: Mapping[str, Any], region: str) -> Iterator[tuple[str, Link]]:
    for each in listed(parts, "vpc_links"):
        if "targetArns" in each:
            yield each["id"], Link(each["id"], region, each.get("status", "AVAILABLE"), tuple(each["targetArns"]))


def boundaries(network: Network) -> list[int]:
    """Where, on the line of all addresses, some rule, entry, route or network may begin or cease to hold: the first
    numbers behind each cut.
    """
    blocks = [rule.block for group in network.groups.values() for rule in (*group.ingress, *group.egress) if rule.block]
    blocks += [each for listed in network.prefix_lists.values() for each in listed]
    blocks += [each for vpc in network.vpcs.values() for each in vpc.blocks]
    blocks += [(at, at) for at in network.public]
    for subnet in network.subnets.values():
        blocks.append(subnet.block)
        blocks += [each.block for each in (*subnet.acl.ingress, *subnet.acl.egress)] if subnet.acl else []
        blocks += [each for route in subnet.table.routes for each in route.blocks] if subnet.table else []
    for balancer in network.balancers.values():
        for listener in balancer.listeners:
            for rule in listener.rules:
                for condition in rule.conditions:
                    if condition.field == "source-ip":
                        blocks += [block(value) for value in condition.values if ":" not in value]
    cuts = {first for first, _last in blocks} | {last + 1 for _first, last in blocks}
    return sorted(cut for cut in cuts if ALL[0] < cut <= ALL[1])
