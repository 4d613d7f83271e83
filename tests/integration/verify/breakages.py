"""One thing at a time that is wrong in a deployed system, as it would show in the snapshot, and the checks that must report it.

Each function changes a copy of the snapshot of the untouched deployment. The checks are named in full: one that is not named here
must not report anything.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

BREAKAGES: dict[str, tuple[Callable[[Any], None], set[str]]] = {}


def breaks(*checks: str) -> Callable:
    def register(function: Callable[[Any], None]) -> Callable[[Any], None]:
        BREAKAGES[function.__name__] = (function, set(checks))
        return function

    return register


class Account:
    """A snapshot, asked by names."""

    def __init__(self, snapshot: dict) -> None:
        self.snapshot = copy.deepcopy(snapshot)
        self.home = Region(self.snapshot["regions"]["us-east-1"])
        self.away = Region(self.snapshot["regions"]["us-west-2"])


def name_of(item: dict) -> str:
    tags = item.get("Tags") or item.get("TagSet") or []
    return next((tag["Value"] for tag in tags if tag["Key"] == "Name"), "")


class Region:
    def __init__(self, parts: dict) -> None:
        self.parts = parts

    def __getitem__(self, part: str) -> Any:
        return self.parts[part]

    def named(self, part: str, name: str) -> dict:
        keys = (
            "GroupName",
            "LoadBalancerName",
            "TargetGroupName",
            "FunctionName",
            "AlarmName",
            "logGroupName",
            "AssociationName",
        )
        for item in self.parts[part]:
            if name in (name_of(item), *(item.get(key) for key in keys), item.get("Name")):
                return item
        raise LookupError(f"there is no {name} among {part}")

    @property
    def vpc(self) -> dict:
        return next(vpc for vpc in self.parts["vpcs"] if not vpc["IsDefault"])

    def subnet(self, cidr: str) -> dict:
        return next(subnet for subnet in self.parts["subnets"] if subnet["CidrBlock"] == cidr)

    def table(self, tier: str) -> dict:
        return next(table for table in self.parts["route_tables"] if name_of(table).startswith(f"lks-rt-{tier}-"))

    def group(self, name: str) -> dict:
        return next(
            group
            for group in self.parts["security_groups"]
            if group["GroupName"] == name and group["VpcId"] == self.vpc["VpcId"]
        )

    def live(self, start: str) -> dict:
        return next(
            each
            for each in self.parts["instances"]
            if name_of(each).startswith(start) and each["State"]["Name"] == "running"
        )

    @property
    def nat(self) -> dict:
        return self.live("lks-nat-")

    def balancer(self, kind: str) -> dict:
        return next(
            each for each in self.parts["load_balancers"] if each["LoadBalancerName"].startswith(f"lks-{kind}-")
        )

    def rule(self, priority: str) -> dict:
        return next(rule for rule in self.balancer("alb")["Listeners"][0]["Rules"] if rule["Priority"] == priority)

    @property
    def api(self) -> dict:
        return self.parts["rest_apis"][0]

    def method(self, path: str, verb: str) -> dict:
        return next(each for each in self.api["resources"] if each["path"] == path)["resourceMethods"][verb]

    @property
    def function(self) -> dict:
        return self.named("functions", "lks-conversations")

    @property
    def pool(self) -> dict:
        return self.parts["user_pools"][0]

    @property
    def database(self) -> dict:
        return self.parts["db_instances"][0]

    @property
    def store(self) -> dict:
        return self.parts["file_systems"][0]


def allow(group: dict, protocol: str, port: int | None, cidr: str) -> None:
    rule: dict = {"IpProtocol": protocol, "IpRanges": [{"CidrIp": cidr, "Description": "Let it in for now"}]}
    if port is not None:
        rule |= {"FromPort": port, "ToPort": port}
    group["IpPermissions"].append({**rule, "Ipv6Ranges": [], "UserIdGroupPairs": [], "PrefixListIds": []})


def without(items: list, item: Any) -> None:
    """Takes the very item out of the list."""
    items[:] = [each for each in items if each is not item]


def drop_tag(item: dict, key: str) -> None:
    part = "Tags" if "Tags" in item else "TagSet"
    item[part] = [tag for tag in item[part] if tag["Key"] != key]


def set_attribute(item: dict, key: str, value: str) -> None:
    next(each for each in item["Attributes"] if each["Key"] == key)["Value"] = value


# General


@breaks("G-1.regions")
def a_stray_vpc_has_the_prefix(account):
    stray = {"VpcId": "vpc-00000000000000001", "CidrBlock": "10.99.0.0/16", "IsDefault": False}
    account.away["vpcs"].append({**stray, "Tags": [{"Key": "Name", "Value": "lks-vpc-test"}]})


@breaks("G-2.role")
def the_function_has_another_role(account):
    account.home.function["Role"] = "arn:aws:iam::123456789012:role/Administrator"


@breaks("G-2.role")
def the_api_logs_with_another_role(account):
    account.home["api_account"]["cloudwatchRoleArn"] = "arn:aws:iam::123456789012:role/Logs"


@breaks("G-2.instance_profile")
def a_worker_has_no_instance_profile(account):
    del account.away.live("lks-worker-chat")["IamInstanceProfile"]


@breaks("G-2.no_iam")
def somebody_made_a_role(account):
    account.snapshot["global"]["roles"].append(
        {"RoleName": "lks-role", "Arn": "arn:aws:iam::123456789012:role/lks-role"}
    )


@breaks("G-3.names")
def a_subnet_has_another_name(account):
    for tag in account.home.subnet("172.32.1.0/25")["Tags"]:
        if tag["Key"] == "Name":
            tag["Value"] = "private-a"


@breaks("G-4.tags")
def a_volume_lost_a_tag(account):
    drop_tag(account.away.named("volumes", name_of(account.away.nat)), "Component")


@breaks("G-4.tags")
def a_security_group_lost_its_zone(account):
    drop_tag(account.home.group("lks-sg-efs"), "Zone")


@breaks("G-4.tags")
def an_alarm_lost_its_tags(account):
    del account.home["tags"][account.home.named("alarms", "lks-api-errors")["AlarmArn"]]


@breaks("G-4.tags")
def a_listener_rule_lost_a_tag(account):
    del account.away["tags"][account.away.rule("20")["RuleArn"]]["Project"]


@breaks("G-4.descriptions")
def a_rule_lost_its_description(account):
    account.home.group("lks-sg-efs")["IpPermissions"][0]["UserIdGroupPairs"][0]["Description"] = ""


@breaks("G-4.descriptions")
def an_alarm_is_described_by_its_name(account):
    alarm = account.home.named("alarms", "lks-api-errors")
    alarm["AlarmDescription"] = alarm["AlarmName"]


@breaks("G-5.ubuntu")
def an_instance_runs_another_system(account):
    image = {"ImageId": "ami-00000001", "Name": "al2023-ami-2023.6.20250101.0-kernel-6.1-x86_64"}
    account.home["images"].append(image)
    account.home.live("lks-worker-llm")["ImageId"] = "ami-00000001"


@breaks("G-5.ubuntu")
def an_instance_runs_an_old_ubuntu(account):
    image = {"ImageId": "ami-00000001", "Name": "ubuntu/images/hvm-ssd/ubuntu-bionic-18.04-amd64-server-20230607"}
    account.away["images"].append(image)
    account.away.nat["ImageId"] = "ami-00000001"


@breaks("G-6.key_pairs")
def an_instance_has_a_key_pair(account):
    account.home.nat["KeyName"] = "vockey"


@breaks("G-6.ssh", "X-4.rule", "X-4.closed")
def ssh_is_open_to_an_office(account):
    allow(account.home.group("lks-sg-nat"), "tcp", 22, "203.0.113.0/24")


@breaks("G-7.groups", "X-7.budget")
def a_group_too_many(account):
    group = copy.deepcopy(account.away.group("lks-sg-nat"))
    account.away["security_groups"].append({**group, "GroupId": "sg-00000000000000001", "GroupName": "lks-sg-test"})


@breaks("G-7.addresses")
def an_address_is_left(account):
    account.away["addresses"].append({"AllocationId": "eipalloc-1", "PublicIp": "198.51.100.7", "Tags": []})


@breaks("G-7.volumes")
def a_volume_is_left(account):
    account.home["volumes"].append(
        {
            "VolumeId": "vol-1",
            "State": "available",
            "Attachments": [],
            "Size": 8,
            "VolumeType": "gp3",
            "Encrypted": True,
            "Tags": [],
        }
    )


@breaks("G-7.interfaces")
def an_interface_is_left(account):
    subnet = account.home.subnet("172.32.1.0/25")["SubnetId"]
    interface = {
        "NetworkInterfaceId": "eni-1",
        "VpcId": account.home.vpc["VpcId"],
        "SubnetId": subnet,
        "Status": "available",
    }
    interface |= {
        "PrivateIpAddress": "172.32.1.99",
        "PrivateIpAddresses": [{"PrivateIpAddress": "172.32.1.99"}],
        "Groups": [],
    }
    account.home["network_interfaces"].append({**interface, "Description": "left", "TagSet": []})


@breaks("G-7.target_groups")
def a_target_group_is_left(account):
    group = {**account.home.named("target_groups", "lks-tg-chat-zone-a"), "LoadBalancerArns": []}
    account.home["target_groups"].append({**group, "TargetGroupName": "lks-tg-old"})


@breaks("G-7.logs")
def a_log_group_is_left(account):
    group = {**account.home.named("log_groups", "/aws/lambda/lks-conversations"), "logGroupName": "/aws/lambda/lks-old"}
    account.home["log_groups"].append(group)


@breaks("G-8.runtime")
def the_function_is_python(account):
    account.home.function["Runtime"] = "python3.13"


@breaks("G-8.runtime")
def the_function_runs_on_an_old_node(account):
    account.home.function["Runtime"] = "nodejs16.x"


@breaks("G-8.newest")
def the_function_runs_on_an_older_node(account):
    account.home.function["Runtime"] = "nodejs20.x"


@breaks("G-9.metadata")
def metadata_is_open(account):
    account.home.live("lks-worker-llm")["MetadataOptions"]["HttpTokens"] = "optional"


@breaks("G-9.volumes")
def a_volume_is_not_encrypted(account):
    account.away.named("volumes", name_of(account.away.nat))["Encrypted"] = False


@breaks("G-9.buckets")
def the_bucket_may_become_public(account):
    account.home["buckets"][0]["PublicAccessBlock"]["BlockPublicPolicy"] = False


@breaks("G-9.cheap_volumes")
def a_volume_is_too_large(account):
    account.away.named("volumes", name_of(account.away.nat))["Size"] = 500


@breaks("G-9.cheap_database")
def the_database_has_a_standby(account):
    account.home.database["MultiAZ"] = True


@breaks("G-9.cheap_endpoints")
def an_endpoint_costs_by_the_hour(account):
    account.home["vpc_endpoints"].append(
        {
            "VpcEndpointId": "vpce-1",
            "VpcId": account.home.vpc["VpcId"],
            "VpcEndpointType": "Interface",
            "ServiceName": "com.amazonaws.us-east-1.ssm",
            "State": "available",
        }
    )


# Network


@breaks("N-1.vpc")
def the_vpc_has_a_second_cidr(account):
    account.away.vpc.setdefault("CidrBlockAssociationSet", []).append({"CidrBlock": "10.11.0.0/24"})


# Rules for the addresses that the subnet has no longer let others in.
@breaks("N-2.private", "N-2.three", "S-3.sources", "X-3.rule", "X-4.rule")
def a_private_subnet_is_too_small(account):
    account.away.subnet("10.10.1.128/25")["CidrBlock"] = "10.10.1.128/26"


@breaks("N-2.public")
def the_public_subnet_is_elsewhere(account):
    account.home.subnet("172.32.0.0/24")["AvailabilityZone"] = "us-east-1b"


@breaks("N-2.private")
def a_private_subnet_gives_public_addresses(account):
    account.home.subnet("172.32.1.0/25")["MapPublicIpOnLaunch"] = True


@breaks("N-2.private")
def both_private_subnets_are_in_one_place(account):
    account.away.subnet("10.10.1.128/25")["AvailabilityZone"] = "us-west-2a"


@breaks("N-3.two", "G-7.route_tables")
def a_route_table_too_many(account):
    table = copy.deepcopy(account.home.table("public"))
    for tag in table["Tags"]:
        if tag["Key"] == "Name":
            tag["Value"] = "lks-rt-test"
    account.home["route_tables"].append({**table, "RouteTableId": "rtb-1", "Associations": []})


@breaks("N-3.public", "N-5.reach")
def the_public_table_has_no_gateway(account):
    table = account.away.table("public")
    table["Routes"] = [route for route in table["Routes"] if not route.get("GatewayId", "").startswith("igw-")]


@breaks("N-3.private", "N-5.reach")
def the_private_table_leads_to_the_gateway(account):
    gateway = account.home["internet_gateways"][0]["InternetGatewayId"]
    for route in account.home.table("private")["Routes"]:
        if route.get("DestinationCidrBlock") == "0.0.0.0/0":
            route.clear()
            route.update(DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway, State="active")


@breaks("N-4.peerings", "A-3.reach", "N-4.reach", "S-3.reach")
def the_peering_waits_for_acceptance(account):
    for region in (account.home, account.away):
        region["vpc_peering_connections"][0]["Status"]["Code"] = "pending-acceptance"


@breaks("N-4.routes", "A-3.reach", "N-4.reach", "S-3.reach")
def a_route_to_the_peer_is_deleted(account):
    table = account.away.table("private")
    table["Routes"] = [route for route in table["Routes"] if not route.get("VpcPeeringConnectionId")]


@breaks("N-4.routes")
def a_route_to_the_peer_is_a_black_hole(account):
    route = next(each for each in account.home.table("public")["Routes"] if each.get("VpcPeeringConnectionId"))
    route["State"] = "blackhole"


@breaks("N-5.instance")
def the_nat_instance_is_too_large(account):
    account.home.nat["InstanceType"] = "t3.large"


@breaks("N-5.instance", "O-3.settled", "N-5.reach")
def the_nat_instance_is_stopped(account):
    account.away.nat["State"]["Name"] = "stopped"


@breaks("N-5.check", "N-5.reach")
def the_nat_instance_checks_addresses(account):
    nat = account.home.nat
    nat["SourceDestCheck"] = True
    for interface in nat["NetworkInterfaces"]:
        interface["SourceDestCheck"] = True
    for interface in account.home["network_interfaces"]:
        if interface.get("Attachment", {}).get("InstanceId") == nat["InstanceId"]:
            interface["SourceDestCheck"] = True


@breaks("N-5.route", "N-5.reach")
def the_default_route_is_deleted(account):
    table = account.home.table("private")
    table["Routes"] = [route for route in table["Routes"] if route.get("DestinationCidrBlock") != "0.0.0.0/0"]


@breaks("N-5.forwards")
def the_nat_playbook_failed(account):
    fail(account.away, account.away.nat, "lks-nat-zone-b")


@breaks("N-5.no_gateway")
def there_is_a_nat_gateway(account):
    account.home["nat_gateways"].append(
        {"NatGatewayId": "nat-1", "VpcId": account.home.vpc["VpcId"], "State": "available"}
    )


def fail(region: Region, instance: dict, association: str) -> None:
    identity = region.named("associations", association)["AssociationId"]
    for each in region["instance_associations"]:
        if (each["AssociationId"], each["InstanceId"]) == (identity, instance["InstanceId"]):
            each["Status"] = "Failed"


# The subnets and rules of the zone still have the CIDR that it had.
@breaks("N-1.vpc", "N-2.private", "N-2.public", "N-2.three", "N-4.routes", "N-6.cidrs", "A-3.reach", "N-4.reach")
def the_zones_overlap(account):
    account.away.vpc["CidrBlock"] = "172.32.0.0/22"
    account.away.vpc["CidrBlockAssociationSet"] = []


# Network ACLs are no requirement: what they do shows in what is reached alone.


def deny(region: Region, port: int, *, egress: bool, cidr: str) -> None:
    acl = next(each for each in region["network_acls"] if each["VpcId"] == region.vpc["VpcId"])
    entry = {"RuleNumber": 1, "Protocol": "6", "RuleAction": "deny", "Egress": egress, "CidrBlock": cidr}
    acl["Entries"].insert(0, {**entry, "PortRange": {"From": port, "To": port}})


@breaks("N-5.reach")
def a_network_acl_denies_the_web(account):
    deny(account.away, 443, egress=True, cidr="0.0.0.0/0")


@breaks("N-4.reach", "A-3.reach")
def a_network_acl_denies_the_other_zone(account):
    deny(account.away, 80, egress=False, cidr="172.32.0.0/23")


# Storage


@breaks("S-1.one")
def a_second_file_system(account):
    store = copy.deepcopy(account.home.store)
    store |= {"FileSystemId": "fs-2", "Name": "lks-efs-2", "FileSystemArn": store["FileSystemArn"] + "2"}
    account.home["file_systems"].append(store)


@breaks("S-1.one")
def a_file_system_in_the_other_region(account):
    store = copy.deepcopy(account.home.store)
    account.away["file_systems"].append({**store, "FileSystemId": "fs-3"})


@breaks("S-1.bursting")
def throughput_is_elastic(account):
    account.home.store["ThroughputMode"] = "elastic"


@breaks("S-1.backups")
def backups_of_the_store_are_off(account):
    account.home.store["BackupPolicy"]["Status"] = "DISABLED"


@breaks("S-1.encrypted")
def the_store_is_not_encrypted(account):
    account.home.store["Encrypted"] = False


@breaks("S-2.targets")
def a_mount_target_is_gone(account):
    account.home["mount_targets"].pop()


@breaks("S-2.mounted")
def a_worker_could_not_mount(account):
    worker = account.away.live("lks-worker-llm")
    fail(account.away, worker, "lks-worker-llm-zone-b")


@breaks("S-3.sources")
def the_store_is_open_to_the_public_subnet(account):
    allow(account.home.group("lks-sg-efs"), "tcp", 2049, "172.32.0.0/24")


@breaks("S-3.sources", "S-3.reach")
def workers_of_the_other_zone_are_locked_out(account):
    for rule in account.home.group("lks-sg-efs")["IpPermissions"]:
        rule["IpRanges"] = []


# Security groups


@breaks("X-1.rule", "X-1.closed")
def the_database_is_open_to_the_private_subnets(account):
    allow(account.home.group("lks-sg-database"), "tcp", 5432, "172.32.1.0/24")


@breaks("X-1.rule", "X-1.reach")
def the_function_is_locked_out(account):
    account.home.group("lks-sg-database")["IpPermissions"] = []


@breaks("X-1.company", "X-2.groups", "X-2.rule")
def a_worker_carries_the_databases_group(account):
    group = account.home.group("lks-sg-database")
    worker = account.home.live("lks-worker-llm")
    worker["SecurityGroups"].append({"GroupId": group["GroupId"], "GroupName": group["GroupName"]})


@breaks("X-2.rule", "X-2.closed")
def workers_are_open_to_their_subnets(account):
    allow(account.home.group("lks-sg-llm"), "tcp", 11434, "172.32.1.0/24")


@breaks("X-2.rule", "X-2.closed")
def workers_are_open_to_their_subnets_where_groups_are_shared(account):
    allow(account.away.group("lks-sg-llm"), "tcp", 11434, "10.10.1.0/24")


@breaks("X-2.rule", "A-3.reach", "X-2.reach")
def the_balancer_is_locked_out(account):
    account.home.group("lks-sg-llm")["IpPermissions"] = []


@breaks("X-3.rule", "X-3.closed")
def the_balancer_is_open_to_the_vpc(account):
    allow(account.home.group("lks-sg-lb"), "tcp", 80, "172.32.0.0/23")


@breaks("X-3.rule", "X-6.anywhere", "X-3.closed")
def the_balancer_is_open_to_everybody(account):
    allow(account.home.group("lks-sg-lb"), "tcp", 80, "0.0.0.0/0")


@breaks("X-3.rule", "A-3.reach", "N-4.reach")
def api_traffic_is_locked_out(account):
    for rule in account.away.group("lks-sg-llm")["IpPermissions"]:
        rule["IpRanges"] = [each for each in rule["IpRanges"] if not each["CidrIp"].startswith("172.32.")]


@breaks("X-3.rule", "X-3.reach", "A-3.reach")
def half_of_the_balancers_traffic_is_locked_out(account):
    for rule in account.home.group("lks-sg-lb")["IpPermissions"]:
        rule["IpRanges"] = [each for each in rule["IpRanges"] if each["CidrIp"] != "172.32.1.128/25"]


@breaks("X-4.rule", "X-6.anywhere", "X-4.closed")
def the_nat_is_open_to_everybody(account):
    allow(account.away.group("lks-sg-nat"), "tcp", 443, "0.0.0.0/0")


@breaks("X-4.rule", "X-6.anywhere", "X-4.closed")
def the_nat_is_open_to_a_list_that_holds_everybody(account):
    group = account.away.group("lks-sg-nat")
    allow(group, "tcp", 443, "192.0.2.0/24")
    rule = group["IpPermissions"][-1]
    rule["IpRanges"], rule["PrefixListIds"] = [], [{"PrefixListId": "pl-0", "Description": "Offices of ours"}]
    account.away["managed_prefix_lists"].append({"PrefixListId": "pl-0", "Entries": [{"Cidr": "0.0.0.0/0"}]})


@breaks("X-4.rule", "N-5.reach")
def the_nat_lost_a_private_subnet(account):
    for rule in account.away.group("lks-sg-nat")["IpPermissions"]:
        rule["IpRanges"] = [each for each in rule["IpRanges"] if each["CidrIp"] != "10.10.1.128/25"]


@breaks("X-5.store")
def the_store_answers_on_another_port(account):
    allow(account.home.group("lks-sg-efs"), "tcp", 111, "172.32.1.0/24")


@breaks("G-6.ssh", "S-3.sources", "X-5.store", "X-6.anywhere", "S-3.closed")
def the_store_is_open_to_everything(account):
    allow(account.home.group("lks-sg-efs"), "-1", None, "0.0.0.0/0")


@breaks("X-6.egress")
def a_group_lets_everything_out(account):
    account.home.group("lks-sg-llm")["IpPermissionsEgress"].append(
        {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "All of it"}]}
    )


@breaks("X-6.egress")
def the_database_may_call_the_web(account):
    account.home.group("lks-sg-database")["IpPermissionsEgress"].append(
        {
            "IpProtocol": "tcp",
            "FromPort": 443,
            "ToPort": 443,
            "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "To the web"}],
        }
    )


@breaks("X-6.default")
def the_default_group_has_a_rule(account):
    account.away.group("default")["IpPermissionsEgress"].append(
        {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    )


@breaks("X-7.groups")
def a_group_has_another_name(account):
    account.away.group("lks-sg-nat")["GroupName"] = "lks-sg-gateway"


# Workers


@breaks("L-2.members", "L-3.backup", "W-1.counts", "A-3.reach")
def a_worker_is_gone(account):
    without(account.away["instances"], account.away.live("lks-worker-chat-zone-b-b"))


@breaks("O-3.settled", "W-1.counts", "A-3.reach")
def a_worker_is_stopped(account):
    account.home.live("lks-worker-llm-zone-a-b")["State"]["Name"] = "stopped"


@breaks("W-1.types")
def a_worker_is_of_another_type(account):
    account.home.live("lks-worker-llm")["InstanceType"] = "t2.xlarge"


@breaks("W-1.kinds", "W-2.associations", "W-4.models", "S-2.mounted")
def an_instance_is_of_no_kind(account):
    worker = copy.deepcopy(account.home.live("lks-worker-llm"))
    worker["Tags"] = [tag for tag in worker["Tags"] if tag["Key"] not in ("Kind", "Name", "Association")]
    worker["Tags"].append({"Key": "Name", "Value": "lks-test"})
    account.home["instances"].append({**worker, "InstanceId": "i-1"})


@breaks("W-1.private")
def a_worker_has_a_public_address(account):
    account.home.live("lks-worker-llm")["PublicIpAddress"] = "198.51.100.9"


@breaks("W-2.associations")
def a_worker_lost_the_tag_of_its_association(account):
    worker = account.home.live("lks-worker-scoring")
    drop_tag(worker, "Association")


@breaks("W-2.source")
def an_association_names_its_instances(account):
    association = account.home.named("associations", "lks-models-check-zone-a")
    association["Targets"] = [{"Key": "InstanceIds", "Values": ["*"]}]


@breaks("W-2.bundle")
def the_bundle_is_gone(account):
    account.home["buckets"][0]["Keys"] = []


@breaks("W-3.pulled")
def the_pull_failed(account):
    for worker in account.home["instances"]:
        fail(account.home, worker, "lks-models-pull")


@breaks("W-4.models")
def a_model_is_missing_on_one_worker(account):
    fail(account.away, account.away.live("lks-worker-scoring"), "lks-models-check-zone-b")


@breaks("W-4.models")
def a_worker_was_never_asked_for_its_models(account):
    identity = account.home.named("associations", "lks-models-check-zone-a")["AssociationId"]
    results = account.home["instance_associations"]
    without(results, next(each for each in results if each["AssociationId"] == identity))


@breaks("W-5.healthy")
def a_worker_does_not_answer(account):
    group = account.home.named("target_groups", "lks-tg-chat-zone-a")
    group["TargetHealthDescriptions"][0]["TargetHealth"] = {"State": "unhealthy", "Reason": "Target.Timeout"}


# Load balancing


@breaks("L-1.alb")
def the_alb_faces_the_internet(account):
    account.home.balancer("alb")["Scheme"] = "internet-facing"


@breaks("L-1.port")
def the_alb_listens_on_another_port_too(account):
    alb = account.away.balancer("alb")
    alb["Listeners"].append({**alb["Listeners"][0], "Port": 8080})


@breaks("L-1.root")
def the_root_says_something_else(account):
    account.home.rule("1")["Actions"][0]["FixedResponseConfig"]["MessageBody"] = "Hello"


@breaks("L-2.rules", "A-3.reach")
def the_rules_are_in_another_order(account):
    narrow, wide = account.home.rule("10"), account.home.rule("30")
    narrow["Priority"], wide["Priority"] = "30", "10"


@breaks("L-2.rules")
def a_rule_takes_no_subpaths(account):
    condition = account.away.rule("20")["Conditions"][0]
    condition["Values"] = ["/api/chat"]
    condition["PathPatternConfig"] = {"Values": ["/api/chat"]}


@breaks("L-2.beyond")
def the_default_leads_to_workers(account):
    rules = account.home.balancer("alb")["Listeners"][0]["Rules"]
    default = next(rule for rule in rules if rule["IsDefault"])
    default["Actions"] = copy.deepcopy(account.home.rule("30")["Actions"])


@breaks("L-2.members", "L-3.backup")
def a_worker_is_not_registered(account):
    account.home.named("target_groups", "lks-tg-llm-zone-a")["TargetHealthDescriptions"].pop()


@breaks("L-3.checks")
def another_path_is_checked(account):
    account.away.named("target_groups", "lks-tg-chat-zone-b")["HealthCheckPath"] = "/"


@breaks("L-3.ports", "A-3.reach")
def workers_are_called_on_another_port(account):
    for each in account.away.named("target_groups", "lks-tg-chat-zone-b")["TargetHealthDescriptions"]:
        each["Target"]["Port"] = 8080


@breaks("L-4.alb")
def the_alb_has_the_usual_timeout(account):
    set_attribute(account.home.balancer("alb"), "idle_timeout.timeout_seconds", "60")


@breaks("L-4.nlb")
def the_nlb_has_a_short_timeout(account):
    set_attribute(account.home.balancer("nlb")["Listeners"][0], "tcp.idle_timeout.seconds", "60")


@breaks("L-5.nlb")
def the_nlb_faces_the_internet(account):
    account.away.balancer("nlb")["Scheme"] = "internet-facing"


@breaks("L-5.alb", "A-3.reach", "N-4.reach")
def the_nlb_leads_nowhere(account):
    account.away.named("target_groups", "lks-tg-nlb-zone-b")["TargetHealthDescriptions"] = []


@breaks("A-3.target", "L-5.peers", "A-3.reach")
def the_listener_for_the_other_zone_is_gone(account):
    nlb = account.home.balancer("nlb")
    nlb["Listeners"] = [each for each in nlb["Listeners"] if each["Port"] == 80]


# Database


@breaks("D-1.there", "X-1.reach")
def the_database_is_stopped(account):
    account.home.database["DBInstanceStatus"] = "stopped"


@breaks("D-1.engine")
def the_database_has_no_pgvector(account):
    account.home.database["EngineVersion"] = "15.1"


@breaks("D-1.private")
def the_database_is_public(account):
    account.home.database["PubliclyAccessible"] = True


@breaks("D-1.encrypted")
def the_database_is_not_encrypted(account):
    account.home.database["StorageEncrypted"] = False


@breaks("D-1.tls")
def the_database_takes_plain_connections(account):
    account.home["db_parameter_groups"][0]["Parameters"]["rds.force_ssl"] = "0"


@breaks("D-1.backups")
def the_database_keeps_no_backups(account):
    account.home.database["BackupRetentionPeriod"] = 0


@breaks("D-1.class")
def the_database_is_too_large(account):
    account.home.database["DBInstanceClass"] = "db.m5.large"


@breaks("D-1.password")
def a_password_is_kept_as_plain_text(account):
    next(each for each in account.home["parameters"] if "user-password" in each["Name"])["Type"] = "String"


# Function


@breaks("F-1.variables")
def the_function_has_no_password(account):
    del account.home.function["Environment"]["Variables"]["DB_PASSWORD"]


@breaks("F-1.endpoint")
def the_function_calls_another_database(account):
    account.home.function["Environment"]["Variables"]["DB_HOST"] = "db.example.com"


@breaks("F-2.works")
def the_last_update_failed(account):
    account.home.function["LastUpdateStatus"] = "Failed"


@breaks("F-2.placed")
def the_function_is_in_the_public_subnet(account):
    account.home.function["VpcConfig"]["SubnetIds"].append(account.home.subnet("172.32.0.0/24")["SubnetId"])


@breaks("F-2.invocable")
def the_api_may_not_call_the_function(account):
    account.home.function["Policy"] = {}


@breaks("F-2.only_api")
def anybody_may_call_the_function(account):
    account.home.function["Policy"]["Statement"].append({"Sid": "open", "Effect": "Allow", "Principal": "*"})


@breaks("F-3.claims")
def a_method_hides_the_caller(account):
    account.home.method("/conversations/{uid}", "GET")["methodIntegration"]["type"] = "AWS"


# API


@breaks("A-1.api")
def the_api_is_edge_optimised(account):
    account.home.api["endpointConfiguration"]["types"] = ["EDGE"]


@breaks("A-1.authorizer")
def the_authorizer_reads_another_header(account):
    account.home.api["authorizers"][0]["identitySource"] = "method.request.header.X-Token"


@breaks("A-1.methods")
def one_method_has_no_authorizer(account):
    account.home.method("/conversations/{uid}/{id}", "PUT")["authorizationType"] = "NONE"


@breaks("A-1.methods")
def a_zones_path_has_no_authorizer(account):
    account.home.method("/us-west-2/{proxy+}", "POST")["authorizationType"] = "AWS_IAM"


@breaks("A-2.paths")
def a_method_of_the_conversations_is_gone(account):
    del next(each for each in account.home.api["resources"] if each["path"] == "/conversations/{uid}")[
        "resourceMethods"
    ]["POST"]


@breaks("A-2.function")
def a_path_calls_another_function(account):
    integration = account.home.method("/conversations/{uid}", "GET")["methodIntegration"]
    integration["uri"] = integration["uri"].replace("lks-conversations/", "lks-conversations-migrate/")


@breaks("A-3.paths")
def a_zone_takes_no_posts(account):
    del next(each for each in account.home.api["resources"] if each["path"] == "/us-west-2/{proxy+}")[
        "resourceMethods"
    ]["POST"]


@breaks("A-3.link")
def a_zone_is_called_over_the_internet(account):
    account.home.method("/us-east-1/{proxy+}", "GET")["methodIntegration"]["connectionType"] = "INTERNET"


@breaks("A-3.target", "A-3.reach")
def the_zones_are_swapped(account):
    for verb in ("GET", "POST"):
        integration = account.home.method("/us-west-2/{proxy+}", verb)["methodIntegration"]
        integration["uri"] = integration["uri"].replace(":81/", ":80/")


@breaks("A-3.rewrite")
def a_zones_path_lacks_api(account):
    integration = account.home.method("/us-east-1/{proxy+}", "GET")["methodIntegration"]
    integration["uri"] = integration["uri"].replace("/api/", "/")


@breaks("A-3.available", "A-3.reach")
def the_vpc_link_is_pending(account):
    account.home["vpc_links"][0]["status"] = "PENDING"


@breaks("A-3.available", "O-3.settled", "A-3.reach")
def the_vpc_link_failed(account):
    account.home["vpc_links"][0]["status"] = "FAILED"


@breaks("A-4.stream")
def answers_are_buffered(account):
    account.home.method("/us-east-1/{proxy+}", "POST")["methodIntegration"]["responseTransferMode"] = "BUFFERED"


@breaks("A-4.timeout")
def answers_are_cut_off(account):
    account.home.method("/us-west-2/{proxy+}", "POST")["methodIntegration"]["timeoutInMillis"] = 29000


@breaks("A-5.preflight")
def a_preflight_wants_a_token(account):
    account.home.method("/conversations/{uid}", "OPTIONS")["authorizationType"] = "COGNITO_USER_POOLS"


@breaks("A-5.headers")
def a_preflight_forbids_the_token(account):
    answers = account.home.method("/us-east-1/{proxy+}", "OPTIONS")["methodIntegration"]["integrationResponses"]
    for answer in answers.values():
        answer["responseParameters"]["method.response.header.Access-Control-Allow-Headers"] = "'Content-Type'"


@breaks("A-5.errors")
def errors_carry_no_cors_headers(account):
    responses = account.home.api["gatewayResponses"]
    next(each for each in responses if each["responseType"] == "DEFAULT_4XX")["responseParameters"] = {}


@breaks("A-1.stage", "C-3.variables")
def the_api_is_not_deployed(account):
    account.home.api["stages"] = []


# Sign-in and client


@breaks("C-1.pool")
def there_is_no_user_pool(account):
    account.home["user_pools"].clear()


@breaks("C-1.email")
def users_sign_in_by_name(account):
    account.home.pool["UsernameAttributes"] = ["phone_number"]


@breaks("C-1.attributes")
def no_name_is_asked_for(account):
    next(each for each in account.home.pool["SchemaAttributes"] if each["Name"] == "name")["Required"] = False


@breaks("C-1.factor")
def a_second_factor_is_needed(account):
    account.home.pool["MfaConfiguration"] = "ON"


@breaks("C-1.passwords")
def passwords_may_be_short(account):
    account.home.pool["Policies"]["PasswordPolicy"]["MinimumLength"] = 6


@breaks("C-1.flows")
def the_client_may_not_refresh(account):
    account.home.pool["Clients"][0]["ExplicitAuthFlows"] = ["ALLOW_USER_PASSWORD_AUTH"]


@breaks("C-1.flows")
def the_client_may_do_more(account):
    account.home.pool["Clients"][0]["ExplicitAuthFlows"].append("ALLOW_ADMIN_USER_PASSWORD_AUTH")


@breaks("C-1.secret")
def the_client_has_a_secret(account):
    account.home.pool["Clients"][0]["HasSecret"] = True


@breaks("C-2.sign_up")
def only_administrators_make_users(account):
    account.home.pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] = True


@breaks("C-3.app")
def there_is_no_client_app(account):
    account.home["amplify_apps"].clear()


@breaks("C-3.variables")
def the_client_calls_another_api(account):
    account.home["amplify_apps"][0]["environmentVariables"]["NEXT_PUBLIC_API_GATEWAY_URL"] = "https://api.example.com"


# Operations


@breaks("O-1.retention")
def logs_are_kept_for_ever(account):
    del account.home.named("log_groups", "/aws/lambda/lks-conversations")["retentionInDays"]


@breaks("O-1.function_logs")
def the_function_has_no_log_group(account):
    groups = account.home["log_groups"]
    without(groups, account.home.named("log_groups", "/aws/lambda/lks-conversations"))


@breaks("O-1.access_logs")
def nobody_logs_who_called(account):
    del account.home.api["stages"][0]["accessLogSettings"]


@breaks("O-1.dashboard")
def there_is_no_dashboard(account):
    account.home["dashboards"].clear()


@breaks("O-1.zone_alarms")
def nobody_watches_the_nat(account):
    without(account.away["alarms"], account.away.named("alarms", "lks-nat-zone-b"))


@breaks("O-1.zone_alarms")
def an_alarm_watches_an_instance_that_is_gone(account):
    account.home.named("alarms", "lks-nat-zone-a")["Dimensions"][0]["Value"] = "i-0123456789abcdef0"


@breaks("O-1.home_alarms")
def nobody_watches_the_databases_storage(account):
    without(account.home["alarms"], account.home.named("alarms", "lks-database-storage"))


@breaks("O-2.looked_at")
def amplify_refuses_to_tell(account):
    del account.home.parts["amplify_apps"]
    account.snapshot["refused"].append(
        {"region": "us-east-1", "part": "amplify_apps", "reason": "AccessDeniedException: no"}
    )


@breaks("O-3.once", "G-7.groups", "X-7.budget")
def a_group_was_made_twice(account):
    group = copy.deepcopy(account.away.group("lks-sg-nat"))
    account.away["security_groups"].append({**group, "GroupId": "sg-00000000000000001"})
