"""What the page shows beyond the data plane's picture of the network, and what of that has to be read more often. Secrets are left out here."""

from __future__ import annotations

from typing import Any

from localcloud import hooks
from localcloud.dataplane.reader import Described, Part, Reader, list_of, listed

EXECUTIONS = 10  # of an association, the newest: in them each target's newest result is looked for
Regions = dict[str, dict[str, list[Described]]]


def target_health(client: Any) -> list[Described]:
    return [
        {"TargetGroupArn": group["TargetGroupArn"], **each}
        for group in listed(client, "describe_target_groups", "TargetGroups")
        for each in listed(
            client, "describe_target_health", "TargetHealthDescriptions", TargetGroupArn=group["TargetGroupArn"]
        )
    ]


def rest_apis(client: Any) -> list[Described]:
    found = listed(client, "get_rest_apis", "items")
    for api in found:
        which = {"restApiId": api["id"]}
        api["stages"] = listed(client, "get_stages", "item", **which)
        api["resources"] = listed(client, "get_resources", "items", **which, embed=["methods"])
        api["authorizers"] = listed(client, "get_authorizers", "items", **which)
    return found


def user_pools(client: Any) -> list[Described]:
    found = listed(client, "list_user_pools", "UserPools", MaxResults=60)
    for pool in found:
        clients = listed(client, "list_user_pool_clients", "UserPoolClients", UserPoolId=pool["Id"])
        pool["Clients"] = [app_client(client, pool["Id"], each["ClientId"]) for each in clients]
    return found


def app_client(client: Any, pool: str, identity: str) -> Described:
    full = client.describe_user_pool_client(UserPoolId=pool, ClientId=identity)["UserPoolClient"]
    kept = ("ClientId", "ClientName", "ExplicitAuthFlows")
    return {key: full[key] for key in kept if key in full} | {"HasSecret": bool(full.get("ClientSecret"))}


def associations(client: Any) -> list[Described]:
    """With the newest result of each target, as Results."""
    found = listed(client, "list_associations", "Associations")
    for association in found:
        which = {"AssociationId": association["AssociationId"]}
        executions = listed(client, "describe_association_executions", "AssociationExecutions", **which)
        executions.sort(key=lambda each: each["CreatedTime"], reverse=True)
        results: dict[str, Described] = {}
        for execution in executions[:EXECUTIONS]:
            for each in listed(
                client,
                "describe_association_execution_targets",
                "AssociationExecutionTargets",
                **which,
                ExecutionId=execution["ExecutionId"],
            ):
                results.setdefault(each["ResourceId"], each)
        association["Results"] = list(results.values())
    return found


PARTS = {
    "health": Part("elbv2", target_health, also=("ec2",), seconds=1.5),
    "file_systems": Part("efs", list_of("describe_file_systems", "FileSystems"), seconds=10),
    "databases": Part("rds", list_of("describe_db_instances", "DBInstances"), seconds=5),
    "apis": Part("apigateway", rest_apis),
    "pools": Part("cognito-idp", user_pools),
    "associations": Part("ssm", associations, also=("ec2",), seconds=3),
    "alarms": Part("cloudwatch", list_of("describe_alarms", "MetricAlarms"), seconds=5),
}
READER = Reader({service for part in PARTS.values() for service in (part.service, *part.also)})
hooks.on("aws.changed")(READER.note)


def read() -> Regions:
    """By region and part. Where a service was never asked to change anything, there is nothing of it."""
    found: Regions = {}
    for name, part in PARTS.items():
        for region in READER.used(part.service):
            found.setdefault(region, {})[name] = READER.read(region, name, part)
    return found
