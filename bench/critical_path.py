"""The longest way through what a deploy needs, step after step: no deploy can be shorter, however many hands it has.

`dependencies.yml` says what the steps are and what they need; how long each takes comes from a run's own record, the callback
`lks.llm.timeline`, and from what the local cloud says it made wait. A wait takes what it took. Of a step's tasks only their own time counts: from
when a task began, or from when the last of what its step needs was there if that was later, as a task that waits begins too early; of the
zones, the slowest counts.
"""

from __future__ import annotations

import graphlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

START, END = "Ansible starts", "Ansible ends"


class Unknown(Exception):
    """What the record has and the steps do not name, or the other way round."""


@dataclass(frozen=True)
class Step:
    """Seconds that it takes by itself, of AWS's making (waits) or ours, and when it really was, in seconds from the start of the run."""

    name: str
    needs: tuple[str, ...]
    waits: bool
    seconds: float
    began: float
    ended: float


@dataclass(frozen=True)
class Placed:
    """A step at the earliest time at which it could have been."""

    step: Step
    began: float

    @property
    def ended(self) -> float:
        return self.began + self.step.seconds


def critical_path(steps: Iterable[Step]) -> list[Placed]:
    """The steps of the longest way, from the first; raises graphlib.CycleError, and Unknown for what a step needs and nobody is."""
    known = {step.name: step for step in steps}
    for step in known.values():
        if missing := set(step.needs) - known.keys():
            raise Unknown(f"{step.name} needs {', '.join(sorted(missing))}, which is no step")
    placed: dict[str, Placed] = {}
    before: dict[str, str] = {}
    for name in graphlib.TopologicalSorter({step.name: step.needs for step in known.values()}).static_order():
        step = known[name]
        last = max(step.needs, key=lambda need: placed[need].ended, default=None)
        if last is not None:
            before[name] = last
        placed[name] = Placed(step, placed[last].ended if last is not None else 0.0)
    at = max(placed, key=lambda name: placed[name].ended, default=None)
    path: list[Placed] = []
    while at is not None:
        path.append(placed[at])
        at = before.get(at)
    return path[::-1]


def waits_alone(steps: Iterable[Step]) -> list[Placed]:
    """The longest way if nothing but AWS's waits took any time."""
    return critical_path(each if each.waits else replace(each, seconds=0.0) for each in steps)


def read(
    described: list[dict[str, Any]],
    timeline: Mapping[str, Any],
    waits: list[dict[str, Any]],
    began: float,
    ended: float,
) -> list[Step]:
    """The steps of a run that lasted from `began` to `ended` (seconds of time.time(), as in timeline and waits), with what it took Ansible
    to begin and to end as the first and the last; what the run had nothing to do for takes no time."""
    tasks = timeline["tasks"]
    first, last = min(each["began"] for each in tasks), max(each["ended"] for each in tasks)
    steps = {START: Step(START, (), False, first - began, 0.0, first - began)}
    graph = {each["step"]: each.get("needs", []) for each in described}
    by_name = {each["step"]: each for each in described}
    for name in graphlib.TopologicalSorter(graph).static_order():
        if name not in by_name:
            raise Unknown(f"{name} is needed and is no step")
        needs = tuple(graph[name]) or (START,)
        there = max(steps[need].ended for need in needs)
        of_it = by_name[name]
        steps[name] = (
            waited(of_it, needs, waits, began, there) if "wait" in of_it else worked(of_it, needs, tasks, began, there)
        )
    needed = {need for step in steps.values() for need in step.needs}
    sinks = tuple(name for name in steps if name not in needed)
    steps[END] = Step(END, sinks, False, ended - last, last - began, ended - began)
    return list(steps.values())


def waited(
    step: dict[str, Any], needs: tuple[str, ...], waits: list[dict[str, Any]], began: float, there: float
) -> Step:
    pattern = re.compile(step.get("name", ""))
    found = [each for each in waits if each["kind"] == step["wait"] and pattern.search(each["name"])]
    if not found:
        return Step(step["step"], needs, True, 0.0, there, there)
    # What waits for nothing of ours begins when it may: an association that is asked for early begins when its host is there.
    seconds = max(each["ready"] - each["asked"] for each in found)
    first, last = min(each["asked"] for each in found), max(each["ready"] for each in found)
    return Step(step["step"], needs, True, seconds, first - began, last - began)


def worked(
    step: dict[str, Any], needs: tuple[str, ...], tasks: list[dict[str, Any]], began: float, there: float
) -> Step:
    found = [each for each in tasks if named(each, step["tasks"])]
    if not found:
        return Step(step["step"], needs, False, 0.0, there, there)
    own: dict[str, float] = {}
    for each in found:
        since = max(each["began"] - began, there)
        own[each["host"]] = own.get(each["host"], 0.0) + max(0.0, each["ended"] - began - since)
    first, last = min(each["began"] for each in found), max(each["ended"] for each in found)
    return Step(step["step"], needs, False, max(own.values()), first - began, last - began)


def named(task: Mapping[str, Any], names: Iterable[str]) -> bool:
    return any(name in (task["play"], f"{task['play']} / {task['task']}") for name in names)


def scaled(steps: Iterable[Step], times: float) -> list[Step]:
    """The same with all of AWS's waits that many times as long."""
    return [replace(each, seconds=each.seconds * times) if each.waits else each for each in steps]
