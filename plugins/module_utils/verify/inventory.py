# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""All that belongs to the system and can have a name, tags and descriptions: G-3, G-4 and O-3 look at it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.lks.llm.plugins.module_utils.verify.system import name_of, tags_of

# Attached to an instance, so made by somebody who can tag it; the interfaces that services make belong to the services.
OWN_INTERFACE = "interface"


@dataclass(frozen=True)
class Resource:
    """One resource. name is what it is called, tags None where it cannot be tagged; of_zone: it belongs to one zone, not to several."""

    kind: str
    id: str
    region: str
    name: str
    tags: dict | None
    descriptions: list = field(default_factory=list)
    of_zone: bool = True


def in_vpcs(system):
    """What is in the zones' VPCs."""
    kinds = {
        "subnets": ("subnet", "SubnetId"),
        "route_tables": ("route table", "RouteTableId"),
        "network_acls": ("network ACL", "NetworkAclId"),
    }
    for zone in system.zones:
        vpc = zone.vpc_or_none
        if vpc is None:
            continue
        yield Resource("VPC", vpc["VpcId"], zone.region, name_of(vpc), tags_of(vpc))
        for part, (kind, key) in kinds.items():
            for item in zone.inside(part):
                yield Resource(kind, item[key], zone.region, name_of(item), tags_of(item))
        for item in zone.part("internet_gateways"):
            if any(each.get("VpcId") == vpc["VpcId"] for each in item.get("Attachments", [])):
                yield Resource("internet gateway", item["InternetGatewayId"], zone.region, name_of(item), tags_of(item))
        yield from security_groups(zone)
        yield from machines(zone)


def security_groups(zone):
    for group in zone.security_groups:
        default = group["GroupName"] == "default"
        rules = [
            (f"rule {each.get('IpProtocol')} {each.get('FromPort', 'all')}", source.get("Description", ""))
            for direction in ("IpPermissions", "IpPermissionsEgress")
            for each in group.get(direction, [])
            for key in ("IpRanges", "Ipv6Ranges", "UserIdGroupPairs", "PrefixListIds")
            for source in each.get(key, [])
        ]
        yield Resource(
            "security group",
            group["GroupId"],
            zone.region,
            name_of(group) if default else group["GroupName"],
            tags_of(group),
            [] if default else [("the group", group.get("Description", "")), *rules],
        )


def machines(zone):
    """Instances, with the volumes and interfaces that came with them."""
    here = {each["InstanceId"] for each in zone.instances}
    for item in zone.instances:
        yield Resource("instance", item["InstanceId"], zone.region, name_of(item), tags_of(item))
    for item in zone.part("volumes"):
        if any(each.get("InstanceId") in here for each in item.get("Attachments", [])):
            yield Resource("volume", item["VolumeId"], zone.region, name_of(item), tags_of(item))
    for item in zone.part("network_interfaces"):
        if item.get("Attachment", {}).get("InstanceId") in here:
            yield Resource("interface", item["NetworkInterfaceId"], zone.region, name_of(item), tags_of(item))


def peerings(system):
    """A peering has tags in each of its two regions."""
    vpcs = {zone.vpc_or_none["VpcId"] for zone in system.zones if zone.vpc_or_none}
    for region, item in system.everywhere("vpc_peering_connections"):
        ends = {item.get("RequesterVpcInfo", {}).get("VpcId"), item.get("AccepterVpcInfo", {}).get("VpcId")}
        if item.get("Status", {}).get("Code") == "active" and ends <= vpcs:
            yield Resource(
                "peering", item["VpcPeeringConnectionId"], region, name_of(item), tags_of(item), of_zone=False
            )


def balancers(system):
    for zone in system.zones:
        if zone.vpc_or_none is None:
            continue
        for balancer in zone.inside("load_balancers"):
            arn = balancer["LoadBalancerArn"]
            yield Resource(
                "load balancer", arn, zone.region, balancer["LoadBalancerName"], system.tags(zone.region, balancer, arn)
            )
            for listener in balancer["Listeners"]:
                arn = listener["ListenerArn"]
                tags = system.tags(zone.region, listener, arn)
                yield Resource("listener", arn, zone.region, tags.get("Name", ""), tags)
                for rule in listener.get("Rules", []):
                    if not rule.get("IsDefault"):
                        tags = system.tags(zone.region, rule, rule["RuleArn"])
                        yield Resource("listener rule", rule["RuleArn"], zone.region, tags.get("Name", ""), tags)
        for group in zone.inside("target_groups"):
            arn = group["TargetGroupArn"]
            tags = system.tags(zone.region, group, arn)
            yield Resource("target group", arn, zone.region, group["TargetGroupName"], tags)


def by_name_or_tag(system):
    """What is in no VPC: the project's by its tags, its name, or by what the system uses it for."""
    account = system.snapshot.get("account", "")
    partition = system.snapshot.get("partition", "aws")
    for region in system.snapshot["regions"]:
        for kind, part, name_key, arn_of, descriptions in KINDS:
            for item in system.part(region, part):
                arn = arn_of(item, region, account, partition)
                tags = system.tags(region, item, arn)
                if belongs(system, item[name_key], tags):
                    texts = [(label, item.get(key) or "") for label, key in descriptions]
                    yield Resource(kind, arn or item[name_key], region, item[name_key], tags, texts)
        for api in system.part(region, "rest_apis"):
            if not belongs(system, api["name"], tags_of(api)):
                continue
            arn = f"arn:{partition}:apigateway:{region}::/restapis/{api['id']}"
            yield Resource("API", arn, region, api["name"], tags_of(api), [("the API", api.get("description", ""))])
            for stage in api["stages"]:
                tags = tags_of(stage)
                texts = [("the stage", stage.get("description", ""))]
                yield Resource("stage", f"{arn}/stages/{stage['stageName']}", region, tags.get("Name", ""), tags, texts)
        for app in system.part(region, "amplify_apps"):
            if belongs(system, app["name"], tags_of(app)):
                texts = [("the app", app.get("description", ""))]
                yield Resource("Amplify app", app["appArn"], region, app["name"], tags_of(app), texts)
                for branch in app["branches"]:
                    tags = tags_of(branch)
                    texts = [("the branch", branch.get("description", ""))]
                    yield Resource("Amplify branch", branch["branchArn"], region, tags.get("Name", ""), tags, texts)


def belongs(system, name, tags):
    return starts(name, system.prefix) or any(
        tags.get(key, "").startswith(system.prefix)
        for key in system.expected["tags"]
        if key not in ("Name", "ManagedBy")
    )


def starts(name, prefix):
    """Whether a name, or a part of it after a slash, starts with the prefix: /aws/lambda/lks-conversations does."""
    return any(part.startswith(prefix) for part in name.split("/"))


def arn_from(key):
    return lambda item, region, account, partition: item.get(key, "")


def ssm_arn(kind, key):
    def arn(item, region, account, partition):
        return f"arn:{partition}:ssm:{region}:{account}:{kind}/{item[key].lstrip('/')}"

    return arn


def logs_arn(item, region, account, partition):
    return item["arn"].removesuffix(":*")


# kind, part, key of the name, ARN, what has a description.
KINDS = [
    ("file system", "file_systems", "Name", arn_from("FileSystemArn"), []),
    ("database", "db_instances", "DBInstanceIdentifier", arn_from("DBInstanceArn"), []),
    (
        "database subnet group",
        "db_subnet_groups",
        "DBSubnetGroupName",
        arn_from("DBSubnetGroupArn"),
        [("the subnet group", "DBSubnetGroupDescription")],
    ),
    (
        "database parameter group",
        "db_parameter_groups",
        "DBParameterGroupName",
        arn_from("DBParameterGroupArn"),
        [("the parameter group", "Description")],
    ),
    ("function", "functions", "FunctionName", arn_from("FunctionArn"), [("the function", "Description")]),
    (
        "VPC link",
        "vpc_links",
        "name",
        lambda item, region, account, partition: f"arn:{partition}:apigateway:{region}::/vpclinks/{item['id']}",
        [("the VPC link", "description")],
    ),
    ("user pool", "user_pools", "Name", arn_from("Arn"), []),
    ("log group", "log_groups", "logGroupName", logs_arn, []),
    ("alarm", "alarms", "AlarmName", arn_from("AlarmArn"), [("the alarm", "AlarmDescription")]),
    ("parameter", "parameters", "Name", ssm_arn("parameter", "Name"), [("the parameter", "Description")]),
    ("secret", "secrets", "Name", arn_from("ARN"), [("the secret", "Description")]),
    ("association", "associations", "AssociationName", ssm_arn("association", "AssociationId"), []),
    (
        "bucket",
        "buckets",
        "Name",
        lambda item, region, account, partition: f"arn:{partition}:s3:::{item['Name']}",
        [],
    ),
]


def inventory(system):
    return [*in_vpcs(system), *peerings(system), *balancers(system), *by_name_or_tag(system)]
