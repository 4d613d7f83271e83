"""EC2's networks: tags read without a search, peering as each region sees it, routes that lead nowhere, subnets that leave nothing behind."""

from __future__ import annotations

import copy
import ipaddress
from typing import Any

from moto.ec2.exceptions import InvalidVPCPeeringConnectionIdError
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.models.route_tables import Route
from moto.ec2.models.subnets import SubnetBackend
from moto.ec2.models.vpc_peering_connections import VPCPeeringConnection, VPCPeeringConnectionBackend
from moto.ec2.models.vpcs import VPCBackend
from moto.ec2.responses.vpc_peering_connections import VPCPeeringConnections
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, generic_filter, get_prefix


def install() -> None:
    TaggedEC2Resource.get_tags = tags_of  # type: ignore[method-assign]
    Route.state = property(route_state)  # type: ignore[assignment]
    wrap_peering()
    wrap_subnets()
    wrap_vpcs()


def tags_of(self: Any) -> list[dict[str, str]]:
    """The tags of one resource: moto's own way compiles a pattern for each resource that has tags."""
    kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(self.id), "") if self.id else ""
    return [
        {"resource_id": self.id, "key": key, "value": value, "resource_type": kind}
        for key, value in self.ec2_backend.tags.get(self.id, {}).items()
    ]


def route_state(self: Any) -> str:
    """`blackhole` where the target is gone. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Route.html"""
    backend = self.route_table.ec2_backend
    alive = [
        self.interface is None or self.interface.id in backend.enis,
        self.vpc_pcx is None or self.vpc_pcx._status.code == "active",
        self.instance is None or self.instance.state == "running",
        self.gateway is None
        or not self.gateway.id.startswith("igw-")
        or getattr(self.gateway, "vpc", None) is not None,
    ]
    return "active" if all(alive) else "blackhole"


def wrap_peering() -> None:
    create = VPCPeeringConnectionBackend.create_vpc_peering_connection
    value = VPCPeeringConnection.get_filter_value

    def overlap(one: Any, other: Any) -> bool:
        blocks = [
            [ipaddress.ip_network(block["cidr_block"], strict=False) for block in vpc.get_cidr_block_association_set()]
            for vpc in (one, other)
        ]
        return any(mine.overlaps(theirs) for mine in blocks[0] for theirs in blocks[1])

    def create_vpc_peering_connection(self: Any, vpc: Any, peer_vpc: Any, *args: Any, **kwargs: Any) -> Any:
        connection = create(self, vpc, peer_vpc, *args, **kwargs)
        if overlap(vpc, peer_vpc):
            # https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html#vpc-peering-lifecycle
            connection._status.code = "failed"
            connection._status.message = "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range"
        return connection

    def describe(self: Any, vpc_peering_ids: list[str] | None = None, filters: Any = None) -> list[Any]:
        unknown = [each for each in vpc_peering_ids or [] if each not in self.vpc_pcxs]
        if unknown:
            raise InvalidVPCPeeringConnectionIdError(unknown[0])
        found = []
        for connection in self.vpc_pcxs.values():
            if not vpc_peering_ids or connection.id in vpc_peering_ids:
                # Tags belong to a region: each side sees its own.
                # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html
                seen = copy.copy(connection)
                seen.ec2_backend = self
                found.append(seen)
        return generic_filter(filters, found)

    def describe_response(self: Any) -> Any:
        from moto.core.responses import ActionResult

        connections = self.ec2_backend.describe_vpc_peering_connections(
            self._get_param("VpcPeeringConnectionIds", []), self._filters_from_querystring()
        )
        return ActionResult({"VpcPeeringConnections": connections})

    def filter_value(self: Any, filter_name: str, method_name: str | None = None) -> Any:
        side, _, member = filter_name.partition("-vpc-info.")
        vpc = {"requester": self.vpc, "accepter": self.peer_vpc}.get(side)
        if vpc is not None:
            return {"vpc-id": vpc.id, "cidr-block": vpc.cidr_block, "owner-id": vpc.owner_id}.get(member)
        named = {
            "status-code": self._status.code,
            "status-message": self._status.message,
            "vpc-peering-connection-id": self.id,
        }
        return named[filter_name] if filter_name in named else value(self, filter_name, method_name)

    VPCPeeringConnectionBackend.create_vpc_peering_connection = create_vpc_peering_connection  # type: ignore[method-assign]
    VPCPeeringConnectionBackend.describe_vpc_peering_connections = describe  # type: ignore[method-assign]
    VPCPeeringConnections.describe_vpc_peering_connections = describe_response  # type: ignore[method-assign]
    VPCPeeringConnection.get_filter_value = filter_value  # type: ignore[method-assign]


def wrap_subnets() -> None:
    create = SubnetBackend.create_subnet
    delete = SubnetBackend.delete_subnet

    def create_subnet(self: Any, vpc_id: str, *args: Any, **kwargs: Any) -> Any:
        subnet = create(self, vpc_id, *args, **kwargs)
        if not self.get_vpc(vpc_id).is_default:
            # Only a default VPC has default subnets, and only those map public addresses by themselves.
            # https://docs.aws.amazon.com/vpc/latest/userguide/default-vpc.html
            subnet.default_for_az = subnet.map_public_ip_on_launch = False
        return subnet

    def delete_subnet(self: Any, subnet_id: str) -> Any:
        subnet = delete(self, subnet_id)
        for table in self.route_tables.values():
            for association in [key for key, target in table._associations.items() if target == subnet_id]:
                del table._associations[association]
        for acl in self.network_acls.values():
            acl._associations.pop(subnet_id, None)
        self.tags.pop(subnet_id, None)
        return subnet

    SubnetBackend.create_subnet = create_subnet  # type: ignore[method-assign]
    SubnetBackend.delete_subnet = delete_subnet  # type: ignore[method-assign]


def wrap_vpcs() -> None:
    delete = VPCBackend.delete_vpc

    def delete_vpc(self: Any, vpc_id: str) -> Any:
        vpc = delete(self, vpc_id)
        # What came with the VPC goes with it. https://docs.aws.amazon.com/vpc/latest/userguide/delete-vpc.html
        for acl in [each for each in self.network_acls.values() if each.vpc_id == vpc_id]:
            del self.network_acls[acl.id]
            self.tags.pop(acl.id, None)
        return vpc

    VPCBackend.delete_vpc = delete_vpc  # type: ignore[method-assign]
