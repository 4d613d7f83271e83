# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Whatever has an address in a subnet, and whose it is. AWS tells the owner of many interfaces by their description
only.

What has no interface in the snapshot is placed where its own description says it is.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .addresses import block, number
from .model import UNTOLD, Address, Interface, Network

# What the descriptions of interfaces begin with that AWS makes for its services.
DESCRIPTIONS = (
    ("ELB ", "balancer"),
    ("EFS mount target", "mount-target"),
    ("RDSNetworkInterface", "database"),
    ("AWS Lambda VPC ENI", "function"),
    ("VPC Endpoint Interface", "endpoint"),
    ("Interface for NAT Gateway", "nat-gateway"),
)
BALANCER = re.compile(r"^ELB (\S+)$")
STOPPED = ("stopped", "stopping", "deleting", "deleted", "failed", "error")


def load_interfaces(network: Network, region: str, parts: Mapping[str, Any]) -> None:
    instances = {each["InstanceId"]: each for each in parts.get("instances") or []}
    described = {each["NetworkInterfaceId"]: each for each in parts.get("network_interfaces") or []}
    for instance in instances.values():
        for each in instance.get("NetworkInterfaces", []):
            attachment = {**each.get("Attachment", {}), "InstanceId": instance["InstanceId"]}
            described.setdefault(each["NetworkInterfaceId"], {**each, "Attachment": attachment})
    for each in described.values():
        build_interface(network, region, each, instances)
    for each in mount_targets(parts):
        place_mount_target(network, each)
    for each in parts.get("db_instances") or []:
        place_database(network, each)
    for each in parts.get("functions") or []:
        place_function(network, each)
    for each in parts.get("vpc_endpoints") or []:
        place_endpoint(network, each)
    for each in parts.get("nat_gateways") or []:
        place_nat_gateway(network, each)


def build_interface(
    network: Network, region: str, described: Mapping[str, Any], instances: Mapping[str, Mapping[str, Any]]
) -> None:
    identity = described["NetworkInterfaceId"]
    if described["SubnetId"] not in network.subnets or not described.get("PrivateIpAddress"):
        return
    attachment = described.get("Attachment") or {}
    instance = attachment.get("InstanceId", "")
    text = described.get("Description") or ""
    kind = next((kind for start, kind in DESCRIPTIONS if text.startswith(start)), "interface")
    owner, idle = identity, ""
    if instance:
        owner, kind = instance, "instance"
        state = instances.get(instance, {}).get("State", {}).get("Name", "running")
        if state == "terminated":
            return
        idle = "" if state in ("pending", "running") else f"is {state}"
    elif kind == "interface" and described.get("Status") == "available":
        idle = "is attached to nothing"
    elif kind == "balancer" and (found := BALANCER.match(text)):
        call(network, found[1], identity)  # app/NAME/0123, the end of the balancer's ARN
    network.interfaces[identity] = Interface(
        id=identity,
        owner=owner,
        kind=kind,
        region=region,
        vpc=described["VpcId"],
        subnet=described["SubnetId"],
        addresses=tuple(addresses(described)),
        groups=tuple(each["GroupId"] for each in described.get("Groups", [])) or None,
        forwards=not described.get("SourceDestCheck", True),
        idle=idle,
    )
    if instance:
        call(network, instance, identity, first=attachment.get("DeviceIndex", 0) == 0)


def addresses(described: Mapping[str, Any]) -> Iterator[Address]:
    """The primary one first."""
    main = {"PrivateIpAddress": described["PrivateIpAddress"], "Primary": True}
    for each in sorted(described.get("PrivateIpAddresses") or [main], key=lambda each: not each.get("Primary")):
        association = each.get("Association") or (described.get("Association") if each.get("Primary") else None) or {}
        public = association.get("PublicIp")
        yield Address(block(each["PrivateIpAddress"]), number(public) if public else None)


def call(network: Network, name: str, interface: str, first: bool = False) -> None:
    """Lets an interface be asked for by this name. The first one of an instance is what balancers and routes mean by
    it.
    """
    known = [each for each in network.names.get(name, ()) if each != interface]
    network.names[name] = (interface, *known) if first else (*known, interface)


def own(network: Network, interface: Interface, *names: str, **changes: Any) -> None:
    """Puts an interface into the network, with what its owner's description adds."""
    network.interfaces[interface.id] = dataclasses.replace(interface, **changes)
    for name in names:
        call(network, name, interface.id)


def presumed(
    network: Network,
    *,
    owner: str,
    kind: str,
    subnet: str,
    groups: Iterable[str] = (),
    address: str = "",
    public: int | None = None,
) -> Iterator[Interface]:
    """The interface that must be there, somewhere in the subnet where its address is not told; nothing where the subnet
    is not known.
    """
    place = network.subnets.get(subnet)
    if place is not None:
        yield Interface(
            id=f"{owner}@{subnet}",
            owner=owner,
            kind=kind,
            region=place.region,
            vpc=place.vpc,
            subnet=subnet,
            addresses=(Address(block(address) if address else place.block, public),),
            groups=tuple(groups) or None,
        )


def alike(network: Network, kind: str, subnets: Iterable[str], groups: Iterable[str]) -> list[Interface]:
    """Interfaces of this kind that lie in one of the subnets and carry exactly these groups."""
    places, carried = set(subnets), set(groups)
    return [
        each
        for each in network.interfaces.values()
        if each.kind == kind and each.subnet in places and set(each.groups or ()) == carried
    ]


def idle_in(state: str) -> str:
    return f"is {state}" if state in STOPPED else ""


def mount_targets(parts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    nested = [each for system in parts.get("file_systems") or [] for each in system.get("MountTargets", [])]
    return [*(parts.get("mount_targets") or []), *nested]


def place_mount_target(network: Network, described: Mapping[str, Any]) -> None:
    identity = described["MountTargetId"]
    known = network.interfaces.get(described.get("NetworkInterfaceId", ""))
    found = (
        [known]
        if known
        else list(
            presumed(
                network,
                owner=identity,
                kind="mount-target",
                subnet=described["SubnetId"],
                groups=described.get("SecurityGroups", []),
                address=described.get("IpAddress", ""),
            )
        )
    )
    for each in found:
        idle = idle_in(described.get("LifeCycleState", "available"))
        own(network, each, identity, described["FileSystemId"], owner=identity, kind="mount-target", idle=idle)


def place_database(network: Network, described: Mapping[str, Any]) -> None:
    """Databases with the same subnets and groups cannot be told apart by their interfaces: each has those of all."""
    identity = described.get("DBInstanceArn") or described["DBInstanceIdentifier"]
    subnets = [each["SubnetIdentifier"] for each in described.get("DBSubnetGroup", {}).get("Subnets", [])]
    groups = [each["VpcSecurityGroupId"] for each in described.get("VpcSecurityGroups", [])]
    found = alike(network, "database", subnets, groups)
    if not found:
        zone = "" if described.get("MultiAZ") else described.get("AvailabilityZone", "")
        at_home = [each for each in subnets if each in network.subnets and network.subnets[each].zone == zone]
        for subnet in at_home or subnets:
            found += presumed(network, owner=identity, kind="database", subnet=subnet, groups=groups)
    for each in found:
        places = each.addresses
        if described.get("PubliclyAccessible"):
            places = tuple(exposed(at) for at in places)
        own(
            network,
            each,
            identity,
            owner=identity if each.owner == each.id else each.owner,
            addresses=places,
            idle=idle_in(described.get("DBInstanceStatus", "")),
        )


def exposed(address: Address) -> Address:
    """With a public address, though AWS may not tell which."""
    return address if address.public is not None else dataclasses.replace(address, public=UNTOLD)


def place_function(network: Network, described: Mapping[str, Any]) -> None:
    """Functions with the same subnets and groups share their interfaces:
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
    """
    identity = described["FunctionArn"]
    config = described.get("VpcConfig") or {}
    subnets, groups = config.get("SubnetIds", []), config.get("SecurityGroupIds", [])
    found = alike(network, "function", subnets, groups)
    taken = {each.subnet for each in found}
    for subnet in subnets:
        if subnet not in taken:
            found += presumed(network, owner=identity, kind="function", subnet=subnet, groups=groups)
    for each in found:
        own(network, each, identity, owner=identity if each.owner == each.id else each.owner)


def place_endpoint(network: Network, described: Mapping[str, Any]) -> None:
    """An interface endpoint. Those of gateways are routes."""
    identity = described["VpcEndpointId"]
    groups = [each["GroupId"] for each in described.get("Groups", [])]
    known = [network.interfaces.get(each) for each in described.get("NetworkInterfaceIds", [])]
    found = [each for each in known if each]
    taken = {each.subnet for each in found}
    for subnet in described.get("SubnetIds", []):
        if subnet not in taken:
            found += presumed(network, owner=identity, kind="endpoint", subnet=subnet, groups=groups)
    state = described.get("State", "available").lower()
    for each in found:
        own(
            network, each, identity, owner=identity, kind="endpoint", idle="" if state == "available" else f"is {state}"
        )


def place_nat_gateway(network: Network, described: Mapping[str, Any]) -> None:
    """Security groups do not apply to it. One of connectivity type private has no public address."""
    identity, state = described["NatGatewayId"], described.get("State", "available")
    if state == "deleted":
        return
    for each in described.get("NatGatewayAddresses", []):
        known = network.interfaces.get(each.get("NetworkInterfaceId", ""))
        public = number(each["PublicIp"]) if each.get("PublicIp") else None
        found = (
            [known]
            if known
            else list(
                presumed(
                    network,
                    owner=identity,
                    kind="nat-gateway",
                    subnet=described["SubnetId"],
                    address=each.get("PrivateIp", ""),
                    public=public,
                )
            )
        )
        for interface in found:
            own(
                network,
                interface,
                identity,
                owner=identity,
                kind="nat-gateway",
                groups=None,
                forwards=True,
                idle="" if state == "available" else f"is {state}",
            )


def index_interfaces(network: Network) -> None:
    """By address, and by what they are in and carry. An interface whose address is not told is found by name only."""
    for each in network.interfaces.values():
        for address in each.addresses:
            if address.block[0] == address.block[1]:
                network.private[each.vpc, address.block[0]] = each
            if address.public:
                network.public[address.public] = (each, address)
        for name in (each.id, each.vpc, each.subnet, *(each.groups or ())):
            call(network, name, each.id)
