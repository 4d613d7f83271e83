# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""General: regions, IAM, names, tags, images, SSH, leftovers, runtimes, security and cost (G-1 to G-9)."""

import re

from ansible_collections.lks.llm.plugins.module_utils.verify.inventory import belongs, inventory, starts
from ansible_collections.lks.llm.plugins.module_utils.verify.judging import Check, Finding, NotJudged
from ansible_collections.lks.llm.plugins.module_utils.verify.system import (
    arn_name,
    covers,
    name_of,
    permissions,
    spell,
    tags_of,
)


def regions(system, zone):
    """G-1"""
    own = [vpc for vpc in zone.part("vpcs") if name_of(vpc).startswith(system.prefix)]
    if zone.vpc_or_none is None and not own:
        yield Finding(f"{zone.region} holds nothing of {zone.name}", zone.name, missing=True)
    here = {each.vpc_or_none["VpcId"] for each in system.zones if each.region == zone.region and each.vpc_or_none}
    for vpc in own:
        if here and vpc["VpcId"] not in here:
            yield Finding(f"VPC {name_of(vpc)} in {zone.region} belongs to no zone", vpc["VpcId"])


def role(system):
    """G-2"""
    wanted = system.expected["role"]
    users = [("function " + each["FunctionName"], each["FunctionArn"], each["Role"]) for each in system.functions]
    account = system.home.part("api_account")
    if account.get("cloudwatchRoleArn") and system.api_or_none:
        users.append(("API Gateway's logging", system.api["id"], account["cloudwatchRoleArn"]))
    for app in system.home.part("amplify_apps"):
        if app["name"].startswith(system.prefix) and app.get("iamServiceRoleArn"):
            users.append(("Amplify app " + app["name"], app["appArn"], app["iamServiceRoleArn"]))
    if not users:
        raise NotJudged("there is nothing yet that needs a role")
    for what, resource, arn in users:
        if arn_name(arn) != wanted:
            yield Finding(f"{what} uses the role {arn_name(arn)}", resource, expected=f"the role {wanted}")


def instance_profile(system, zone):
    """G-2"""
    wanted = system.expected["instance_profile"]
    if not zone.instances:
        raise NotJudged(f"{zone.name} has no instances")
    for instance in zone.instances:
        profile = arn_name((instance.get("IamInstanceProfile") or {}).get("Arn", ""))
        if profile != wanted:
            yield Finding(
                f"{name_of(instance)} has {'the profile ' + profile if profile else 'no instance profile'}",
                instance["InstanceId"],
                expected=f"the instance profile {wanted}",
            )


def no_iam(system):
    """G-2"""
    for part, key in (("roles", "RoleName"), ("users", "UserName"), ("policies", "PolicyName")):
        for item in system.of_the_account(part):
            if item[key].startswith(system.prefix):
                yield Finding(f"IAM has {part[:-1].replace('ie', 'y')} {item[key]}", item.get("Arn", item[key]))


def names(system):
    """G-3"""
    found = inventory(system)
    if not found:
        raise NotJudged("there is nothing to name")
    for resource in found:
        if resource.name and not starts(resource.name, system.prefix):
            yield Finding(
                f"{resource.kind} is named {resource.name}",
                resource.id,
                resource.region,
                f"a name that starts with {system.prefix}",
            )


def tags(system):
    """G-4"""
    found = inventory(system)
    if not found:
        raise NotJudged("there is nothing to tag")
    for resource in found:
        if resource.tags is None:
            continue
        wanted = [*system.expected["tags"], *([system.expected["zone_tag"]] if resource.of_zone else [])]
        lacking = [key for key in wanted if not resource.tags.get(key)]
        if lacking:
            yield Finding(
                f"{resource.kind} {resource.name or resource.id} lacks the tag{'s' * (len(lacking) > 1)} {', '.join(lacking)}",
                resource.id,
                resource.region,
            )


def descriptions(system):
    """G-4. A description of one word, or one that only repeats the name, tells nobody anything."""
    found = [resource for resource in inventory(system) if resource.descriptions]
    if not found:
        raise NotJudged("there is nothing to describe")
    for resource in found:
        for what, text in resource.descriptions:
            if len(text.split()) < 2 or text.strip() == resource.name:
                yield Finding(
                    f"{resource.kind} {resource.name}: {what} is described as {text!r}"
                    if text
                    else f"{resource.kind} {resource.name}: {what} has no description",
                    resource.id,
                    resource.region,
                )


UBUNTU = re.compile(r"ubuntu-[a-z]+-(?P<version>\d+\.\d+)")


def ubuntu(system, zone):
    """G-5. The name of Canonical's images holds the version."""
    images = {image["ImageId"]: image for image in zone.part("images")}
    if not zone.instances:
        raise NotJudged(f"{zone.name} has no instances")
    lowest = [int(number) for number in system.expected["ubuntu_minimum"].split(".")]
    for instance in zone.instances:
        image = images.get(instance["ImageId"], {})
        found = UBUNTU.search(image.get("Name", ""))
        if not found:
            yield Finding(
                f"{name_of(instance)} was started from {image.get('Name') or instance['ImageId']}, which is no Ubuntu",
                instance["InstanceId"],
            )
        elif [int(number) for number in found["version"].split(".")] < lowest:
            yield Finding(f"{name_of(instance)} runs Ubuntu {found['version']}", instance["InstanceId"])


def key_pairs(system, zone):
    """G-6"""
    for instance in zone.instances if zone.vpc_or_none else []:
        if instance.get("KeyName"):
            yield Finding(f"{name_of(instance)} has the key pair {instance['KeyName']}", instance["InstanceId"])
    for pair in zone.part("key_pairs"):
        if pair["KeyName"].startswith(system.prefix):
            yield Finding(f"there is a key pair {pair['KeyName']}", pair["KeyPairId"])


def ssh(system, zone):
    """G-6"""
    for group in zone.security_groups:
        for rule in permissions(group):
            if covers(rule, 22):
                yield Finding(f"{group['GroupName']} lets {spell(rule)} in", group["GroupId"])


def unused_groups(system, zone):
    """G-7. Whether something carries a group, or another group's rule names it."""
    used = {each["GroupId"] for item in zone.inside("network_interfaces") for each in item.get("Groups", [])}
    used |= {group for balancer in zone.inside("load_balancers") for group in balancer.get("SecurityGroups", [])}
    if zone.is_home:
        used |= {group for each in zone.part("mount_targets") for group in each.get("SecurityGroups", [])}
        used |= {
            each["VpcSecurityGroupId"]
            for item in zone.part("db_instances")
            for each in item.get("VpcSecurityGroups", [])
        }
        used |= {
            group for each in zone.part("functions") for group in each.get("VpcConfig", {}).get("SecurityGroupIds", [])
        }
    for group in zone.security_groups:
        if group["GroupName"] != "default" and group["GroupId"] not in used:
            yield Finding(f"nothing carries the security group {group['GroupName']}", group["GroupId"])


def is_ours(system, item):
    """What is in no VPC may be somebody else's. What has no tags is nobody's, so it may well be ours."""
    return not tags_of(item) or belongs(system, name_of(item), tags_of(item))


def unused_addresses(system, zone):
    """G-7"""
    if not zone.vpc:
        return
    for address in zone.part("addresses"):
        if not address.get("AssociationId") and is_ours(system, address):
            yield Finding(
                f"the address {address.get('PublicIp', '')} is associated with nothing and costs money",
                address.get("AllocationId", ""),
            )


def unused_volumes(system, zone):
    """G-7"""
    if not zone.vpc:
        return
    for volume in zone.part("volumes"):
        if volume.get("State") == "available" and not volume.get("Attachments") and is_ours(system, volume):
            yield Finding(
                f"volume {name_of(volume)} of {volume['Size']} GiB is attached to nothing", volume["VolumeId"]
            )


def unused_interfaces(system, zone):
    """G-7"""
    for item in zone.inside("network_interfaces"):
        if item.get("Status") == "available":
            yield Finding(
                f"interface {item.get('Description') or name_of(item)} is attached to nothing",
                item["NetworkInterfaceId"],
            )


def unused_target_groups(system, zone):
    """G-7"""
    for group in zone.inside("target_groups"):
        if not group.get("LoadBalancerArns"):
            yield Finding(f"no load balancer uses the target group {group['TargetGroupName']}", group["TargetGroupArn"])


def unused_tables(system, zone):
    """G-7. The main table serves every subnet that has no other."""
    for table in zone.route_tables:
        associations = table.get("Associations", [])
        if not any(each.get("Main") or each.get("SubnetId") for each in associations):
            yield Finding(f"no subnet uses the route table {name_of(table)}", table["RouteTableId"])


def unused_logs(system):
    """G-7. Log groups of functions and APIs that are not there."""
    if not system.home.vpc:
        return
    functions = {each["FunctionName"] for each in system.home.part("functions")}
    apis = {each["id"] for each in system.home.part("rest_apis")} | {
        each["name"] for each in system.home.part("rest_apis")
    }
    for group in system.home.part("log_groups"):
        name = group["logGroupName"]
        owner = name.rsplit("/", 1)[-1]
        execution = name.startswith("API-Gateway-Execution-Logs_")
        if name.startswith("/aws/lambda/") and owner.startswith(system.prefix) and owner not in functions:
            yield Finding(f"the log group {name} belongs to no function", group["arn"])
        elif (
            name == "/aws/apigateway/welcome"
            or (execution and owner.split("_")[-1] not in apis and name.split("_")[1].split("/")[0] not in apis)
            or name.startswith("/aws/apigateway/")
            and owner.startswith(system.prefix)
            and owner not in apis
        ):
            yield Finding(f"the log group {name} belongs to no API", group["arn"])


def node_version(runtime):
    found = re.fullmatch(r"nodejs(\d+)\.x", runtime or "")
    return int(found[1]) if found else None


def runtime(system):
    """G-8"""
    if not system.functions:
        raise NotJudged("there is no function")
    for function in system.functions:
        version = node_version(function.get("Runtime"))
        if version is None:
            yield Finding(
                f"{function['FunctionName']} runs on {function.get('Runtime') or 'a container image'}",
                function["FunctionArn"],
            )
        elif version < system.expected["node_minimum"]:
            yield Finding(f"{function['FunctionName']} runs on Node.js {version}", function["FunctionArn"])


def newest_runtime(system):
    """G-8"""
    newest = node_version(system.expected["node_newest"])
    if not system.functions:
        raise NotJudged("there is no function")
    for function in system.functions:
        version = node_version(function.get("Runtime"))
        if version is not None and version < newest and version >= system.expected["node_minimum"]:
            yield Finding(
                f"{function['FunctionName']} runs on Node.js {version}",
                function["FunctionArn"],
                expected=system.expected["node_newest"],
            )


def metadata(system, zone):
    """G-9"""
    for instance in zone.instances:
        options = instance.get("MetadataOptions") or {}
        if options.get("HttpTokens") != "required" and options.get("HttpEndpoint") != "disabled":
            yield Finding(
                f"{name_of(instance)} answers metadata requests without a token (IMDSv1)", instance["InstanceId"]
            )


def volumes_of(zone):
    here = {each["InstanceId"] for each in zone.instances}
    return [
        volume
        for volume in zone.part("volumes")
        if any(each.get("InstanceId") in here for each in volume.get("Attachments", []))
    ]


def encrypted_volumes(system, zone):
    """G-9"""
    for volume in volumes_of(zone):
        if not volume.get("Encrypted"):
            yield Finding(f"volume {name_of(volume)} is not encrypted", volume["VolumeId"])


BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def private_buckets(system):
    """G-9"""
    found = system.everywhere("buckets")
    if not found:
        raise NotJudged("there are no buckets")
    for region, bucket in found:
        lacking = [key for key in BLOCKS if not bucket["PublicAccessBlock"].get(key)]
        if lacking:
            yield Finding(
                f"bucket {bucket['Name']} may become public: {', '.join(lacking)} is off", bucket["Name"], region
            )


def cheap_volumes(system, zone):
    """G-9"""
    most = system.expected["volume_gib"]
    for volume in volumes_of(zone):
        if volume["VolumeType"] not in ("gp2", "gp3", "standard") or volume["Size"] > most:
            yield Finding(
                f"volume {name_of(volume)} is {volume['Size']} GiB of {volume['VolumeType']}",
                volume["VolumeId"],
                expected=f"gp3, at most {most} GiB",
            )


def cheap_database(system):
    """G-9"""
    if system.database.get("MultiAZ"):
        yield Finding(
            f"{system.database['DBInstanceIdentifier']} has a standby in another zone, at twice the price",
            system.database["DBInstanceArn"],
        )


def cheap_endpoints(system, zone):
    """G-9. Interface endpoints cost by the hour, and the NAT instance is there anyway."""
    for endpoint in zone.inside("vpc_endpoints"):
        if endpoint.get("VpcEndpointType") == "Interface" and endpoint.get("State") != "deleted":
            yield Finding(
                f"interface endpoint for {endpoint.get('ServiceName')} costs by the hour", endpoint["VpcEndpointId"]
            )


RERUN = "Run {playbook}."
CHECKS = [
    Check(
        "G-1.regions",
        "Every zone is in its region",
        regions,
        "one VPC of the system in every zone's region, and no other",
        RERUN,
        2,
        zones=True,
    ),
    Check(
        "G-2.role",
        "What needs a role uses the account's",
        role,
        "the account's role",
        "Give it the account's role; {playbook} does.",
    ),
    Check(
        "G-2.instance_profile",
        "Instances have the account's profile",
        instance_profile,
        "the account's instance profile",
        "Associate the account's instance profile with the instance; {playbook} does.",
        zones=True,
    ),
    Check(
        "G-2.no_iam",
        "No IAM of our own",
        no_iam,
        "no role, user or policy of the system's name",
        "Delete it; the account's role does.",
        1,
    ),
    Check(
        "G-3.names",
        "Names start with the prefix",
        names,
        "names that start with the prefix",
        "Name it so; what cannot be renamed is made anew by {playbook}.",
    ),
    Check(
        "G-4.tags",
        "Everything is tagged",
        tags,
        "the tags Name, Project, Component, ManagedBy, and Zone where it belongs to one",
        RERUN,
        3,
    ),
    Check(
        "G-4.descriptions",
        "Everything is described",
        descriptions,
        "a description of at least two words",
        "Describe what it is for; {playbook} does.",
    ),
    Check(
        "G-5.ubuntu",
        "Instances run Ubuntu",
        ubuntu,
        "Ubuntu 24.04, 20.04 at the least",
        "Terminate the instance and run {playbook}: it takes the newest image.",
        zones=True,
    ),
    Check(
        "G-6.key_pairs",
        "No key pairs",
        key_pairs,
        "no key pair on any instance",
        "Delete the key pair; an instance that has one is made anew by {playbook} once it is terminated.",
        zones=True,
    ),
    Check(
        "G-6.ssh",
        "Port 22 is closed",
        ssh,
        "no rule that lets port 22 in",
        "Revoke the rule; {playbook} does.",
        zones=True,
    ),
    Check(
        "G-7.groups",
        "No unused security groups",
        unused_groups,
        "every group is carried by something",
        "Delete the security group.",
        1,
        zones=True,
    ),
    Check(
        "G-7.addresses",
        "No unused addresses",
        unused_addresses,
        "no address without an association",
        "Release the address.",
        1,
        zones=True,
    ),
    Check(
        "G-7.volumes",
        "No unused volumes",
        unused_volumes,
        "no volume without an instance",
        "Delete the volume.",
        1,
        zones=True,
    ),
    Check(
        "G-7.interfaces",
        "No unused interfaces",
        unused_interfaces,
        "no interface without an attachment",
        "Delete the interface.",
        1,
        zones=True,
    ),
    Check(
        "G-7.target_groups",
        "No unused target groups",
        unused_target_groups,
        "every target group has a load balancer",
        "Delete the target group, or run {playbook} if its listener is lost.",
        1,
        zones=True,
    ),
    Check(
        "G-7.route_tables",
        "No unused route tables",
        unused_tables,
        "every route table serves a subnet",
        "Delete the route table, or run {playbook} if its association is lost.",
        1,
        zones=True,
    ),
    Check(
        "G-7.logs",
        "No log groups without an owner",
        unused_logs,
        "every log group belongs to something that is there",
        "Delete the log group.",
        1,
    ),
    Check("G-8.runtime", "Functions run on Node.js", runtime, "Node.js 18 at the least", RERUN),
    Check(
        "G-8.newest",
        "... on the newest that Lambda supports for long",
        newest_runtime,
        "the newest LTS runtime",
        RERUN,
        1,
    ),
    Check(
        "G-9.metadata",
        "Instance metadata wants a token",
        metadata,
        "IMDSv2 only",
        "Set HttpTokens to required; {playbook} does.",
        zones=True,
    ),
    Check(
        "G-9.volumes",
        "Volumes are encrypted",
        encrypted_volumes,
        "encrypted volumes",
        "Terminate the instance and run {playbook}: volumes are encrypted when they are made.",
        1,
        zones=True,
    ),
    Check("G-9.buckets", "Buckets cannot become public", private_buckets, "all four public access blocks", RERUN, 1),
    Check(
        "G-9.cheap_volumes",
        "Volumes are no larger or faster than needed",
        cheap_volumes,
        "small gp3 volumes",
        "Make the volume smaller.",
        1,
        zones=True,
    ),
    Check(
        "G-9.cheap_database",
        "The database has no standby",
        cheap_database,
        "a single instance",
        "Turn Multi-AZ off; {playbook} does.",
        1,
    ),
    Check(
        "G-9.cheap_endpoints",
        "No endpoints that cost by the hour",
        cheap_endpoints,
        "no interface endpoints",
        "Delete the endpoint.",
        1,
        zones=True,
    ),
]
