"""State Manager's results, alarms, and the newest requests, as the page lists them: pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.status import words
from localcloud.status.words import meaning

Described = Mapping[str, Any]
VARIABLE = re.compile(r"\{[^}]+\}")


def associations(region: str, found: list[Any], titles: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """titles: of instances, by id."""
    for each in found:
        results = [
            {
                "id": result["ResourceId"],
                "title": titles.get(result["ResourceId"], result["ResourceId"]),
                "said": result["Status"],
                "health": meaning(result["Status"]),
                "why": result.get("DetailedStatus") or "",
                "time": seconds(result.get("LastExecutionDate")),
            }
            for result in each.get("Results", [])
        ]
        told = (each.get("Overview") or {}).get("Status") or "Pending"
        yield {
            "id": each["AssociationId"],
            "region": region,
            "title": each.get("AssociationName") or each["Name"],
            "document": each["Name"],
            "targets": ", ".join(
                f"{target['Key']} = {' or '.join(target['Values'])}" for target in each.get("Targets", [])
            ),
            "said": told,
            "health": words.worst(meaning(told), *(result["health"] for result in results)),
            "time": seconds(each.get("LastExecutionDate")),
            "results": sorted(results, key=lambda result: result["title"]),
        }


def seconds(moment: Any) -> int | None:
    return int(moment.timestamp()) if moment else None


def alarms(region: str, found: list[Any]) -> Iterator[dict[str, Any]]:
    for each in found:
        yield {
            "id": each["AlarmArn"],
            "region": region,
            "title": each["AlarmName"],
            "text": each.get("AlarmDescription") or "",
            "said": each["StateValue"].lower().replace("_", " "),
            "health": meaning(each["StateValue"]),
            "why": each.get("StateReason") or "",
        }


def shown_path(path: str, resource: str) -> str:
    """A request's path without what stands for a {variable} in it: users' ids are among those. What a {greedy+} one takes in is kept."""
    pieces, names = path.split("/"), resource.split("/")
    if not resource or len(names) > len(pieces):
        return path
    shown = [
        name if VARIABLE.fullmatch(name) and not name.endswith("+}") else piece
        for piece, name in zip(pieces, names, strict=False)
    ]
    return "/".join([*shown, *pieces[len(names) :]])


def requests(journeys: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The newest first."""
    return [
        {
            **{
                key: each[key]
                for key in ("id", "time", "method", "status", "milliseconds", "bytes", "reason", "stage", "resource")
            },
            "api": f"api:{each['region']}:{each['api']}",
            "path": shown_path(each["path"], each["resource"]),
            "hops": [{**hop, "node": f"{hop['kind']}:{hop['region']}:{hop['name']}"} for hop in each["hops"]],
        }
        for each in reversed(journeys)
    ]
