"""What AWS refuses of EFS is refused, by AWS's code; what it accepts right beside it is not."""

from __future__ import annotations

import itertools
import time
from types import SimpleNamespace

import pytest

from localcloud.pace import PACE

from .in_process import refusal

BLOCKS = itertools.count(170)
TOKENS = itertools.count()


@pytest.fixture
def ec2(aws):
    return aws("ec2")


@pytest.fixture
def efs(aws):
    return aws("efs")


@pytest.fixture
def net(ec2):
    """A VPC with two subnets in us-east-1a and one in us-east-1b."""
    prefix = f"10.{next(BLOCKS)}"
    vpc = ec2.create_vpc(CidrBlock=f"{prefix}.0.0/22")["Vpc"]["VpcId"]
    a, a2, b = (
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"{prefix}.{n}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"][
            "SubnetId"
        ]
        for n, zone in enumerate("aab")
    )
    group = ec2.create_security_group(VpcId=vpc, GroupName="efs", Description="efs")["GroupId"]
    return SimpleNamespace(vpc=vpc, a=a, a2=a2, b=b, group=group, prefix=prefix)


@pytest.fixture
def system(efs):
    identity = efs.create_file_system(CreationToken=f"fs{next(TOKENS)}", Encrypted=True)["FileSystemId"]
    time.sleep(PACE.seconds("file system"))
    return identity


def test_a_new_file_system_takes_a_moment(efs, net):
    token = f"fs{next(TOKENS)}"
    made = efs.create_file_system(CreationToken=token)
    assert made["LifeCycleState"] == "creating"
    with refusal("IncorrectFileSystemLifeCycleState"):
        efs.create_mount_target(FileSystemId=made["FileSystemId"], SubnetId=net.a)
    with refusal("FileSystemAlreadyExists"):
        efs.create_file_system(CreationToken=token)


def test_throughput(efs, system):
    with refusal("BadRequest", "only when"):
        efs.update_file_system(FileSystemId=system, ThroughputMode="bursting", ProvisionedThroughputInMibps=5)
    with refusal("BadRequest", "is required"):
        efs.update_file_system(FileSystemId=system, ThroughputMode="provisioned")
    efs.update_file_system(FileSystemId=system, ThroughputMode="elastic")


def test_the_backup_policy(efs, system):
    with refusal("PolicyNotFound"):
        efs.describe_backup_policy(FileSystemId=system)
    efs.put_backup_policy(FileSystemId=system, BackupPolicy={"Status": "ENABLED"})
    assert efs.describe_backup_policy(FileSystemId=system)["BackupPolicy"] == {"Status": "ENABLED"}
    with refusal("FileSystemNotFound"):
        efs.put_backup_policy(FileSystemId="fs-0123456789abcdef0", BackupPolicy={"Status": "ENABLED"})


def test_mount_targets(ec2, efs, net, system):
    def mount(subnet, address=None, groups=None):
        more = ({"IpAddress": address} if address else {}) | ({"SecurityGroups": groups} if groups else {})
        return efs.create_mount_target(FileSystemId=system, SubnetId=subnet, **more)["MountTargetId"]

    with refusal("BadRequest", "address range"):
        mount(net.a, f"{net.prefix}.2.20")
    with refusal("BadRequest", "address range"):
        mount(net.a, f"{net.prefix}.0.1")
    taken = ec2.create_network_interface(SubnetId=net.a, PrivateIpAddress=f"{net.prefix}.0.30")
    with refusal("IpAddressInUse"):
        mount(net.a, taken["NetworkInterface"]["PrivateIpAddress"])
    other = ec2.create_vpc(CidrBlock="10.96.0.0/24")["Vpc"]["VpcId"]
    foreign = ec2.create_security_group(VpcId=other, GroupName="x", Description="x")["GroupId"]
    with refusal("SecurityGroupNotFound"):
        mount(net.a, groups=[foreign])
    with refusal("SecurityGroupLimitExceeded"):
        mount(net.a, groups=[net.group] * 6)

    target = mount(net.a, f"{net.prefix}.0.20", [net.group])
    with refusal("MountTargetConflict"):
        mount(net.a2)
    elsewhere = ec2.create_subnet(VpcId=other, CidrBlock="10.96.0.0/25", AvailabilityZone="us-east-1b")["Subnet"][
        "SubnetId"
    ]
    with refusal("MountTargetConflict", "same VPC"):
        mount(elsewhere)
    with refusal("IncorrectMountTargetState"):
        efs.modify_mount_target_security_groups(MountTargetId=target, SecurityGroups=[net.group])
    time.sleep(PACE.seconds("mount target"))
    with refusal("SecurityGroupNotFound"):
        efs.modify_mount_target_security_groups(MountTargetId=target, SecurityGroups=[foreign])
    efs.modify_mount_target_security_groups(MountTargetId=target, SecurityGroups=[net.group])
    with refusal("FileSystemInUse"):
        efs.delete_file_system(FileSystemId=system)
    efs.delete_mount_target(MountTargetId=target)
    efs.delete_file_system(FileSystemId=system)
