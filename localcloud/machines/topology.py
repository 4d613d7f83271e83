"""The networks between machines, as the control plane describes them: VPCs, subnets and their routes, peerings, public addresses.

The form is that of the module `machines.network`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

Described = Mapping[str, Any]
Regions = Mapping[str, Mapping[str, Sequence[Described]]]


def every(regions: Regions, part: str) -> Iterator[Described]:
    for parts in regions.values():
        yield from parts.get(part, [])


def stores(regions: Regions) -> dict[str, dict[str, Any]]:
    """File systems that can be mounted: VPC, and the subnets of the mount targets' addresses."""
    vpcs = {each["SubnetId"]: each["VpcId"] for each in every(regions, "subnets")}
    found: dict[str, dict[str, Any]] = {}
    for target in every(regions, "mount_targets"):
        if target["LifeCycleState"] == "available" and target["SubnetId"] in vpcs:
            store = found.setdefault(target["FileSystemId"], {"vpc": vpcs[target["SubnetId"]], "targets": {}})
            store["targets"][target["IpAddress"]] = target["SubnetId"]
    return found


def network(
    regions: Regions, vpcs: Collection[str], internet: Iterable[str], stores: Mapping[str, Any]
) -> dict[str, Any]:
    """Of these VPCs. internet: addresses of what is there; stores: as machines/network.py describes them."""
    addresses = {each["NetworkInterfaceId"]: each["PrivateIpAddress"] for each in every(regions, "network_interfaces")}
    addresses |= {
        each["InstanceId"]: each["PrivateIpAddress"]
        for each in every(regions, "instances")
        if each.get("PrivateIpAddress")
    }
    tables = [each for each in every(regions, "route_tables") if each["VpcId"] in vpcs]
    found: dict[str, Any] = {}
    for vpc in every(regions, "vpcs"):
        if vpc["VpcId"] in vpcs:
            cidrs = [each["CidrBlock"] for each in vpc.get("CidrBlockAssociationSet") or []] or [vpc["CidrBlock"]]
            found[vpc["VpcId"]] = {"cidrs": cidrs, "subnets": {}, "public": {}}
    for subnet in every(regions, "subnets"):
        if subnet["VpcId"] in found:
            table = table_of(subnet, tables)
            found[subnet["VpcId"]]["subnets"][subnet["SubnetId"]] = {
                "cidr": subnet["CidrBlock"],
                "routes": list(routes(table, addresses)) if table else [],
            }
    for instance in every(regions, "instances"):
        if instance.get("VpcId") in found and instance.get("PublicIpAddress"):
            found[instance["VpcId"]]["public"][instance["PublicIpAddress"]] = instance["PrivateIpAddress"]
    peerings = {
        each["VpcPeeringConnectionId"]: [each["RequesterVpcInfo"]["VpcId"], each["AccepterVpcInfo"]["VpcId"]]
        for each in every(regions, "vpc_peering_connections")
        if each["Status"]["Code"] == "active"
    }
    inside = {key: ends for key, ends in peerings.items() if set(ends) <= set(found)}
    return {"vpcs": found, "peerings": inside, "stores": stores, "internet": sorted(internet)}


def table_of(subnet: Described, tables: Sequence[Described]) -> Described | None:
    """The table that is associated with a subnet, or its VPC's main one."""
    main = None
    for table in tables:
        for association in table.get("Associations") or []:
            if association.get("SubnetId") == subnet["SubnetId"]:
                return table
            if association.get("Main") and table["VpcId"] == subnet["VpcId"]:
                main = table
    return main


def routes(table: Described, addresses: Mapping[str, str]) -> Iterator[list[str]]:
    for route in table["Routes"]:
        destination = route.get("DestinationCidrBlock")
        if not destination or route.get("GatewayId") == "local":
            continue
        gateway = str(route.get("GatewayId") or "")
        host = route.get("NetworkInterfaceId") or route.get("InstanceId")
        if route.get("State") != "active":
            yield [destination, "nowhere", ""]
        elif host in addresses:
            yield [destination, "host", addresses[host]]
        elif route.get("VpcPeeringConnectionId"):
            yield [destination, "peering", route["VpcPeeringConnectionId"]]
        elif gateway.startswith("igw-"):
            yield [destination, "internet", ""]
        else:
            yield [destination, "nowhere", gateway]
