"""Each private address of a subnet is one interface's, whoever asks for it and in whatever order."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any


def test_no_two_interfaces_have_one_address(aws: Callable[..., Any]) -> None:
    ec2 = aws("ec2", "eu-west-2")
    vpc = ec2.create_vpc(CidrBlock="10.99.0.0/24")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.99.0.0/28")["Subnet"]["SubnetId"]
    image = ec2.describe_images(Owners=["099720109477"])["Images"][0]["ImageId"]
    made: list[str] = []  # addresses

    def interface(**more: str) -> str:
        found = ec2.create_network_interface(SubnetId=subnet, **more)["NetworkInterface"]
        made.append(found["PrivateIpAddress"])
        return str(found["NetworkInterfaceId"])

    def instance() -> None:
        launched = ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1, SubnetId=subnet)
        made.append(launched["Instances"][0]["PrivateIpAddress"])

    interface(PrivateIpAddress="10.99.0.5")
    for _ in range(4):
        instance()
        interface()
    kept = len(made)
    last = interface()
    interface()
    # All that AWS leaves of the block: https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
    assert sorted(made, key=ipaddress.ip_address) == [f"10.99.0.{number}" for number in range(4, 15)]

    ec2.delete_network_interface(NetworkInterfaceId=last)
    given_back = made.pop(kept)
    interface()
    assert made[-1] == given_back
    described = ec2.describe_network_interfaces(Filters=[{"Name": "subnet-id", "Values": [subnet]}])
    assert sorted(each["PrivateIpAddress"] for each in described["NetworkInterfaces"]) == sorted(made)
