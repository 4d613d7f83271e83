"""Which user pools' tokens open which APIs, and which of an API's paths may lead to a service with Ollama's API: pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Described = Mapping[str, Any]
PASSWORD = "ALLOW_USER_PASSWORD_AUTH"
PROVIDER = ":userpool/"


def pools_of(api: Described) -> list[str]:
    """The ids of the pools whose tokens it takes."""
    return sorted(
        {
            arn.partition(PROVIDER)[2]
            for authorizer in api.get("authorizers", [])
            for arn in authorizer.get("providerARNs") or []
            if PROVIDER in arn
        }
    )


def bases(api: Described) -> list[str]:
    """Paths below which GET tags and POST chat lead to an HTTP endpoint."""
    found: set[str] = set()
    verbs: dict[str, set[str]] = {}
    for resource in api.get("resources", []):
        path = resource["path"]
        for verb, method in (resource.get("resourceMethods") or {}).items():
            if (method.get("methodIntegration") or {}).get("type") == "HTTP_PROXY":
                verbs.setdefault(path, set()).update(("GET", "POST") if verb == "ANY" else (verb,))
    for path, allowed in verbs.items():
        base, _, last = path.rpartition("/")
        if "{" in base:
            continue
        if last.endswith("+}") and {"GET", "POST"} <= allowed:
            found.add(base)
        if last == "tags" and "GET" in allowed and "POST" in verbs.get(f"{base}/chat", ()):
            found.add(base)
    return sorted(found)


def ways(region: str, api: Described, pools: Mapping[str, Described]) -> Iterator[dict[str, Any]]:
    """To sign in and use this API: an app client that takes passwords and has no secret, a stage, and the bases.

    pools: by id, as described.user_pools() gives them.
    """
    offered = bases(api)
    for pool in pools_of(api):
        for client in pools.get(pool, {}).get("Clients", []):
            if client["HasSecret"] or PASSWORD not in client.get("ExplicitAuthFlows", []):
                continue
            for stage in api.get("stages", []):
                yield {
                    "region": region,
                    "pool": pools[pool]["Name"],
                    "client": client["ClientId"],
                    "api": api["name"],
                    "stage": stage["stageName"],
                    "url": f"/execute-api/{api['id']}/{stage['stageName']}",
                    "bases": offered,
                }
