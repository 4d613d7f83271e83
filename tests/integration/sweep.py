"""Looks for what a destroy may have left of the system, and whether it left alone what is others': shares no code with the product."""

from __future__ import annotations

from collections.abc import Iterable

from .playbooks import Cloud


def left(cloud: Cloud, regions: Iterable[str], prefix: str = "lks") -> dict[str, list[str]]:
    """What of the system is still found."""
    found: dict[str, list[str]] = {}
    for region in regions:

        def look(service: str, operation: str, key: str, name, region: str = region) -> None:
            client = cloud.client(service, region)
            pages = (
                client.get_paginator(operation).paginate()
                if client.can_paginate(operation)
                else [getattr(client, operation)()]
            )
            names = [
                name(item) if callable(name) else item.get(name, "") for page in pages for item in page.get(key, [])
            ]
            if kept := [item for item in names if prefix in str(item)]:
                found[f"{region} {service} {operation}"] = kept

        def tagged(item) -> str:
            return next((tag["Value"] for tag in item.get("Tags", []) if tag["Key"] == "Name"), "")

        for operation, key in (
            ("describe_vpcs", "Vpcs"),
            ("describe_subnets", "Subnets"),
            ("describe_route_tables", "RouteTables"),
            ("describe_internet_gateways", "InternetGateways"),
            ("describe_volumes", "Volumes"),
            ("describe_network_interfaces", "NetworkInterfaces"),
            ("describe_addresses", "Addresses"),
        ):
            look("ec2", operation, key, lambda item: tagged({"Tags": item.get("Tags", item.get("TagSet", []))}))
        look("ec2", "describe_security_groups", "SecurityGroups", "GroupName")
        look("elbv2", "describe_load_balancers", "LoadBalancers", "LoadBalancerName")
        look("elbv2", "describe_target_groups", "TargetGroups", "TargetGroupName")
        look("efs", "describe_file_systems", "FileSystems", "Name")
        look("rds", "describe_db_instances", "DBInstances", "DBInstanceIdentifier")
        look("rds", "describe_db_subnet_groups", "DBSubnetGroups", "DBSubnetGroupName")
        look("rds", "describe_db_parameter_groups", "DBParameterGroups", "DBParameterGroupName")
        look("rds", "describe_db_snapshots", "DBSnapshots", "DBSnapshotIdentifier")
        look("lambda", "list_functions", "Functions", "FunctionName")
        look("apigateway", "get_rest_apis", "items", "name")
        look("apigateway", "get_vpc_links", "items", "name")
        look("amplify", "list_apps", "apps", "name")
        look("logs", "describe_log_groups", "logGroups", "logGroupName")
        look("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName")
        look("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName")
        look("ssm", "list_associations", "Associations", "AssociationName")
        look("ssm", "describe_parameters", "Parameters", "Name")
        look("s3", "list_buckets", "Buckets", "Name")
        look("resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList", "ResourceARN")
        pools = cloud.client("cognito-idp", region).list_user_pools(MaxResults=60)["UserPools"]
        if pools:
            found[f"{region} cognito-idp"] = [pool["Name"] for pool in pools]
    return found


def others(cloud: Cloud) -> None:
    """Things that look a little like ours and are not: right prefix without the tags, right tags in another project."""
    ec2 = cloud.client("ec2", "us-east-1")
    vpc = ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "Name", "Value": "other-vpc"}, {"Key": "Project", "Value": "other"}])
    ec2.create_security_group(GroupName="other-group", Description="of another project", VpcId=vpc)
    cloud.client("logs", "us-east-1").create_log_group(logGroupName="/aws/lambda/other")
    cloud.client("s3", "us-east-1").create_bucket(Bucket="other-bucket-123456789012")


def others_remain(cloud: Cloud) -> bool:
    ec2 = cloud.client("ec2", "us-east-1")
    return (
        len(ec2.describe_vpcs(Filters=[{"Name": "tag:Project", "Values": ["other"]}])["Vpcs"]) == 1
        and len(
            ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["other-group"]}])["SecurityGroups"]
        )
        == 1
        and len(
            cloud.client("logs", "us-east-1").describe_log_groups(logGroupNamePrefix="/aws/lambda/other")["logGroups"]
        )
        == 1
        and "other-bucket-123456789012"
        in [item["Name"] for item in cloud.client("s3", "us-east-1").list_buckets()["Buckets"]]
    )
