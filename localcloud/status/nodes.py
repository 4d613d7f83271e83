"""What there is, as nodes of a picture: pure functions of what AWS describes.

A node has an id of its kind, region and name, as the hops of a request name them; health and the word for it; facts (pairs of a name and
a value); rows (what is within it, each with an id, from which links leave); and, where others name it so, its ARN or an instance's id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.status import words
from localcloud.status.words import meaning

Described = Mapping[str, Any]
Node = dict[str, Any]


def identity(kind: str, region: str, name: str) -> str:
    return f"{kind}:{region}:{name}"


def name_of(described: Described, default: str) -> str:
    return next((each["Value"] for each in described.get("Tags") or [] if each["Key"] == "Name"), "") or default


def node(kind: str, region: str, name: str, word: str, *, title: str = "", facts: Described, **more: Any) -> Node:
    """A fact without a value is left out."""
    return {
        "id": identity(kind, region, name),
        "kind": kind,
        "region": region,
        "title": title or name,
        "said": word,
        "health": meaning(word),
        "rows": [],
        "facts": [[key, str(value)] for key, value in facts.items() if value not in (None, "", [])],
        **more,
    }


def functions(region: str, found: list[Any], vpc_of: Mapping[str, str]) -> Iterator[Node]:
    for each in found:
        subnets = (each.get("VpcConfig") or {}).get("SubnetIds") or []
        yield node(
            "function",
            region,
            each["FunctionName"],
            each.get("State") or "Active",
            facts={
                "Runtime": each.get("Runtime"),
                "Memory": f"{each['MemorySize']} MB" if each.get("MemorySize") else "",
                "Timeout": f"{each['Timeout']} s" if each.get("Timeout") else "",
                "Last update": each.get("LastUpdateStatus"),
            },
            vpc=next((vpc_of[subnet] for subnet in subnets if subnet in vpc_of), ""),
            arn=each["FunctionArn"],
        )


def databases(region: str, found: list[Any]) -> Iterator[Node]:
    """Who may sign in to a database, and what it is called within, is no business of a page."""
    for each in found:
        endpoint = each.get("Endpoint") or {}
        yield node(
            "database",
            region,
            each["DBInstanceIdentifier"],
            each["DBInstanceStatus"],
            facts={
                "Engine": f"{each['Engine']} {each.get('EngineVersion', '')}".strip(),
                "Class": each.get("DBInstanceClass"),
                "Endpoint": f"{endpoint['Address']}:{endpoint['Port']}" if endpoint else "",
                "Storage": f"{each['AllocatedStorage']} GB" if each.get("AllocatedStorage") else "",
                "Encrypted": "yes" if each.get("StorageEncrypted") else "no",
            },
            vpc=(each.get("DBSubnetGroup") or {}).get("VpcId", ""),
            arn=each.get("DBInstanceArn", ""),
        )


def file_systems(region: str, found: list[Any], mounts: list[Any]) -> Iterator[Node]:
    for each in found:
        own = each["FileSystemId"]
        targets = [mount for mount in mounts if mount["FileSystemId"] == own]
        yield node(
            "file-system",
            region,
            own,
            each["LifeCycleState"],
            title=each.get("Name") or name_of(each, own),
            facts={
                "File system": own,
                "Throughput": each.get("ThroughputMode"),
                "Encrypted": "yes" if each.get("Encrypted") else "no",
                **{f"Mount target {mount['IpAddress']}": mount["LifeCycleState"] for mount in targets},
            },
        )


def vpc_links(region: str, found: list[Any]) -> Iterator[Node]:
    for each in found:
        yield node(
            "vpc-link", region, each["id"], each["status"].lower(), title=each.get("name", ""), facts={"Id": each["id"]}
        )


def apis(region: str, found: list[Any]) -> Iterator[Node]:
    for each in found:
        stages = [stage["stageName"] for stage in each.get("stages", [])]
        made = node(
            "api",
            region,
            each["id"],
            "deployed" if stages else "not deployed",
            title=each["name"],
            facts={"Id": each["id"], "Stages": ", ".join(stages), "Answers": " ".join(addresses(each))},
        )
        made["rows"] = [
            {
                "id": f"{made['id']}#{number}",
                "text": ", ".join(paths),
                "paths": paths,
                "leads": list(target),
                "health": words.GOOD,
            }
            for number, (target, paths) in enumerate(integrations(each).items())
        ]
        made["health"] = words.GOOD if stages else words.OFF
        yield made


def addresses(api: Described) -> list[str]:
    """Of each stage, below the data plane's own address."""
    return [f"/execute-api/{api['id']}/{stage['stageName']}" for stage in api.get("stages", [])]


def integrations(api: Described) -> dict[tuple[str, str, str], list[str]]:
    """The paths of each integration: by its type, connection and URI's host and port, or function."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for resource in sorted(api.get("resources", []), key=lambda each: each["path"]):
        for verb, method in sorted((resource.get("resourceMethods") or {}).items()):
            integration = method.get("methodIntegration") or {}
            if verb == "OPTIONS" or integration.get("type", "MOCK") == "MOCK":
                continue
            uri = integration.get("uri") or ""
            place = uri.partition("/functions/")[2].partition("/")[0] or uri.partition("://")[2].partition("/")[0]
            paths = found.setdefault((integration["type"], integration.get("connectionId") or "", place), [])
            if resource["path"] not in paths:
                paths.append(resource["path"])
    return dict(sorted(found.items(), key=lambda each: each[0][0]))


def user_pools(region: str, found: list[Any]) -> Iterator[Node]:
    for each in found:
        clients = ", ".join(client["ClientName"] for client in each.get("Clients", []))
        yield node(
            "user-pool",
            region,
            each["Id"],
            "active",
            title=each["Name"],
            facts={"Id": each["Id"], "App clients": clients},
        )
