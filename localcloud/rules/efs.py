"""What EFS refuses. Of the order of deletions, tokens and one mount target in each zone, moto knows itself."""

from __future__ import annotations

import ipaddress
from typing import Any

from moto.backends import get_backend

from localcloud.rules import Call, Refusal, rule
from localcloud.services.ec2_addresses import taken_addresses, usable
from localcloud.services.efs import life_cycle_state

API = "https://docs.aws.amazon.com/efs/latest/ug"


def backend(call: Call) -> Any:
    return get_backend("efs")[call.account][call.region]


def find_subnet(call: Call) -> Any:
    """The subnet that a request names, or None: moto says that there is none."""
    ec2 = get_backend("ec2")[call.account][call.region]
    for subnets in ec2.subnets.values():
        for subnet in subnets.values():
            if subnet.id == call.parameters["SubnetId"]:
                return subnet
    return None


@rule("efs", "CreateFileSystem", source=f"{API}/API_CreateFileSystem.html")
def throughput_of_a_new_file_system(call: Call) -> None:
    check_throughput(call.parameters)


@rule("efs", "UpdateFileSystem", source=f"{API}/API_UpdateFileSystem.html")
def throughput_of_a_file_system(call: Call) -> None:
    check_throughput(call.parameters)


def check_throughput(parameters: dict[str, Any]) -> None:
    given = parameters.get("ProvisionedThroughputInMibps") is not None
    provisioned = parameters.get("ThroughputMode") == "provisioned"
    if given and not provisioned:
        raise Refusal("BadRequest", "Throughput can be provisioned only when the throughput mode is provisioned")
    if provisioned and not given:
        raise Refusal("BadRequest", "ProvisionedThroughputInMibps is required when the throughput mode is provisioned")


@rule(
    "efs",
    "CreateMountTarget",
    "PutBackupPolicy",
    "UpdateFileSystem",
    source=f"{API}/API_CreateMountTarget.html",
)
def file_system_is_available(call: Call) -> None:
    system = backend(call).file_systems_by_id.get(call.parameters["FileSystemId"])
    if system is not None and life_cycle_state(system) != "available":
        raise Refusal(
            "IncorrectFileSystemLifeCycleState",
            f"File system '{system.file_system_id}' is in the life cycle state '{life_cycle_state(system)}', not 'available'",
            409,
        )


@rule("efs", "ModifyMountTargetSecurityGroups", source=f"{API}/API_ModifyMountTargetSecurityGroups.html")
def mount_target_is_available(call: Call) -> None:
    target = backend(call).mount_targets_by_id.get(call.parameters["MountTargetId"])
    if target is None:
        return
    if life_cycle_state(target) != "available":
        raise Refusal("IncorrectMountTargetState", f"Mount target '{target.mount_target_id}' is not available", 409)
    check_groups(call, target.vpc_id)


@rule("efs", "CreateMountTarget", source=f"{API}/API_CreateMountTarget.html")
def address_of_a_mount_target(call: Call) -> None:
    subnet, address = find_subnet(call), call.parameters.get("IpAddress")
    if subnet is None:
        return
    if address:
        if ipaddress.ip_address(address) not in ipaddress.ip_network(subnet.cidr_block) or not usable(subnet, address):
            raise Refusal("BadRequest", "Address does not fall within the subnet's address range")
        if address in taken_addresses(get_backend("ec2")[call.account][call.region], subnet.id):
            raise Refusal("IpAddressInUse", f"Address '{address}' is in use", 409)
    check_groups(call, subnet.vpc_id)


def check_groups(call: Call, vpc: str) -> None:
    groups = call.parameters.get("SecurityGroups") or []
    if len(groups) > 5:
        raise Refusal("SecurityGroupLimitExceeded", "A mount target can have five security groups at most")
    ec2 = get_backend("ec2")[call.account][call.region]
    for identity in groups:
        group = ec2.get_security_group_from_id(identity)
        if group is None or group.vpc_id != vpc:
            raise Refusal("SecurityGroupNotFound", f"The SecurityGroup ID '{identity}' does not exist in VPC '{vpc}'")
