"""What a service model says of a parameter's value and botocore does not check: patterns, lengths, ranges, enumerations, required members."""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

# Shapes whose constraints are not the service's own: (service, shape) and why.
EXEMPT = {
    ("ec2", "*"): "EC2's model lists enumerations of the day it was made; the hand-written rules know its formats",
    ("s3", "*"): "S3 takes values (regions, storage classes) that its model does not list yet",
}

CATEGORY = re.compile(r"\\p\{(?P<name>[A-Z][a-z]?)\}")
ASTRAL_PAIRS = r"\uD800\uDC00-\uDBFF\uDFFF"  # how Java writes U+10000 to U+10FFFF within a class

IDEOGRAPHS = (0x20000, 0x3FFFF)  # planes of nothing but letters; what lies above is in no category that a pattern names


@functools.cache
def categories() -> dict[str, str]:
    """Members of each Unicode category (L, Lu, Zs, …) as they are written within a regular expression's class."""
    found: dict[str, list[str]] = {}
    for name, run in itertools.groupby(range(IDEOGRAPHS[0]), key=lambda point: unicodedata.category(chr(point))):
        points = list(run)
        written = f"\\U{points[0]:08x}-\\U{points[-1]:08x}"
        found.setdefault(name, []).append(written)
        found.setdefault(name[0], []).append(written)
    found["L"].append(f"\\U{IDEOGRAPHS[0]:08x}-\\U{IDEOGRAPHS[1]:08x}")
    return {name: "".join(written) for name, written in found.items()}


@functools.cache
def compiled(pattern: str) -> re.Pattern[str] | None:
    """The pattern as Python reads it; None where it is written for another engine.

    Java, which AWS checks with, knows \\p{..} and takes a hyphen behind a class escape for itself; its \\w, \\d and \\s are ASCII.
    """
    if "&&[" in pattern:  # an intersection of classes
        return None
    translated = pattern.replace(ASTRAL_PAIRS, r"\U00010000-\U0010ffff")
    translated = re.sub(r"(\\[wds])-(?=[^\]])", r"\1\\-", translated)
    if r"\p{" in translated:
        translated = CATEGORY.sub(lambda found: categories().get(found["name"], found[0]), translated)
    try:
        return re.compile(translated, re.ASCII)
    except re.error:
        return None


def matches(pattern: str, value: str) -> bool:
    """Whether a value is what the pattern means: all of it, unless an anchor at one end leaves the other end open."""
    expression = compiled(pattern)
    if expression is None or expression.fullmatch(value):
        return True
    return pattern.startswith("^") != pattern.endswith("$") and bool(expression.search(value))


def problems(service: str, shape: Any, value: Any, path: str = "") -> Iterator[str]:
    """Sentences in AWS's style, one for each constraint that the value breaks."""
    if (service, "*") in EXEMPT or (service, shape.name) in EXEMPT:
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
        yield from sized(limits, len(value), path, shown(limits, value))
        for index, item in enumerate(value, start=1):
            yield from problems(service, shape.member, item, f"{path}.{index}.member")
    elif name == "map" and isinstance(value, dict):
        yield from sized(limits, len(value), path, shown(limits, value))
        for key, item in value.items():
            yield from problems(service, shape.key, key, f"{path}.key")
            yield from problems(service, shape.value, item, join(path, str(key)))
    elif name in ("string", "character") and isinstance(value, str):
        yield from text(limits, value, path)
    elif name in ("integer", "long", "float", "double") and isinstance(value, int | float):
        if "min" in limits and value < limits["min"]:
            yield f"Value '{value}' at '{path}' failed to satisfy constraint: Member must have value greater than or equal to {limits['min']}"
        if "max" in limits and value > limits["max"]:
            yield f"Value '{value}' at '{path}' failed to satisfy constraint: Member must have value less than or equal to {limits['max']}"


def text(limits: dict[str, Any], value: str, path: str) -> Iterator[str]:
    given = shown(limits, value)
    if limits.get("enum") and value not in limits["enum"]:
        yield f"Value '{given}' at '{path}' failed to satisfy constraint: Member must satisfy enum value set: [{', '.join(sorted(limits['enum']))}]"
    yield from sized(limits, len(value), path, given)
    if "pattern" in limits and not matches(limits["pattern"], value):
        yield f"Value '{given}' at '{path}' failed to satisfy constraint: Member must satisfy regular expression pattern: {limits['pattern']}"


def sized(limits: dict[str, Any], length: int, path: str, given: Any) -> Iterator[str]:
    if "min" in limits and length < limits["min"]:
        yield f"Value '{given}' at '{path}' failed to satisfy constraint: Member must have length greater than or equal to {limits['min']}"
    if "max" in limits and length > limits["max"]:
        yield f"Value '{given}' at '{path}' failed to satisfy constraint: Member must have length less than or equal to {limits['max']}"


def shown(limits: dict[str, Any], value: Any) -> Any:
    """The value as an error message may show it. Lists and maps may hold what must not be seen."""
    if limits.get("sensitive"):
        return "***"
    return value if isinstance(value, str) else f"{len(value)} members"


def join(path: str, member: str) -> str:
    member = member[:1].lower() + member[1:]
    return f"{path}.{member}" if path else member
