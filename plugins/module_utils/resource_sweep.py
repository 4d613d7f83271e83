# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What exists in a region, asked of each service itself: one function per kind of resource, and a table of them.

Here is only the listing. What of it matches, and what the tagging API says, is decided in resource_match.
"""

import contextlib
from concurrent.futures import ThreadPoolExecutor

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports it
    import jmespath
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

LIST_THREADS = 12
DETAIL_THREADS = 8
AUTOMATIC_EFS_VAULT = "aws/efs/automatic-backup-vault"


class Context:
    """Where we look, and the threads for what one listing has to ask about each of its items."""

    def __init__(self, partition, region, account, details):
        self.partition = partition
        self.region = region
        self.account = account
        self._details = details

    def arn(self, service, resource):
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def each(self, function, items):
        return list(self._details.map(function, items))


@AWSRetry.jittered_backoff(retries=5, delay=1, max_delay=8)
def fetch(client, operation, expression, **params):
    """All items of a listing call; paged where AWS pages, and retried as a whole."""
    if client.can_paginate(operation):
        return [item for item in client.get_paginator(operation).paginate(**params).search(expression) if item]
    return jmespath.search(expression, getattr(client, operation)(**params)) or []


@AWSRetry.jittered_backoff(retries=5, delay=1, max_delay=8)
def call(client, operation, **params):
    return getattr(client, operation)(**params)


def is_refusal(error, *codes):
    return isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") in codes


def tag_dict(tags, key="Key", value="Value"):
    if isinstance(tags, dict):
        return dict(tags)
    return {tag[key]: tag.get(value, "") for tag in tags or []}


def entry(kind, identity, arn, **more):
    """One resource. belongs_to names ids of what it is a part of; tags None means: this kind cannot be tagged."""
    service, type_name = kind
    tags = more.get("tags", {})
    return {
        "service": service,
        "type": type_name,
        "id": identity,
        "name": more.get("name") or (tags or {}).get("Name") or "",
        "arn": arn,
        "tags": tags or {},
        "state": more.get("state") or "",
        "taggable": tags is not None,
        "belongs_to": [parent for parent in more.get("belongs_to", []) if parent],
    }


def ec2_listing(type_name, operation, expression, id_key, **options):
    """EC2's describe calls are all alike. Options: arn_type, name_key, state, parents (keys), params, skip (states)."""
    arn_type = options.get("arn_type", type_name.replace("_", "-"))
    state_path = options.get("state")

    def listing(client, context):
        found = []
        for item in fetch(client, operation, expression, **options.get("params", {})):
            state = str(jmespath.search(state_path, item) or "") if state_path else ""
            if state in options.get("skip", ()):
                continue
            tags = tag_dict(item.get("Tags"))
            identity = item[id_key]
            found.append(
                entry(
                    ("ec2", type_name),
                    identity,
                    context.arn("ec2", f"{arn_type}/{identity}"),
                    name=tags.get("Name") or item.get(options.get("name_key", ""), ""),
                    state=state,
                    tags=tags,
                    belongs_to=[jmespath.search(path, item) for path in options.get("parents", [])],
                )
            )
        return found

    return {"client": "ec2", "service": "ec2", "type": type_name, "arn_kind": ("ec2", arn_type), "list": listing}


EC2_LISTINGS = [
    ec2_listing(
        "instance",
        "describe_instances",
        "Reservations[].Instances[]",
        "InstanceId",
        state="State.Name",
        skip=("terminated",),
        parents=["VpcId"],
    ),
    ec2_listing(
        "volume",
        "describe_volumes",
        "Volumes[]",
        "VolumeId",
        state="State",
        skip=("deleted",),
        parents=["Attachments[0].InstanceId"],
    ),
    ec2_listing(
        "snapshot", "describe_snapshots", "Snapshots[]", "SnapshotId", state="State", params={"OwnerIds": ["self"]}
    ),
    ec2_listing(
        "network_interface",
        "describe_network_interfaces",
        "NetworkInterfaces[]",
        "NetworkInterfaceId",
        name_key="Description",
        state="Status",
        parents=["VpcId", "Attachment.InstanceId"],
    ),
    ec2_listing("vpc", "describe_vpcs", "Vpcs[]", "VpcId", state="State"),
    ec2_listing("subnet", "describe_subnets", "Subnets[]", "SubnetId", state="State", parents=["VpcId"]),
    ec2_listing("route_table", "describe_route_tables", "RouteTables[]", "RouteTableId", parents=["VpcId"]),
    ec2_listing(
        "internet_gateway",
        "describe_internet_gateways",
        "InternetGateways[]",
        "InternetGatewayId",
        parents=["Attachments[0].VpcId"],
    ),
    ec2_listing(
        "security_group",
        "describe_security_groups",
        "SecurityGroups[]",
        "GroupId",
        name_key="GroupName",
        parents=["VpcId"],
    ),
    ec2_listing(
        "security_group_rule",
        "describe_security_group_rules",
        "SecurityGroupRules[]",
        "SecurityGroupRuleId",
        parents=["GroupId"],
    ),
    ec2_listing("network_acl", "describe_network_acls", "NetworkAcls[]", "NetworkAclId", parents=["VpcId"]),
    ec2_listing(
        "vpc_peering_connection",
        "describe_vpc_peering_connections",
        "VpcPeeringConnections[]",
        "VpcPeeringConnectionId",
        state="Status.Code",
        # What ended stays visible for a while and costs nothing.
        skip=("deleted", "rejected", "expired", "failed"),
        parents=["RequesterVpcInfo.VpcId", "AccepterVpcInfo.VpcId"],
    ),
    ec2_listing(
        "nat_gateway",
        "describe_nat_gateways",
        "NatGateways[]",
        "NatGatewayId",
        arn_type="natgateway",
        state="State",
        skip=("deleted",),
        parents=["VpcId"],
    ),
    ec2_listing(
        "vpc_endpoint",
        "describe_vpc_endpoints",
        "VpcEndpoints[]",
        "VpcEndpointId",
        state="State",
        skip=("deleted",),
        parents=["VpcId"],
    ),
    ec2_listing(
        "elastic_ip",
        "describe_addresses",
        "Addresses[?AllocationId]",
        "AllocationId",
        state="AssociationId && 'associated' || 'free'",
        parents=["InstanceId"],
    ),
    ec2_listing(
        "launch_template",
        "describe_launch_templates",
        "LaunchTemplates[]",
        "LaunchTemplateId",
        name_key="LaunchTemplateName",
    ),
    ec2_listing("key_pair", "describe_key_pairs", "KeyPairs[]", "KeyPairId", name_key="KeyName"),
    ec2_listing(
        "flow_log",
        "describe_flow_logs",
        "FlowLogs[]",
        "FlowLogId",
        arn_type="vpc-flow-log",
        state="FlowLogStatus",
        parents=["ResourceId"],
    ),
]


def list_file_systems(client, context):
    return [
        entry(
            ("efs", "file_system"),
            item["FileSystemId"],
            item.get("FileSystemArn") or context.arn("elasticfilesystem", f"file-system/{item['FileSystemId']}"),
            name=item.get("Name"),
            state=item.get("LifeCycleState"),
            tags=tag_dict(item.get("Tags")),
        )
        for item in fetch(client, "describe_file_systems", "FileSystems[]")
    ]


def list_access_points(client, context):
    return [
        entry(
            ("efs", "access_point"),
            item["AccessPointId"],
            item["AccessPointArn"],
            name=item.get("Name"),
            state=item.get("LifeCycleState"),
            tags=tag_dict(item.get("Tags")),
            belongs_to=[item.get("FileSystemId")],
        )
        for item in fetch(client, "describe_access_points", "AccessPoints[]")
    ]


def list_recovery_points(client, context):
    """The vault of EFS's automatic backups: what is in it outlives the file system."""
    vaults = fetch(client, "list_backup_vaults", "BackupVaultList[].BackupVaultName")
    if AUTOMATIC_EFS_VAULT not in vaults:
        return []
    points = fetch(
        client, "list_recovery_points_by_backup_vault", "RecoveryPoints[]", BackupVaultName=AUTOMATIC_EFS_VAULT
    )

    def describe(item):
        tags = call(client, "list_tags", ResourceArn=item["RecoveryPointArn"]).get("Tags", {})
        return entry(
            ("backup", "recovery_point"),
            item["RecoveryPointArn"].rsplit(":", 1)[-1],
            item["RecoveryPointArn"],
            name=item.get("ResourceName"),
            state=item.get("Status"),
            tags=tags,
            belongs_to=[item.get("ResourceArn", "").rsplit("/", 1)[-1]],
        )

    return context.each(describe, points)


def elbv2_tags(client, context, arns):
    """DescribeTags takes twenty at a time."""
    chunks = [arns[start : start + 20] for start in range(0, len(arns), 20)]
    answers = context.each(lambda chunk: call(client, "describe_tags", ResourceArns=chunk), chunks)
    return {each["ResourceArn"]: tag_dict(each.get("Tags")) for answer in answers for each in answer["TagDescriptions"]}


def list_load_balancers(client, context):
    items = fetch(client, "describe_load_balancers", "LoadBalancers[]")
    tags = elbv2_tags(client, context, [item["LoadBalancerArn"] for item in items])
    return [
        entry(
            ("elbv2", "load_balancer"),
            item["LoadBalancerName"],
            item["LoadBalancerArn"],
            name=item["LoadBalancerName"],
            state=item.get("State", {}).get("Code"),
            tags=tags.get(item["LoadBalancerArn"], {}),
            belongs_to=[item.get("VpcId")],
        )
        for item in items
    ]


def list_target_groups(client, context):
    items = fetch(client, "describe_target_groups", "TargetGroups[]")
    tags = elbv2_tags(client, context, [item["TargetGroupArn"] for item in items])
    return [
        entry(
            ("elbv2", "target_group"),
            item["TargetGroupName"],
            item["TargetGroupArn"],
            name=item["TargetGroupName"],
            state="in use" if item.get("LoadBalancerArns") else "unused",
            tags=tags.get(item["TargetGroupArn"], {}),
            belongs_to=[item.get("VpcId")],
        )
        for item in items
    ]


def rds_listing(type_name, operation, expression, id_key, arn_key, arn_type, **options):
    def listing(client, context):
        return [
            entry(
                ("rds", type_name),
                item[id_key],
                item.get(arn_key) or context.arn("rds", f"{arn_type}:{item[id_key]}"),
                name=item.get(options.get("name_key", id_key)),
                state=item.get(options.get("state_key", ""), ""),
                tags=tag_dict(item["TagList"]) if "TagList" in item else rds_tags(client, item.get(arn_key)),
                belongs_to=[jmespath.search(path, item) for path in options.get("parents", [])],
            )
            for item in fetch(client, operation, expression, **options.get("params", {}))
        ]

    return {"client": "rds", "service": "rds", "type": type_name, "arn_kind": ("rds", arn_type), "list": listing}


def rds_tags(client, arn):
    """Subnet and parameter groups do not carry their tags in the description."""
    return tag_dict(call(client, "list_tags_for_resource", ResourceName=arn).get("TagList")) if arn else {}


RDS_LISTINGS = [
    rds_listing(
        "db_instance",
        "describe_db_instances",
        "DBInstances[]",
        "DBInstanceIdentifier",
        "DBInstanceArn",
        "db",
        state_key="DBInstanceStatus",
        parents=["DBSubnetGroup.VpcId"],
    ),
    rds_listing(
        "db_subnet_group",
        "describe_db_subnet_groups",
        "DBSubnetGroups[]",
        "DBSubnetGroupName",
        "DBSubnetGroupArn",
        "subgrp",
        state_key="SubnetGroupStatus",
        parents=["VpcId"],
    ),
    rds_listing(
        "db_parameter_group",
        "describe_db_parameter_groups",
        # AWS's own groups are named default.FAMILY, appear by themselves and cannot be deleted.
        "DBParameterGroups[?!starts_with(DBParameterGroupName, 'default.')]",
        "DBParameterGroupName",
        "DBParameterGroupArn",
        "pg",
    ),
    rds_listing(
        "db_snapshot",
        "describe_db_snapshots",
        "DBSnapshots[]",
        "DBSnapshotIdentifier",
        "DBSnapshotArn",
        "snapshot",
        state_key="Status",
        params={"SnapshotType": "manual"},
    ),
    rds_listing(
        "db_automated_backup",
        "describe_db_instance_automated_backups",
        # An active one belongs to a living instance and goes with it.
        "DBInstanceAutomatedBackups[?Status != 'active']",
        "DbiResourceId",
        "DBInstanceAutomatedBackupsArn",
        "auto-backup",
        name_key="DBInstanceIdentifier",
        state_key="Status",
    ),
]


def list_functions(client, context):
    def describe(item):
        tags = call(client, "list_tags", Resource=item["FunctionArn"]).get("Tags", {})
        return entry(
            ("lambda", "function"),
            item["FunctionName"],
            item["FunctionArn"],
            name=item["FunctionName"],
            state=item.get("State"),
            tags=tags,
            belongs_to=[(item.get("VpcConfig") or {}).get("VpcId")],
        )

    return context.each(describe, fetch(client, "list_functions", "Functions[]"))


def list_layers(client, context):
    return [
        entry(("lambda", "layer"), item["LayerName"], item["LayerArn"], name=item["LayerName"], tags=None)
        for item in fetch(client, "list_layers", "Layers[]")
    ]


def apigateway_arn(context, path):
    return f"arn:{context.partition}:apigateway:{context.region}::{path}"


def list_rest_apis(client, context):
    return [
        entry(
            ("apigateway", "rest_api"),
            item["id"],
            apigateway_arn(context, f"/restapis/{item['id']}"),
            name=item["name"],
            state=item.get("apiStatus"),
            tags=item.get("tags", {}),
        )
        for item in fetch(client, "get_rest_apis", "items[]")
    ]


def list_stages(client, context):
    def stages(api):
        return [
            entry(
                ("apigateway", "stage"),
                f"{api['id']}/{item['stageName']}",
                apigateway_arn(context, f"/restapis/{api['id']}/stages/{item['stageName']}"),
                name=item["stageName"],
                tags=item.get("tags", {}),
                belongs_to=[api["id"]],
            )
            for item in call(client, "get_stages", restApiId=api["id"]).get("item", [])
        ]

    found = context.each(stages, fetch(client, "get_rest_apis", "items[]"))
    return [stage for of_one_api in found for stage in of_one_api]


def apigateway_listing(type_name, operation, path):
    def listing(client, context):
        return [
            entry(
                ("apigateway", type_name),
                item["id"],
                apigateway_arn(context, f"/{path}/{item['id']}"),
                name=item.get("name"),
                state=item.get("status"),
                tags=item.get("tags", {}),
            )
            for item in fetch(client, operation, "items[]")
        ]

    return {
        "client": "apigateway",
        "service": "apigateway",
        "type": type_name,
        "arn_kind": ("apigateway", path),
        "list": listing,
    }


def list_user_pools(client, context):
    def describe(item):
        pool = call(client, "describe_user_pool", UserPoolId=item["Id"])["UserPool"]
        return entry(
            ("cognito", "user_pool"),
            item["Id"],
            pool.get("Arn") or context.arn("cognito-idp", f"userpool/{item['Id']}"),
            name=item["Name"],
            tags=pool.get("UserPoolTags", {}),
        )

    # Unlike elsewhere the page size has no default here.
    pools = fetch(client, "list_user_pools", "UserPools[]", PaginationConfig={"PageSize": 60})
    return context.each(describe, pools)


def list_amplify_apps(client, context):
    return [
        entry(("amplify", "app"), item["appId"], item["appArn"], name=item["name"], tags=item.get("tags", {}))
        for item in fetch(client, "list_apps", "apps[]")
    ]


def owner_of_logs(name):
    """The id in the name of a log group that a service makes by itself, after the id of what writes there."""
    for prefix in ("API-Gateway-Execution-Logs_", "/aws/amplify/"):
        if name.startswith(prefix):
            return name.removeprefix(prefix).split("/")[0]
    return ""


def list_log_groups(client, context):
    def describe(item):
        # The ARN of DescribeLogGroups ends in :*, which the tagging calls refuse.
        arn = item["arn"].removesuffix(":*")
        name = item["logGroupName"]
        tags = call(client, "list_tags_for_resource", resourceArn=arn).get("tags", {})
        return entry(("logs", "log_group"), name, arn, name=name, tags=tags, belongs_to=[owner_of_logs(name)])

    return context.each(describe, fetch(client, "describe_log_groups", "logGroups[]"))


def list_alarms(client, context):
    def describe(item):
        tags = tag_dict(call(client, "list_tags_for_resource", ResourceARN=item["AlarmArn"]).get("Tags"))
        return entry(
            ("cloudwatch", "alarm"),
            item["AlarmName"],
            item["AlarmArn"],
            name=item["AlarmName"],
            state=item.get("StateValue"),
            tags=tags,
        )

    kinds = ["MetricAlarm", "CompositeAlarm"]
    return context.each(
        describe, fetch(client, "describe_alarms", "[MetricAlarms, CompositeAlarms][] | []", AlarmTypes=kinds)
    )


def list_dashboards(client, context):
    return [
        entry(
            ("cloudwatch", "dashboard"),
            item["DashboardName"],
            item["DashboardArn"],
            name=item["DashboardName"],
            tags=None,
        )
        for item in fetch(client, "list_dashboards", "DashboardEntries[]")
    ]


def ssm_tags(client, resource_type, identity):
    answer = call(client, "list_tags_for_resource", ResourceType=resource_type, ResourceId=identity)
    return tag_dict(answer.get("TagList"))


def list_parameters(client, context):
    def describe(item):
        name = item["Name"]
        return entry(
            ("ssm", "parameter"),
            name,
            item.get("ARN") or context.arn("ssm", f"parameter/{name.lstrip('/')}"),
            name=name,
            tags=ssm_tags(client, "Parameter", name),
        )

    return context.each(describe, fetch(client, "describe_parameters", "Parameters[]"))


def list_associations(client, context):
    def describe(item):
        identity = item["AssociationId"]
        return entry(
            ("ssm", "association"),
            identity,
            context.arn("ssm", f"association/{identity}"),
            name=item.get("AssociationName"),
            state=item.get("Overview", {}).get("Status"),
            tags=ssm_tags(client, "Association", identity),
        )

    return context.each(describe, fetch(client, "list_associations", "Associations[]"))


def list_secrets(client, context):
    # One that waits for its deletion still holds its name, so it is something that is there.
    return [
        entry(
            ("secretsmanager", "secret"),
            item["Name"],
            item["ARN"],
            name=item["Name"],
            state="pending deletion" if item.get("DeletedDate") else "active",
            tags=tag_dict(item.get("Tags")),
        )
        for item in fetch(client, "list_secrets", "SecretList[]", IncludePlannedDeletion=True)
    ]


def list_buckets(client, context):
    def describe(item):
        name = item["Name"]
        try:
            where = item.get("BucketRegion") or bucket_region(client, name)
            if where != context.region:
                return None
            tags = bucket_tags(client, name)
        except ClientError as e:
            if is_refusal(e, "NoSuchBucket"):
                return None
            raise
        return entry(("s3", "bucket"), name, f"arn:{context.partition}:s3:::{name}", name=name, tags=tags)

    return [found for found in context.each(describe, fetch(client, "list_buckets", "Buckets[]")) if found]


def bucket_region(client, name):
    # us-east-1 is none, and EU is an old name.
    where = call(client, "get_bucket_location", Bucket=name).get("LocationConstraint")
    return {None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}.get(where, where)


def bucket_tags(client, name):
    try:
        return tag_dict(call(client, "get_bucket_tagging", Bucket=name).get("TagSet"))
    except ClientError as e:
        if is_refusal(e, "NoSuchTagSet"):
            return {}
        raise


def listing(client, kind, arn_kind, function):
    return {"client": client, "service": kind[0], "type": kind[1], "arn_kind": arn_kind, "list": function}


LISTINGS = [
    *EC2_LISTINGS,
    listing("efs", ("efs", "file_system"), ("elasticfilesystem", "file-system"), list_file_systems),
    listing("efs", ("efs", "access_point"), ("elasticfilesystem", "access-point"), list_access_points),
    listing("backup", ("backup", "recovery_point"), ("backup", "recovery-point"), list_recovery_points),
    listing("elbv2", ("elbv2", "load_balancer"), ("elasticloadbalancing", "loadbalancer"), list_load_balancers),
    listing("elbv2", ("elbv2", "target_group"), ("elasticloadbalancing", "targetgroup"), list_target_groups),
    *RDS_LISTINGS,
    listing("lambda", ("lambda", "function"), ("lambda", "function"), list_functions),
    listing("lambda", ("lambda", "layer"), ("lambda", "layer"), list_layers),
    listing("apigateway", ("apigateway", "rest_api"), ("apigateway", "restapis"), list_rest_apis),
    listing("apigateway", ("apigateway", "stage"), ("apigateway", "restapis/stages"), list_stages),
    apigateway_listing("vpc_link", "get_vpc_links", "vpclinks"),
    apigateway_listing("usage_plan", "get_usage_plans", "usageplans"),
    apigateway_listing("api_key", "get_api_keys", "apikeys"),
    listing("cognito-idp", ("cognito", "user_pool"), ("cognito-idp", "userpool"), list_user_pools),
    listing("amplify", ("amplify", "app"), ("amplify", "apps"), list_amplify_apps),
    listing("logs", ("logs", "log_group"), ("logs", "log-group"), list_log_groups),
    listing("cloudwatch", ("cloudwatch", "alarm"), ("cloudwatch", "alarm"), list_alarms),
    listing("cloudwatch", ("cloudwatch", "dashboard"), ("cloudwatch", "dashboard"), list_dashboards),
    listing("ssm", ("ssm", "parameter"), ("ssm", "parameter"), list_parameters),
    listing("ssm", ("ssm", "association"), ("ssm", "association"), list_associations),
    listing("secretsmanager", ("secretsmanager", "secret"), ("secretsmanager", "secret"), list_secrets),
    listing("s3", ("s3", "bucket"), ("s3", "bucket"), list_buckets),
]

SERVICES = sorted({each["service"] for each in LISTINGS})


def describe_failure(error):
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "")
        return f"{code}: {error.response.get('Error', {}).get('Message', '')}".strip(": ")
    return f"{type(error).__name__}: {error}"


@AWSRetry.jittered_backoff(retries=5, delay=1, max_delay=8)
def get_tagged(client, tags):
    filters = [{"Key": key, "Values": [str(value)]} for key, value in sorted(tags.items())]
    pages = client.get_paginator("get_resources").paginate(TagFilters=filters)
    return [
        {"arn": each["ResourceARN"], "tags": tag_dict(each.get("Tags"))}
        for page in pages
        for each in page["ResourceTagMappingList"]
    ]


def sweep(make_client, context_values, services, tags_for_tagging_api):
    """Runs every listing side by side. make_client(name, config) is called here, never in a thread: boto3's clients
    may be shared by threads but not made by them. Returns entries, what failed, the kinds looked at, and what the
    tagging API says (None when it was not to be asked or refused)."""
    wanted = [each for each in LISTINGS if each["service"] in services]
    config = Config(max_pool_connections=LIST_THREADS + DETAIL_THREADS)
    entries, failures, looked_at, tagged = [], [], set(), None
    with ThreadPoolExecutor(DETAIL_THREADS) as details, ThreadPoolExecutor(LIST_THREADS) as listers:
        partition, region, account = context_values
        context = Context(partition, region, account, details)
        clients: dict = {}
        jobs = []
        tagging_job = None
        if tags_for_tagging_api is not None:
            tagging = make_client("resourcegroupstaggingapi", config)
            tagging_job = listers.submit(get_tagged, tagging, tags_for_tagging_api)
        for each in wanted:
            if each["client"] not in clients:
                clients[each["client"]] = make_client(each["client"], config)
            jobs.append((each, listers.submit(each["list"], clients[each["client"]], context)))
        for each, job in jobs:
            try:
                entries.extend(job.result())
                looked_at.add(each["arn_kind"])
            except (ClientError, BotoCoreError) as e:
                failures.append({"service": each["service"], "type": each["type"], "reason": describe_failure(e)})
        if tagging_job:
            try:
                tagged = tagging_job.result()
            except (ClientError, BotoCoreError) as e:
                failures.append({"service": "tagging", "type": "tagging_api", "reason": describe_failure(e)})
    return {"entries": entries, "failures": failures, "looked_at": looked_at, "tagged": tagged}
