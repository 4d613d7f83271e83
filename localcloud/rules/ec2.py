"""EC2 and VPC: what AWS refuses and moto does not."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from moto.backends import get_backend

from localcloud.interfaces import holders
from localcloud.rules import Call, Refusal, rule

REFERENCE = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference"
ERRORS = f"{REFERENCE}/errors-overview.html"
USER_DATA = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html"

GROUP_TEXT = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{0,255}")
RULE_OPERATIONS = (
    "AuthorizeSecurityGroupIngress",
    "AuthorizeSecurityGroupEgress",
    "UpdateSecurityGroupRuleDescriptionsIngress",
    "UpdateSecurityGroupRuleDescriptionsEgress",
)


def ec2(call: Call) -> Any:
    return get_backend("ec2")[call.account][call.region]


def invalid(value: Any, parameter: str, why: str) -> Refusal:
    return Refusal("InvalidParameterValue", f"Value ({value}) for parameter {parameter} is invalid. {why}")


def dependent(what: str) -> Refusal:
    return Refusal("DependencyViolation", what)


# Security groups


@rule("ec2", "CreateSecurityGroup", source=f"{REFERENCE}/API_CreateSecurityGroup.html")
def security_group_text(call: Call) -> None:
    name, description = call.parameters.get("GroupName", ""), call.parameters.get("Description", "")
    if name == "default":
        raise Refusal("InvalidParameterValue", "Cannot use reserved security group name: default")
    if name.startswith("sg-"):
        raise invalid(name, "GroupName", "Group names may not be in the format sg-*")
    for parameter, text in (("GroupName", name), ("GroupDescription", description)):
        if not GROUP_TEXT.fullmatch(text):
            raise invalid(text, parameter, "Character sets beyond a-zA-Z0-9 ._-:/()#,@[]+=&;{}!$* are not supported.")


def permissions(call: Call) -> list[dict[str, Any]]:
    return call.parameters.get("IpPermissions") or []


@rule("ec2", *RULE_OPERATIONS, source=f"{REFERENCE}/API_IpRange.html")
def security_group_rule_text(call: Call) -> None:
    for permission in permissions(call):
        for kind in ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs"):
            for item in permission.get(kind) or []:
                text = item.get("Description") or ""
                if len(text) > 255:
                    raise invalid(text, "Description", "Descriptions are limited to 255 characters.")
                if not GROUP_TEXT.fullmatch(text):
                    raise Refusal(
                        "InvalidParameterValue",
                        "Invalid rule description. Valid descriptions are strings less than 256 characters from the "
                        "following set: a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
                    )


@rule(
    "ec2",
    "AuthorizeSecurityGroupIngress",
    "AuthorizeSecurityGroupEgress",
    source="https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-security-groups.html",
)
def security_group_reference(call: Call) -> None:
    """A rule names a group of its own VPC, or of one that is peered in the same region; never one of another region."""
    backend = ec2(call)
    group = backend.get_security_group_from_id(call.parameters.get("GroupId", ""))
    if group is None:
        return
    for permission in permissions(call):
        for pair in permission.get("UserIdGroupPairs") or []:
            other = backend.get_security_group_from_id(pair.get("GroupId", ""))
            if other is None or other.vpc_id == group.vpc_id:
                continue
            peered = any(
                connection._status.code == "active"
                and connection.vpc.region == connection.peer_vpc.region
                and {connection.vpc.id, connection.peer_vpc.id} == {group.vpc_id, other.vpc_id}
                for connection in backend.vpc_pcxs.values()
            )
            if not peered:
                raise Refusal(
                    "InvalidGroup.NotFound", "You have specified two resources that belong to different networks."
                )


@rule("ec2", "DeleteSecurityGroup", source=f"{REFERENCE}/API_DeleteSecurityGroup.html")
def security_group_in_use(call: Call) -> None:
    backend = ec2(call)
    group = backend.get_security_group_from_id(call.parameters.get("GroupId", ""))
    if group is None:
        return
    if group.name == "default":
        raise Refusal("CannotDelete", f'the specified group: "{group.id}" name: "default" cannot be deleted by a user')
    used = any(group.id in holder.groups for holder in holders(call.account, call.region))
    named = any(
        permission.source_group.get("GroupId") == group.id
        for others in backend.groups.values()
        for other in others.values()
        if other.id != group.id
        for permission in [*other.ingress_rules, *other.egress_rules]
    )
    if used or named:
        raise dependent(f"resource {group.id} has a dependent object")


# Networks


def network(block: str) -> ipaddress.IPv4Network | None:
    try:
        return ipaddress.IPv4Network(block, strict=False)
    except ValueError:
        return None


@rule("ec2", "CreateSubnet", source="https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html")
def subnet_size_and_zone(call: Call) -> None:
    block = network(call.parameters.get("CidrBlock") or "")
    if block is not None and not 16 <= block.prefixlen <= 28:
        raise Refusal("InvalidSubnet.Range", f"The CIDR '{call.parameters['CidrBlock']}' is invalid.")
    zone = call.parameters.get("AvailabilityZone")
    names = [each.name for each in ec2(call).describe_availability_zones()]
    if zone and zone not in names:
        raise invalid(
            zone,
            "availabilityZone",
            f"Subnets can currently only be created in the following availability zones: {', '.join(names)}.",
        )


@rule("ec2", "DeleteSubnet", source=f"{REFERENCE}/API_DeleteSubnet.html")
def subnet_in_use(call: Call) -> None:
    subnet = call.parameters.get("SubnetId")
    if any(subnet in holder.subnets for holder in holders(call.account, call.region)):
        raise dependent(f"The subnet '{subnet}' has dependencies and cannot be deleted.")


@rule("ec2", "DeleteVpc", source=f"{REFERENCE}/API_DeleteVpc.html")
def vpc_with_contents(call: Call) -> None:
    backend = ec2(call)
    vpc = call.parameters.get("VpcId")
    attached = any(gateway.vpc is not None and gateway.vpc.id == vpc for gateway in backend.internet_gateways.values())
    groups = any(group.name != "default" for group in backend.groups.get(vpc, {}).values())
    acls = any(acl.vpc_id == vpc and not acl.default for acl in backend.network_acls.values())
    if attached or groups or acls:
        raise dependent(f"The vpc '{vpc}' has dependencies and cannot be deleted.")


@rule("ec2", "DetachInternetGateway", source=f"{REFERENCE}/API_DetachInternetGateway.html")
def gateway_with_public_addresses(call: Call) -> None:
    vpc = call.parameters.get("VpcId")
    if any(interface.vpc_id == vpc and interface.public_ip for interface in ec2(call).enis.values()):
        raise dependent(
            f"Network {vpc} has some mapped public address(es). Please unmap those public address(es) before detaching "
            "the gateway."
        )


@rule("ec2", "AttachInternetGateway", source=f"{REFERENCE}/API_AttachInternetGateway.html")
def one_gateway_a_vpc(call: Call) -> None:
    vpc = call.parameters.get("VpcId")
    for gateway in ec2(call).internet_gateways.values():
        if gateway.vpc is not None and gateway.vpc.id == vpc and gateway.id != call.parameters.get("InternetGatewayId"):
            raise invalid(vpc, "vpcId", f"resource {vpc} is already attached to an internet gateway.")


@rule("ec2", "DeleteRouteTable", source=f"{REFERENCE}/API_DeleteRouteTable.html")
def main_route_table(call: Call) -> None:
    table = ec2(call).route_tables.get(call.parameters.get("RouteTableId"))
    if table is not None and table.main_association_id:
        raise dependent(f"The routeTable '{table.id}' has dependencies and cannot be deleted.")


@rule("ec2", "ModifyVpcPeeringConnectionOptions", source=f"{REFERENCE}/API_ModifyVpcPeeringConnectionOptions.html")
def peering_options_of_ones_own_side(call: Call) -> None:
    connection = ec2(call).vpc_pcxs.get(call.parameters.get("VpcPeeringConnectionId"))
    if connection is None:
        return
    if connection._status.code != "active":
        raise Refusal(
            "OperationNotPermitted",
            f"Peering {connection.id} is not active. Peering options can be added only to active peerings.",
        )
    if connection.vpc.region != connection.peer_vpc.region:
        for side, vpc in (("Requester", connection.vpc), ("Accepter", connection.peer_vpc)):
            if call.parameters.get(f"{side}PeeringConnectionOptions") and vpc.region != call.region:
                raise Refusal(
                    "OperationNotPermitted",
                    f"The {side.lower()} VPC is in {vpc.region}; its options can be modified in that region only.",
                )


# Interfaces, addresses


@rule("ec2", "DeleteNetworkInterface", source=f"{REFERENCE}/API_DeleteNetworkInterface.html")
def interface_in_use(call: Call) -> None:
    interface = ec2(call).enis.get(call.parameters.get("NetworkInterfaceId"))
    if interface is not None and interface.attachment_id:
        raise Refusal("InvalidParameterValue", f"Network interface '{interface.id}' is currently in use.")


@rule("ec2", "CreateNetworkInterface", "ModifyNetworkInterfaceAttribute", source=ERRORS)
def interface_groups_exist(call: Call) -> None:
    groups_exist(call, call.parameters.get("Groups") or [])


@rule("ec2", "ReleaseAddress", source=f"{REFERENCE}/API_ReleaseAddress.html")
def address_in_use(call: Call) -> None:
    for address in ec2(call).addresses:
        named = (address.allocation_id, address.public_ip)
        wanted = (call.parameters.get("AllocationId"), call.parameters.get("PublicIp"))
        if address.association_id and (named[0] == wanted[0] or named[1] == wanted[1]):
            raise Refusal("InvalidIPAddress.InUse", f"Address {address.public_ip} is in use.")


# Instances


def groups_exist(call: Call, ids: list[str]) -> None:
    backend = ec2(call)
    for each in ids:
        if backend.get_security_group_from_id(each) is None:
            raise Refusal("InvalidGroup.NotFound", f"The security group '{each}' does not exist")


def placements(call: Call) -> Iterator[tuple[str | None, list[str], str | None]]:
    """(subnet, security groups, private address) of each interface that a launch makes."""
    parameters = call.parameters
    if parameters.get("NetworkInterfaces"):
        for interface in parameters["NetworkInterfaces"]:
            if not interface.get("NetworkInterfaceId"):
                yield interface.get("SubnetId"), interface.get("Groups") or [], interface.get("PrivateIpAddress")
    else:
        yield parameters.get("SubnetId"), parameters.get("SecurityGroupIds") or [], parameters.get("PrivateIpAddress")


@rule("ec2", "RunInstances", source=ERRORS)
def launch_into_one_network(call: Call) -> None:
    backend = ec2(call)
    for subnet_id, groups, address in placements(call):
        groups_exist(call, groups)
        subnet = next((each for each in backend.describe_subnets() if each.id == subnet_id), None)
        if subnet is None:
            continue
        for group in groups:
            if backend.get_security_group_from_id(group).vpc_id != subnet.vpc_id:
                raise Refusal(
                    "InvalidParameter",
                    f"Security group {group} and subnet {subnet_id} belong to different networks.",
                )
        if address and ipaddress.ip_address(address) not in subnet.cidr:
            raise Refusal("InvalidParameterValue", "Address does not fall within the subnet's address range")
        if address and any(
            address in (item.get("PrivateIpAddress") for item in interface.private_ip_addresses)
            for interface in backend.enis.values()
            if interface.subnet.id == subnet_id
        ):
            raise Refusal("InvalidIPAddress.InUse", f"Address {address} is in use.")


@rule("ec2", "RunInstances", source=f"{REFERENCE}/API_IamInstanceProfileSpecification.html")
def instance_profile_exists(call: Call) -> None:
    profile = call.parameters.get("IamInstanceProfile") or {}
    known = get_backend("iam")[call.account]["aws"].instance_profiles.values()
    for key, attribute in (("Name", "name"), ("Arn", "arn")):
        if profile.get(key) and profile[key] not in [getattr(each, attribute) for each in known]:
            raise invalid(
                profile[key], f"iamInstanceProfile.{key.lower()}", f"Invalid IAM Instance Profile {key.lower()}"
            )


@rule("ec2", "RunInstances", source=USER_DATA)
def user_data_size(call: Call) -> None:
    text = call.parameters.get("UserData") or ""
    try:
        size = len(base64.b64decode(text, validate=True))
    except binascii.Error as error:
        raise Refusal("InvalidParameterValue", "Invalid BASE64 encoding of user data.") from error
    if size > 16384:
        raise Refusal("InvalidParameterValue", "User data is limited to 16384 bytes")


# Volumes


@rule("ec2", "CreateVolume", "RunInstances", source=f"{REFERENCE}/API_EbsBlockDevice.html")
def volume_size(call: Call) -> None:
    asked = [call.parameters] if call.operation == "CreateVolume" else []
    asked += [each.get("Ebs") or {} for each in call.parameters.get("BlockDeviceMappings") or []]
    largest = {"gp2": 16384, "gp3": 65536, "io1": 16384, "io2": 65536, "st1": 16384, "sc1": 16384, "standard": 1024}
    smallest = {"io1": 4, "io2": 4, "st1": 125, "sc1": 125}
    for ebs in asked:
        kind, size = ebs.get("VolumeType") or "gp2", ebs.get("VolumeSize", ebs.get("Size"))
        if kind not in largest:
            raise Refusal("InvalidParameterValue", f"Value ({kind}) for parameter volumeType is invalid.")
        if size is not None and not smallest.get(kind, 1) <= int(size) <= largest[kind]:
            raise Refusal(
                "InvalidParameterValue",
                f"Volume of {size}GiB is not between {smallest.get(kind, 1)}GiB and {largest[kind]}GiB for {kind}.",
            )


# Tags


def asked_tags(call: Call) -> Iterator[list[dict[str, str]]]:
    if call.operation == "CreateTags":
        yield call.parameters.get("Tags") or []
    for specification in call.parameters.get("TagSpecifications") or []:
        yield specification.get("Tags") or []


@rule(
    "ec2",
    "CreateTags",
    "RunInstances",
    "CreateVpc",
    "CreateSubnet",
    "CreateSecurityGroup",
    "CreateRouteTable",
    "CreateInternetGateway",
    "CreateVpcPeeringConnection",
    "CreateNetworkInterface",
    "CreateVolume",
    "AllocateAddress",
    source=f"{REFERENCE}/API_Tag.html",
)
def tag_limits(call: Call) -> None:
    for tags in asked_tags(call):
        if len(tags) > 50:
            raise Refusal("TagLimitExceeded", "The maximum number of tags for a resource is 50.")
        for tag in tags:
            key, value = tag.get("Key") or "", tag.get("Value") or ""
            if not 1 <= len(key) <= 127:
                raise invalid(key, "key", "Tag keys must be between 1 and 127 characters.")
            if len(value) > 256:
                raise invalid(value, "value", "Tag values may not be longer than 256 characters.")
            if key.lower().startswith("aws:"):
                raise Refusal(
                    "InvalidParameterValue", f"Tag keys starting with 'aws:' are reserved for internal use: {key}"
                )
