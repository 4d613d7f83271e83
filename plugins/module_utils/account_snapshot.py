# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What a region holds, as its services describe it: one small function for each part of a snapshot, and a table of them.

A snapshot is JSON::

    {"taken": "2026-01-31T12:00:00+00:00", "account": "123456789012", "partition": "aws",
     "regions": {"us-east-1": {"vpcs": [...], "instances": [...], "tags": {arn: {key: value}}, ...}},
     "global": {"roles": [...], "users": [...], "policies": [...]},
     "refused": [{"region": ..., "part": ..., "reason": ...}],
     "calls": {"us-east-1": 70}}

Items are AWS's own (CamelCase, or as the service spells it), each with what further calls say about it under the name that their answers
give it: a load balancer has Attributes and Listeners, a listener has Rules (ALB) or Attributes (NLB), a target group Attributes and
TargetHealthDescriptions, a managed prefix list its Entries, a file system its BackupPolicy, a mount target its SecurityGroups, a function
its Policy, a REST API resources, authorizers, stages and gatewayResponses, a user pool its Clients, an Amplify app its branches, a bucket
its PublicAccessBlock and Keys.
What a part cannot hold because AWS refused to tell is missing, and named in refused.
"""

import contextlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports it
    from botocore.exceptions import BotoCoreError, ClientError

from ansible_collections.lks.llm.plugins.module_utils.resource_sweep import (
    bucket_region,
    call,
    describe_failure,
    fetch,
    is_refusal,
)

PART_THREADS = 8
DETAIL_THREADS = 8
NOT_KEPT = "(not kept)"


class Place:
    """A region to look at: its clients, made beforehand because threads may share but not make them, and threads for details."""

    def __init__(self, region, clients, details, options):
        self.region = region
        self.clients = clients
        self.details = details
        self.options = options

    def list(self, service, operation, expression, **params):
        return fetch(self.clients[service], operation, expression, **params)

    def call(self, service, operation, **params):
        answer = call(self.clients[service], operation, **params)
        answer.pop("ResponseMetadata", None)
        return answer

    def ask(self, absent, service, operation, **params):
        """The answer, or {} where AWS says with one of these codes that there is nothing to tell."""
        try:
            return self.call(service, operation, **params)
        except ClientError as e:
            if is_refusal(e, *absent):
                return {}
            raise

    def each(self, function, items):
        """Calls function for every item, side by side. The functions must not call each themselves: threads would wait for threads."""
        return list(self.details.map(function, items))

    def environment(self, variables):
        """Names of all variables, values of those only that the caller said hold no secret."""
        kept = self.options["keep_environment"]
        return {name: value if name in kept else NOT_KEPT for name, value in (variables or {}).items()}


def listed(service, operation, expression, **params):
    def part(place, _found):
        return place.list(service, operation, expression, **params)

    return part


def images(place, found):
    """Of the images only those that instances were started from. One that is gone is left out, where asking by its id would fail for all."""
    wanted = sorted({each["ImageId"] for each in found["instances"]})
    if not wanted:
        return []
    return place.list("ec2", "describe_images", "Images[]", Filters=[{"Name": "image-id", "Values": wanted}])


def managed_prefix_lists(place, found):
    """The prefix lists that the region's rules and routes name, whoever manages them, with their Entries. Most accounts name none."""
    permissions = [
        rule
        for group in found["security_groups"]
        for direction in ("IpPermissions", "IpPermissionsEgress")
        for rule in group.get(direction, [])
    ]
    named = {each["PrefixListId"] for rule in permissions for each in rule.get("PrefixListIds", [])}
    routes = [route for table in found["route_tables"] for route in table.get("Routes", [])]
    named |= {route["DestinationPrefixListId"] for route in routes if route.get("DestinationPrefixListId")}
    if not named:
        return []
    # By a filter, because asking for one that is gone by its id fails for all.
    filters = [{"Name": "prefix-list-id", "Values": sorted(named)}]
    lists = place.list("ec2", "describe_managed_prefix_lists", "PrefixLists[]", Filters=filters)

    def details(each):
        identity = each["PrefixListId"]
        each["Entries"] = place.list("ec2", "get_managed_prefix_list_entries", "Entries[]", PrefixListId=identity)

    place.each(details, lists)
    return lists


def load_balancers(place, _found):
    balancers = place.list("elbv2", "describe_load_balancers", "LoadBalancers[]")

    def balancer_details(balancer):
        arn = balancer["LoadBalancerArn"]
        attributes = place.call("elbv2", "describe_load_balancer_attributes", LoadBalancerArn=arn)
        balancer["Attributes"] = attributes.get("Attributes", [])
        balancer["Listeners"] = place.list("elbv2", "describe_listeners", "Listeners[]", LoadBalancerArn=arn)

    def listener_details(pair):
        balancer, listener = pair
        arn = listener["ListenerArn"]
        listener["Rules"], listener["Attributes"] = [], []
        if balancer["Type"] == "application":
            listener["Rules"] = place.list("elbv2", "describe_rules", "Rules[]", ListenerArn=arn)
        else:
            attributes = place.call("elbv2", "describe_listener_attributes", ListenerArn=arn)
            listener["Attributes"] = attributes.get("Attributes", [])

    place.each(balancer_details, balancers)
    place.each(listener_details, [(each, listener) for each in balancers for listener in each["Listeners"]])
    return balancers


def target_groups(place, _found):
    groups = place.list("elbv2", "describe_target_groups", "TargetGroups[]")

    def health(group):
        answer = place.call("elbv2", "describe_target_health", TargetGroupArn=group["TargetGroupArn"])
        group["TargetHealthDescriptions"] = answer.get("TargetHealthDescriptions", [])

    def attributes(group):
        answer = place.call("elbv2", "describe_target_group_attributes", TargetGroupArn=group["TargetGroupArn"])
        group["Attributes"] = answer.get("Attributes", [])

    place.each(lambda pair: pair[0](pair[1]), [(part, group) for group in groups for part in (health, attributes)])
    return groups


def file_systems(place, _found):
    systems = place.list("efs", "describe_file_systems", "FileSystems[]")

    def details(system):
        identity = system["FileSystemId"]
        policy = place.ask(("PolicyNotFound",), "efs", "describe_backup_policy", FileSystemId=identity)
        system["BackupPolicy"] = policy.get("BackupPolicy", {})

    place.each(details, systems)
    return systems


def mount_targets(place, found):
    targets = place.each(
        lambda system: place.list(
            "efs", "describe_mount_targets", "MountTargets[]", FileSystemId=system["FileSystemId"]
        ),
        found["file_systems"],
    )
    targets = [target for of_one in targets for target in of_one]

    def details(target):
        answer = place.call("efs", "describe_mount_target_security_groups", MountTargetId=target["MountTargetId"])
        target["SecurityGroups"] = answer.get("SecurityGroups", [])

    place.each(details, targets)
    return targets


def db_parameter_groups(place, _found):
    """Of the parameters only those that somebody set: the engine's own run to hundreds. AWS's own groups cannot be changed."""
    groups = place.list(
        "rds", "describe_db_parameter_groups", "DBParameterGroups[?!starts_with(DBParameterGroupName, 'default.')]"
    )

    def details(group):
        found = place.list(
            "rds",
            "describe_db_parameters",
            "Parameters[]",
            DBParameterGroupName=group["DBParameterGroupName"],
            Source="user",
        )
        group["Parameters"] = {each["ParameterName"]: each.get("ParameterValue") for each in found}

    place.each(details, groups)
    return groups


def functions(place, _found):
    found = place.list("lambda", "list_functions", "Functions[]")

    def details(function):
        variables = (function.get("Environment") or {}).get("Variables")
        function["Environment"] = {"Variables": place.environment(variables)}
        policy = place.ask(
            ("ResourceNotFoundException",), "lambda", "get_policy", FunctionName=function["FunctionName"]
        ).get("Policy")
        function["Policy"] = json.loads(policy) if policy else {}
        # ListFunctions leaves the state out: https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html
        state = place.call("lambda", "get_function_configuration", FunctionName=function["FunctionName"])
        for key in ("State", "StateReason", "LastUpdateStatus", "LastUpdateStatusReason"):
            if state.get(key):
                function[key] = state[key]

    place.each(details, found)
    return found


def rest_apis(place, _found):
    apis = place.list("apigateway", "get_rest_apis", "items[]")

    def resources(api):
        # With their methods and integrations, in one paged call.
        api["resources"] = place.list(
            "apigateway",
            "get_resources",
            "items[]",
            restApiId=api["id"],
            embed=["methods"],
            PaginationConfig={"PageSize": 500},
        )

    def authorizers(api):
        api["authorizers"] = place.call("apigateway", "get_authorizers", restApiId=api["id"]).get("items", [])

    def stages(api):
        api["stages"] = place.call("apigateway", "get_stages", restApiId=api["id"]).get("item", [])

    def responses(api):
        api["gatewayResponses"] = place.call("apigateway", "get_gateway_responses", restApiId=api["id"]).get(
            "items", []
        )

    parts = (resources, authorizers, stages, responses)
    place.each(lambda pair: pair[0](pair[1]), [(part, api) for api in apis for part in parts])
    return apis


def api_account(place, _found):
    return place.call("apigateway", "get_account")


def user_pools(place, _found):
    # Unlike elsewhere the page size has no default here.
    pools = place.list("cognito-idp", "list_user_pools", "UserPools[]", PaginationConfig={"PageSize": 60})

    def details(pool):
        pool.update(place.call("cognito-idp", "describe_user_pool", UserPoolId=pool["Id"])["UserPool"])
        pool["Clients"] = place.list(
            "cognito-idp", "list_user_pool_clients", "UserPoolClients[]", UserPoolId=pool["Id"]
        )

    def client_details(client):
        answer = place.call(
            "cognito-idp",
            "describe_user_pool_client",
            UserPoolId=client["UserPoolId"],
            ClientId=client["ClientId"],
        )["UserPoolClient"]
        # That there is a secret is worth knowing; the secret is not.
        client.update({**answer, "HasSecret": "ClientSecret" in answer})
        client.pop("ClientSecret", None)

    place.each(details, pools)
    place.each(client_details, [client for pool in pools for client in pool["Clients"]])
    return pools


def amplify_apps(place, _found):
    apps = place.list("amplify", "list_apps", "apps[]")

    def details(app):
        app.pop("basicAuthCredentials", None)
        app["environmentVariables"] = place.environment(app.get("environmentVariables"))
        app["branches"] = place.list("amplify", "list_branches", "branches[]", appId=app["appId"])
        for branch in app["branches"]:
            branch.pop("basicAuthCredentials", None)
            branch["environmentVariables"] = place.environment(branch.get("environmentVariables"))

    place.each(details, apps)
    return apps


def alarms(place, _found):
    return place.list("cloudwatch", "describe_alarms", "MetricAlarms[]", AlarmTypes=["MetricAlarm"])


def dashboards(place, _found):
    found = place.list("cloudwatch", "list_dashboards", "DashboardEntries[]")

    def details(dashboard):
        body = place.call("cloudwatch", "get_dashboard", DashboardName=dashboard["DashboardName"])["DashboardBody"]
        dashboard["Body"] = json.loads(body)

    place.each(details, found)
    return found


def associations(place, _found):
    found = place.list("ssm", "list_associations", "Associations[]")

    def details(association):
        answer = place.call("ssm", "describe_association", AssociationId=association["AssociationId"])
        association.update(answer["AssociationDescription"])

    place.each(details, found)
    return found


def instance_associations(place, found):
    """What came of each association on each running instance, its newest result. Who has no association is asked no further."""
    if not found["associations"]:
        return []

    def results(instance):
        identity = instance["InstanceId"]
        try:
            found = place.list(
                "ssm",
                "describe_instance_associations_status",
                "InstanceAssociationStatusInfos[]",
                InstanceId=identity,
            )
        except ClientError as e:
            if is_refusal(e, "InvalidInstanceId"):  # Systems Manager does not manage it
                return []
            raise
        return [{**each, "InstanceId": identity} for each in found]

    running = [each for each in found["instances"] if each["State"]["Name"] == "running"]
    return [result for of_one in place.each(results, running) for result in of_one]


def buckets(place, _found):
    """The region's buckets whose name begins with the prefix, how they are guarded, and the names of what is in them."""
    prefix = place.options["name_prefix"]
    # All buckets of the account are listed everywhere.
    named = [each for each in place.list("s3", "list_buckets", "Buckets[]") if each["Name"].startswith(prefix)]

    def details(bucket):
        name = bucket["Name"]
        try:
            if (bucket.get("BucketRegion") or bucket_region(place.clients["s3"], name)) != place.region:
                return None
            guard = place.ask(("NoSuchPublicAccessBlockConfiguration",), "s3", "get_public_access_block", Bucket=name)
            bucket["PublicAccessBlock"] = guard.get("PublicAccessBlockConfiguration", {})
            keys = place.call("s3", "list_objects_v2", Bucket=name, MaxKeys=1000)
            bucket["Keys"] = [each["Key"] for each in keys.get("Contents", [])]
        except ClientError as e:
            if is_refusal(e, "NoSuchBucket"):
                return None
            raise
        return bucket

    return [found for found in place.each(details, named) if found]


def tags(place, _found):
    """Tags by ARN, of what does not carry them in its description."""
    found = place.list("resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList[]")
    return {each["ResourceARN"]: {tag["Key"]: tag.get("Value", "") for tag in each["Tags"]} for each in found}


# part: (the services whose clients it uses, function). Parts in the second table look at what those of the first found.
PARTS = {
    "vpcs": ("ec2", listed("ec2", "describe_vpcs", "Vpcs[]")),
    "subnets": ("ec2", listed("ec2", "describe_subnets", "Subnets[]")),
    "route_tables": ("ec2", listed("ec2", "describe_route_tables", "RouteTables[]")),
    "internet_gateways": ("ec2", listed("ec2", "describe_internet_gateways", "InternetGateways[]")),
    "nat_gateways": ("ec2", listed("ec2", "describe_nat_gateways", "NatGateways[]")),
    "security_groups": ("ec2", listed("ec2", "describe_security_groups", "SecurityGroups[]")),
    "network_acls": ("ec2", listed("ec2", "describe_network_acls", "NetworkAcls[]")),
    "network_interfaces": ("ec2", listed("ec2", "describe_network_interfaces", "NetworkInterfaces[]")),
    "instances": ("ec2", listed("ec2", "describe_instances", "Reservations[].Instances[]")),
    "volumes": ("ec2", listed("ec2", "describe_volumes", "Volumes[]")),
    "addresses": ("ec2", listed("ec2", "describe_addresses", "Addresses[]")),
    "vpc_peering_connections": (
        "ec2",
        listed("ec2", "describe_vpc_peering_connections", "VpcPeeringConnections[]"),
    ),
    "vpc_endpoints": ("ec2", listed("ec2", "describe_vpc_endpoints", "VpcEndpoints[]")),
    "prefix_lists": ("ec2", listed("ec2", "describe_prefix_lists", "PrefixLists[]")),
    "key_pairs": ("ec2", listed("ec2", "describe_key_pairs", "KeyPairs[]")),
    "load_balancers": ("elbv2", load_balancers),
    "target_groups": ("elbv2", target_groups),
    "file_systems": ("efs", file_systems),
    "db_instances": ("rds", listed("rds", "describe_db_instances", "DBInstances[]")),
    "db_subnet_groups": ("rds", listed("rds", "describe_db_subnet_groups", "DBSubnetGroups[]")),
    "db_parameter_groups": ("rds", db_parameter_groups),
    "functions": ("lambda", functions),
    "rest_apis": ("apigateway", rest_apis),
    "vpc_links": ("apigateway", listed("apigateway", "get_vpc_links", "items[]")),
    "api_account": ("apigateway", api_account),
    "user_pools": ("cognito-idp", user_pools),
    "amplify_apps": ("amplify", amplify_apps),
    "log_groups": ("logs", listed("logs", "describe_log_groups", "logGroups[]")),
    "alarms": ("cloudwatch", alarms),
    "dashboards": ("cloudwatch", dashboards),
    "associations": ("ssm", associations),
    "parameters": ("ssm", listed("ssm", "describe_parameters", "Parameters[]")),
    "secrets": ("secretsmanager", listed("secretsmanager", "list_secrets", "SecretList[]")),
    "buckets": ("s3", buckets),
    "tags": ("resourcegroupstaggingapi", tags),
}
PARTS_AFTER = {
    "images": ("ec2", images),
    "managed_prefix_lists": ("ec2", managed_prefix_lists),
    "mount_targets": ("efs", mount_targets),
    "instance_associations": ("ssm", instance_associations),
}
NEEDED_AFTER = ("instances", "associations", "file_systems", "security_groups", "route_tables")
# What is no region's: asked once.
PARTS_GLOBAL = {
    "roles": ("iam", listed("iam", "list_roles", "Roles[]")),
    "users": ("iam", listed("iam", "list_users", "Users[]")),
    "policies": ("iam", listed("iam", "list_policies", "Policies[]", Scope="Local")),
}
GLOBAL = "global"


def services_of(*tables):
    return sorted({service for table in tables for service, _function in table.values()})


class Counter:
    """Counts the requests of a client's region. Threads share it."""

    def __init__(self):
        self.calls: dict = {}
        self.lock = threading.Lock()

    def watch(self, client, place):
        client.meta.events.register("before-send", lambda **_: self.add(place))

    def add(self, place):
        with self.lock:
            self.calls[place] = self.calls.get(place, 0) + 1


def take_snapshot(make_client, regions, options, progress):
    """Looks at all regions side by side. make_client(service, region) is called here, never in a thread.

    A part that AWS refuses is named in C(refused) and is missing in its region, which is not the same as an empty one.
    """
    counter = Counter()
    places: dict = {}
    snapshot: dict = {"regions": {region: {} for region in regions}, GLOBAL: {}, "refused": []}
    with (
        ThreadPoolExecutor(PART_THREADS * len(regions)) as parts,
        ThreadPoolExecutor(DETAIL_THREADS * len(regions)) as details,
    ):

        def start(place, table, found):
            jobs = [
                (place, name, parts.submit(function, places[place], found))
                for name, (_service, function) in table.items()
            ]
            for _place, _name, job in jobs:
                job.add_done_callback(lambda _job: progress.step(place))
            return jobs

        def collect(jobs):
            for place, name, job in jobs:
                target = snapshot[GLOBAL] if place == GLOBAL else snapshot["regions"][place]
                try:
                    target[name] = job.result()
                except (ClientError, BotoCoreError) as e:
                    snapshot["refused"].append({"region": place, "part": name, "reason": describe_failure(e)})

        jobs = []
        for place in [*regions, GLOBAL]:
            tables = (PARTS_GLOBAL,) if place == GLOBAL else (PARTS, PARTS_AFTER)
            region = regions[0] if place == GLOBAL else place
            clients = {service: make_client(service, region) for service in services_of(*tables)}
            for client in clients.values():
                counter.watch(client, place)
            places[place] = Place(region, clients, details, options)
            progress.expect(place, sum(map(len, tables)))
            jobs += start(place, tables[0], {})
        collect(jobs)
        after = []
        for region, found in snapshot["regions"].items():
            complete = {**{part: [] for part in NEEDED_AFTER}, **found}
            after += start(region, PARTS_AFTER, complete)
        collect(after)
    snapshot["calls"] = dict(sorted(counter.calls.items()))
    snapshot["refused"].sort(key=lambda each: (each["region"], each["part"]))
    return snapshot
