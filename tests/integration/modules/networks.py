"""Networks for tests of modules whose resources live in one, made with boto3."""

from __future__ import annotations

import dataclasses
import itertools

from ..playbooks import Cloud

REGION = "us-east-1"
BLOCKS = itertools.count()


@dataclasses.dataclass(frozen=True)
class Network:
    """A VPC with a subnet in each of two availability zones and a security group."""

    vpc: str
    subnets: list[str]
    group: str
    prefix: str  # of its addresses, such as 10.7: its subnets are 10.7.0.0/24 and 10.7.1.0/24


def make_network(cloud: Cloud) -> Network:
    ec2 = cloud.client("ec2", REGION)
    prefix = f"10.{next(BLOCKS)}"
    vpc = ec2.create_vpc(CidrBlock=f"{prefix}.0.0/23")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"{prefix}.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"]
        for number, zone in enumerate("ab")
    ]
    group = ec2.create_security_group(VpcId=vpc, GroupName="test", Description="for tests")["GroupId"]
    return Network(vpc, [subnet["SubnetId"] for subnet in subnets], group, prefix)


def start_instance(cloud: Cloud, network: Network) -> str:
    ec2 = cloud.client("ec2", REGION)
    image = ec2.describe_images(Owners=["099720109477"])["Images"][0]["ImageId"]
    instance = ec2.run_instances(
        ImageId=image, InstanceType="t2.micro", MinCount=1, MaxCount=1, SubnetId=network.subnets[0]
    )
    identity = instance["Instances"][0]["InstanceId"]
    ec2.get_waiter("instance_running").wait(InstanceIds=[identity])
    return identity
