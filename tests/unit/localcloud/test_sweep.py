"""What the sweep finds, service by service, tagged or only named, and what it says of a service that refuses to answer."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from ansible_collections.lks.llm.plugins.module_utils import resource_sweep
from ansible_collections.lks.llm.plugins.modules.tagged_resources_info import build_result

from localcloud import rules

from .in_process import client

TAGS = {"Project": "swept"}
PAIRS = [{"Key": "Project", "Value": "swept"}]
ROLE = "arn:aws:iam::123456789012:role/LabRole"


def bundle() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("index.mjs", "export const handler = async () => ({});")
    return content.getvalue()


def spec(kind: str) -> list[dict]:
    return [{"ResourceType": kind, "Tags": PAIRS}]


@pytest.fixture(scope="module")
def swept() -> None:
    """One of each kind, half of them only by name, half of them only by tag."""
    ec2, elb, rds = client("ec2"), client("elbv2"), client("rds")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16", TagSpecifications=spec("vpc"))["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(
            VpcId=vpc,
            CidrBlock=f"10.9.{number}.0/24",
            AvailabilityZone=f"us-east-1{letter}",
            TagSpecifications=spec("subnet"),
        )["Subnet"]["SubnetId"]
        for number, letter in enumerate("ab")
    ]
    ec2.create_security_group(GroupName="swept-group", Description="named only", VpcId=vpc)
    ec2.create_network_interface(SubnetId=subnets[0], Description="ELB net/swept-nlb/0123456789abcdef")
    ec2.create_internet_gateway(TagSpecifications=spec("internet-gateway"))
    ec2.allocate_address(Domain="vpc", TagSpecifications=spec("elastic-ip"))
    ec2.create_volume(AvailabilityZone="us-east-1a", Size=1, TagSpecifications=spec("volume"))
    other = ec2.create_vpc(CidrBlock="10.8.0.0/16", TagSpecifications=spec("vpc"))["Vpc"]["VpcId"]
    ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=other, TagSpecifications=spec("vpc-peering-connection"))
    nlb = elb.create_load_balancer(Name="swept-nlb", Type="network", Scheme="internal", Subnets=subnets)[
        "LoadBalancers"
    ][0]
    elb.create_target_group(Name="swept-group", Protocol="TCP", Port=80, VpcId=vpc, Tags=PAIRS)
    rds.create_db_subnet_group(
        DBSubnetGroupName="swept-subnets", DBSubnetGroupDescription="x", SubnetIds=subnets, Tags=PAIRS
    )
    rds.create_db_parameter_group(
        DBParameterGroupName="swept-parameters", DBParameterGroupFamily="postgres17", Description="x"
    )
    client("efs").create_file_system(CreationToken="swept", Tags=PAIRS)
    client("s3").create_bucket(Bucket="swept-bucket-123456789012")
    ssm = client("ssm")
    ssm.put_parameter(Name="/swept-x/password", Type="SecureString", Value="secret-enough", Tags=PAIRS)
    client("lambda").create_function(
        FunctionName="swept-function",
        Runtime="nodejs22.x",
        Role=ROLE,
        Handler="index.handler",
        Code={"ZipFile": bundle()},
    )
    client("logs").create_log_group(logGroupName="/aws/lambda/swept-function")
    client("cognito-idp").create_user_pool(PoolName="pool", UserPoolTags=TAGS)
    gateway = client("apigateway")
    api = gateway.create_rest_api(name="swept-api", tags=TAGS)["id"]
    client("logs").create_log_group(logGroupName=f"API-Gateway-Execution-Logs_{api}/v1")
    elb.get_waiter("load_balancer_available").wait(
        LoadBalancerArns=[nlb["LoadBalancerArn"]], WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    gateway.create_vpc_link(name="link", targetArns=[nlb["LoadBalancerArn"]], tags=TAGS)
    watch = client("cloudwatch")
    watch.put_metric_alarm(
        AlarmName="alarm",
        Namespace="N",
        MetricName="M",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        Tags=PAIRS,
    )
    watch.put_dashboard(DashboardName="swept-board", DashboardBody=json.dumps({"widgets": []}))


EXPECTED = {
    "apigateway rest_api": 1,
    "apigateway vpc_link": 1,
    "cloudwatch alarm": 1,
    "cloudwatch dashboard": 1,
    "cognito user_pool": 1,
    "ec2 elastic_ip": 1,
    "ec2 internet_gateway": 1,
    "ec2 security_group": 1,
    "ec2 subnet": 2,
    "ec2 volume": 1,
    "ec2 vpc": 2,
    "ec2 vpc_peering_connection": 1,
    "efs file_system": 1,
    "elbv2 load_balancer": 1,
    "elbv2 target_group": 1,
    "lambda function": 1,
    "logs log_group": 1,
    "rds db_parameter_group": 1,
    "rds db_subnet_group": 1,
    "s3 bucket": 1,
    "ssm parameter": 1,
}


def look(services: list[str] | None = None, *, related: bool = False, match: str = "any") -> dict:
    found = resource_sweep.sweep(
        lambda name, config: client(name),
        ("aws", "us-east-1", "123456789012"),
        services or resource_sweep.SERVICES,
        TAGS,
    )
    wanted = {"tags": TAGS, "name_prefix": "swept-", "match": match}
    return build_result(found, wanted, {"region": "us-east-1", "services": services, "include_related": related})


def test_everything_is_found_by_tag_or_by_name(swept):
    result = look()
    counts = {kind: number for kind, number in result["counts"].items() if kind != "ec2 network_interface"}
    assert counts == EXPECTED
    assert result["counts"]["ec2 network_interface"] >= 1
    assert result["stale"] == []
    assert all(each["arn"].startswith("arn:aws:") for each in result["resources"])
    # Nothing that the tagging API knows was missed by the services' own listings.
    assert [each for each in result["resources"] if "tagging API" in each["state"]] == []


def test_parts_of_what_is_found_are_found_too(swept):
    result = look(["ec2", "apigateway", "logs"], related=True)
    assert result["counts"]["ec2 route_table"] == 2
    assert result["counts"]["ec2 network_acl"] == 2
    assert result["counts"]["logs log_group"] == 2


def test_only_what_has_both_or_no_tags_is_found_with_all(swept):
    names = {(each["service"], each["name"] or each["id"]) for each in look(match="all")["resources"]}
    assert ("s3", "swept-bucket-123456789012") in names
    assert ("apigateway", "swept-api") in names
    assert ("cloudwatch", "alarm") not in names
    assert ("cognito", "pool") not in names


def test_a_service_that_refuses_is_named_and_stops_nothing(swept, monkeypatch):
    def refuse(call):
        raise rules.Refusal("AccessDeniedException", "You are not allowed to look.", 403)

    for key in (("cognito-idp", "ListUserPools"), ("resourcegroupstaggingapi", "GetResources")):
        monkeypatch.setitem(rules.RULES, key, [rules.Rule(key[0], key[1:], "the account", refuse)])
    result = look(["cognito", "s3"])
    assert [(each["service"], each["type"]) for each in result["not_looked_at"]] == [
        ("cognito", "user_pool"),
        ("tagging", "tagging_api"),
    ]
    assert "AccessDeniedException: You are not allowed" in result["not_looked_at"][0]["reason"]
    assert result["counts"] == {"s3 bucket": 1}


def test_the_tagging_api_lists_what_aws_lists(swept):
    tagging = client("resourcegroupstaggingapi")
    pages = tagging.get_paginator("get_resources").paginate(TagFilters=[{"Key": "Project", "Values": ["swept"]}])
    kinds = {
        arn["ResourceARN"].split(":")[2]
        + ":"
        + arn["ResourceARN"].split(":", 5)[5].lstrip("/").split("/")[0].split(":")[0]
        for page in pages
        for arn in page["ResourceTagMappingList"]
    }
    assert kinds == {
        "apigateway:restapis",
        "apigateway:vpclinks",
        "cloudwatch:alarm",
        "cognito-idp:userpool",
        "ec2:elastic-ip",
        "ec2:internet-gateway",
        "ec2:subnet",
        "ec2:volume",
        "ec2:vpc",
        "ec2:vpc-peering-connection",
        "elasticfilesystem:file-system",
        "elasticloadbalancing:targetgroup",
        "rds:subgrp",
        "ssm:parameter",
    }
