"""What a service model says of a parameter's value and botocore does not check: patterns, lengths, ranges, enumerations, required members."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

# Shapes whose constraints are not the service's own: (service, shape) and why.
EXEMPT = {
    ("ec2", "*"): "EC2's model lists enumerations of the day it was made; the hand-written rules know its formats",
    ("s3", "*"): "S3 takes values (regions, storage classes) that its model does not list yet",
}


@functools.cache
def compiled(pattern: str) -> re.Pattern[str] | None:
    """The pattern as Python reads it; None where it is written for another engine."""
    try:
        return re.compile(
            pattern.replace(r"\p{L}", r"\w")
            .replace(r"\p{M}", "")
            .replace(r"\p{Z}", r"\s")
            .replace(r"\p{S}", "")
            .replace(r"\p{N}", r"\d")
            .replace(r"\p{P}", r"!-/:-@\[-`{-~")
        )
    except re.error:
        return None


def problems(service: str, shape: Any, value: Any, path: str = "") -> Iterator[str]:
    """Sentences in AWS's style, one for each constraint that the value breaks."""
    if (service, "*") in EXEMPT:
        return
    name = shape.type_name
    limits = shape.metadata
    if name == "structure" and isinstance(value, dict):
        for member in shape.required_members:
            if value.get(member) is None:
                yield f"Value null at '{join(path, member)}' failed to satisfy constraint: Member must not be null"
        for member, item in value.items():
            if item is not None and member in shape.members:
                yield from problems(service, shape.members[member], item, join(path, member))
    elif name == "list" and isinstance(value, list | tuple):
        yield from sized(limits, len(value), path, value)
        for index, item in enumerate(value, start=1):
            yield from problems(service, shape.member, item, f"{path}.{index}.member")
    elif name == "map" and isinstance(value, dict):
        yield from sized(limits, len(value), path, value)
        for key, item in value.items():
            yield from problems(service, shape.key, key, f"{path}.key")
            yield from problems(service, shape.value, item, join(path, str(key)))
    elif name in ("string", "character") and isinstance(value, str):
        yield from text(shape, value, path)
    elif name in ("integer", "long", "float", "double") and isinstance(value, int | float):
        if "min" in limits and value < limits["min"]:
            yield f"Value '{value}' at '{path}' failed to satisfy constraint: Member must have value greater than or equal to {limits['min']}"
        if "max" in limits and value > limits["max"]:
            yield f"Value '{value}' at '{path}' failed to satisfy constraint: Member must have value less than or equal to {limits['max']}"


def text(shape: Any, value: str, path: str) -> Iterator[str]:
    limits = shape.metadata
    shown = "***" if limits.get("sensitive") else value
    if limits.get("enum") and value not in limits["enum"]:
        yield f"Value '{shown}' at '{path}' failed to satisfy constraint: Member must satisfy enum value set: [{', '.join(sorted(limits['enum']))}]"
    yield from sized(limits, len(value), path, shown)
    if "pattern" in limits:
        pattern = compiled(limits["pattern"])
        if pattern and not pattern.search(value) and not pattern.fullmatch(value):
            yield f"Value '{shown}' at '{path}' failed to satisfy constraint: Member must satisfy regular expression pattern: {limits['pattern']}"


def sized(limits: dict[str, Any], length: int, path: str, shown: Any) -> Iterator[str]:
    if "min" in limits and length < limits["min"]:
        yield f"Value '{shown}' at '{path}' failed to satisfy constraint: Member must have length greater than or equal to {limits['min']}"
    if "max" in limits and length > limits["max"]:
        yield f"Value '{shown}' at '{path}' failed to satisfy constraint: Member must have length less than or equal to {limits['max']}"


def join(path: str, member: str) -> str:
    member = member[:1].lower() + member[1:]
    return f"{path}.{member}" if path else member
