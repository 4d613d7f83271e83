# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Operations: logs, alarms, dashboard, and whether all could be looked at and nothing is half made (O-1 to O-3)."""

from ansible_collections.lks.llm.plugins.module_utils.verify.inventory import inventory, starts
from ansible_collections.lks.llm.plugins.module_utils.verify.judging import Check, Finding, NotJudged
from ansible_collections.lks.llm.plugins.module_utils.verify.system import name_of


def own_logs(system):
    return [
        (region, group)
        for region, group in system.everywhere("log_groups")
        if starts(group["logGroupName"], system.prefix)
    ]


def retention(system):
    """O-1"""
    found = own_logs(system)
    if not found:
        raise NotJudged("there are no log groups")
    for region, group in found:
        if not group.get("retentionInDays"):
            yield Finding(f"{group['logGroupName']} is kept for ever", group["arn"], region)


def function_logs(system):
    """O-1. A group that Lambda makes by itself is kept for ever and left behind."""
    names = {group["logGroupName"] for _region, group in own_logs(system)}
    if not system.functions:
        raise NotJudged("there is no function")
    for function in system.functions:
        wanted = function.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{function['FunctionName']}"
        if wanted not in names:
            yield Finding(
                f"{function['FunctionName']} has no log group {wanted}", function["FunctionArn"], missing=True
            )


def access_logs(system):
    """O-1"""
    if not system.api["stages"]:
        raise NotJudged("the API has no stage")
    for stage in system.api["stages"]:
        if not stage.get("accessLogSettings", {}).get("destinationArn"):
            yield Finding(
                f"the stage {stage['stageName']} writes no access logs", f"{system.api['id']}/{stage['stageName']}"
            )


def dashboard(system):
    """O-1"""
    found = [
        each for _region, each in system.everywhere("dashboards") if each["DashboardName"].startswith(system.prefix)
    ]
    if not found:
        yield Finding("there is no dashboard", f"{system.prefix}overview", missing=True)
    for each in found:
        if not each["Body"].get("widgets"):
            yield Finding(f"{each['DashboardName']} shows nothing", each["DashboardArn"])


def watched(zone, namespace, metrics, dimensions):
    """Whether an alarm of the zone's region watches one of the metrics with at least these dimensions."""
    for alarm in zone.part("alarms"):
        have = {each["Name"]: each["Value"] for each in alarm.get("Dimensions", [])}
        if (
            alarm.get("Namespace") == namespace
            and alarm.get("MetricName") in metrics
            and dimensions.items() <= have.items()
        ):
            return True
    return False


def last(arn, count):
    return "/".join(arn.split("/")[-count:])


def zone_alarms(system, zone):
    """O-1: workers, 5xx, latency and NAT of each zone."""
    balancer = last(zone.alb["LoadBalancerArn"], 3)
    wanted: list = [
        ("5xx answers of the ALB", "AWS/ApplicationELB", ("HTTPCode_ELB_5XX_Count",), {"LoadBalancer": balancer}),
        (
            "5xx answers of the workers",
            "AWS/ApplicationELB",
            ("HTTPCode_Target_5XX_Count",),
            {"LoadBalancer": balancer},
        ),
        ("the latency of the workers", "AWS/ApplicationELB", ("TargetResponseTime",), {"LoadBalancer": balancer}),
    ]
    for kind in system.expected["kinds"]:
        group = zone.group_of_kind(kind["name"])
        if group:
            dimensions = {"TargetGroup": group["TargetGroupArn"].split(":")[-1]}
            wanted.append(
                (
                    f"unhealthy {kind['name']} workers",
                    "AWS/ApplicationELB",
                    ("UnHealthyHostCount", "HealthyHostCount"),
                    dimensions,
                )
            )
    if zone.nat_or_none:
        status = ("StatusCheckFailed", "StatusCheckFailed_Instance", "StatusCheckFailed_System")
        wanted.append(("the NAT instance", "AWS/EC2", status, {"InstanceId": zone.nat["InstanceId"]}))
    for what, namespace, metrics, dimensions in wanted:
        if not watched(zone, namespace, metrics, dimensions):
            yield Finding(f"no alarm watches {what} of {zone.name}", ", ".join(dimensions.values()), missing=True)


def home_alarms(system):
    """O-1: database, function, store, API."""
    home = system.home
    database = {"DBInstanceIdentifier": system.database["DBInstanceIdentifier"]}
    wanted: list = [
        ("the database's storage", "AWS/RDS", ("FreeStorageSpace",), database),
        ("the database's connections", "AWS/RDS", ("DatabaseConnections",), database),
        ("the function's errors", "AWS/Lambda", ("Errors",), {"FunctionName": system.function["FunctionName"]}),
        (
            "the store's burst credit",
            "AWS/EFS",
            ("BurstCreditBalance",),
            {"FileSystemId": system.store["FileSystemId"]},
        ),
    ]
    if system.api_or_none:
        wanted += [
            ("the API's 5xx answers", "AWS/ApiGateway", ("5XXError",), {"ApiName": system.api["name"]}),
            ("the API's latency", "AWS/ApiGateway", ("Latency", "IntegrationLatency"), {"ApiName": system.api["name"]}),
        ]
    for what, namespace, metrics, dimensions in wanted:
        if not watched(home, namespace, metrics, dimensions):
            yield Finding(f"no alarm watches {what}", ", ".join(dimensions.values()), missing=True)


def looked_at(system):
    """O-2. What AWS refused to tell is not proven."""
    for each in system.snapshot["refused"]:
        region = "" if each["region"] == "global" else each["region"]
        yield Finding(
            f"{each['part']} of {each['region']} could not be looked at: {each['reason']}", each["part"], region
        )


# (kind, part, key of the name, key of the state, states in which nothing gets better by itself)
STATES = [
    ("load balancer", "load_balancers", "LoadBalancerName", ("State", "Code"), ("failed", "active_impaired")),
    ("VPC link", "vpc_links", "name", ("status",), ("FAILED",)),
    ("file system", "file_systems", "Name", ("LifeCycleState",), ("error",)),
    ("volume", "volumes", "VolumeId", ("State",), ("error",)),
]


def settled(system):
    """O-3. Said here too, because a deploy that is run again has to get over it."""
    if not inventory(system):
        raise NotJudged("there is nothing yet")
    for region in system.snapshot["regions"]:
        for kind, part, name_key, path, bad in STATES:
            for item in system.part(region, part):
                state = item
                for key in path:
                    state = (state or {}).get(key)
                if state in bad and starts(item.get(name_key) or name_of(item), system.prefix):
                    yield Finding(f"{kind} {item.get(name_key)} is {state}", item.get(name_key) or "", region)
    for zone in system.zones:
        for instance in zone.instances if zone.vpc_or_none else []:
            if instance["State"]["Name"] == "stopped":
                yield Finding(f"{name_of(instance)} is stopped", instance["InstanceId"], zone.region)


def once(system):
    """O-3. A run that does not find again what an earlier one made makes it twice."""
    seen: dict = {}
    found = inventory(system)
    if not found:
        raise NotJudged("there is nothing yet")
    for resource in found:
        # Rules, listeners, volumes and interfaces are named after what they belong to; a peering is one in two regions.
        if resource.name and resource.kind not in ("volume", "interface", "listener", "listener rule", "peering"):
            seen.setdefault((resource.kind, resource.region, resource.name), []).append(resource.id)
    for (kind, region, name), ids in seen.items():
        if len(set(ids)) > 1:
            yield Finding(f"{kind} {name} is there {len(set(ids))} times", ", ".join(sorted(set(ids))), region)


RERUN = "Run {playbook}."
CHECKS = [
    Check("O-1.retention", "Logs are kept for a while", retention, "a retention on every log group", RERUN, 1),
    Check(
        "O-1.function_logs",
        "Functions log into groups of ours",
        function_logs,
        "a log group for every function",
        RERUN,
        1,
        makes="log groups of the functions",
    ),
    Check("O-1.access_logs", "The API logs who called", access_logs, "access logs on the stage", RERUN, 1),
    Check("O-1.dashboard", "A dashboard", dashboard, "a dashboard with widgets", RERUN, 1, makes="dashboard"),
    Check(
        "O-1.zone_alarms",
        "Alarms of every zone",
        zone_alarms,
        "alarms on workers, errors, latency and the NAT instance",
        RERUN,
        2,
        zones=True,
        makes="alarms",
    ),
    Check(
        "O-1.home_alarms",
        "Alarms of what there is once",
        home_alarms,
        "alarms on database, function, store and API",
        RERUN,
        2,
        makes="alarms on database, function, store and API",
    ),
    Check(
        "O-2.looked_at",
        "Everything could be looked at",
        looked_at,
        "an answer to every question",
        "Look with credentials that may read it.",
    ),
    Check("O-3.settled", "Nothing is half made", settled, "no resource that failed or stopped", RERUN, 1),
    Check("O-3.once", "Nothing is made twice", once, "each name once", "Delete the one that nothing uses.", 1),
]
