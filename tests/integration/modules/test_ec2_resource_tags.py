"""ec2_resource_tags on the local cloud."""

from __future__ import annotations

MODULE = "lks.llm.ec2_resource_tags"


def test_many_resources_are_tagged_with_few_calls(modules):
    ec2 = modules.cloud.client("ec2", "us-east-1")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24")["Subnet"]["SubnetId"] for number in range(12)
    ]
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "Kept", "Value": "yes"}])
    resources = [{"id": vpc, "tags": {"Name": "vpc"}}]
    resources += [{"id": subnet, "tags": {"Name": "subnet"}} for subnet in subnets]

    def tags(identifier):
        found = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [identifier]}])["Tags"]
        return {tag["Key"]: tag["Value"] for tag in found}

    modules.cloud.begin("tags")
    applied = modules(MODULE, resources=resources)
    assert applied["changed"], applied
    assert modules.cloud.requests("tags")["writes"] == {"ec2": 2}
    assert modules.cloud.requests("tags")["reads"] == {"ec2": 1}
    assert applied["diff"]["before"][subnets[0]] == {}
    assert applied["diff"]["after"][vpc] == {"Kept": "yes", "Name": "vpc"}
    modules.unchanged(MODULE, resources=resources)
    assert tags(vpc) == {"Kept": "yes", "Name": "vpc"}
    assert tags(subnets[11]) == {"Name": "subnet"}

    ec2.create_tags(Resources=[subnets[3]], Tags=[{"Key": "Name", "Value": "drifted"}])
    repaired = modules.lifecycle(MODULE, resources=resources)
    assert set(repaired["diff"]["after"]) == {subnets[3]}

    modules.lifecycle(MODULE, resources=resources, purge_tags=True)
    assert tags(vpc) == {"Name": "vpc"}


def test_what_cannot_be_tagged_is_refused(modules):
    refused = modules(MODULE, resources=[{"id": "lks-nat", "tags": {"Name": "x"}}])
    assert refused["failed"]
    assert "'lks-nat' is not the id of an EC2 resource, such as eni-0123456789abcdef0" in refused["msg"]
    refused = modules(MODULE, resources=[{"id": "vpc-00000000000000000", "tags": {"Name": "x"}}])
    assert refused["failed"]
    assert "vpc-00000000000000000" in refused["msg"]
