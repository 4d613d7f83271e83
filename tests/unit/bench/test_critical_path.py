"""The longest way through hand-made graphs, and through a hand-made run's record."""

from __future__ import annotations

import graphlib
from pathlib import Path

import pytest
import yaml

from bench import critical_path, pace
from bench.critical_path import END, START, Step, Unknown
from localcloud.pace import WAITS

ROOT = Path(__file__).resolve().parents[3]


def step(name: str, seconds: float, *needs: str, waits: bool = False) -> Step:
    return Step(name, needs, waits, seconds, 0.0, seconds)


def way(*steps: Step) -> tuple[list[str], float]:
    path = critical_path.critical_path(steps)
    return [placed.step.name for placed in path], path[-1].ended


def test_the_longest_of_two_ways():
    diamond = [step("a", 1), step("b", 5, "a"), step("c", 3, "a"), step("d", 2, "b", "c")]
    assert way(*diamond) == (["a", "b", "d"], 8)
    longer = [step("c", 6, "a") if each.name == "c" else each for each in diamond]
    assert way(*longer) == (["a", "c", "d"], 9)


def test_a_long_chain_of_short_steps_is_longer_than_a_long_step():
    assert way(step("long", 10), *(step(str(n), 3, *([str(n - 1)] if n else [])) for n in range(4))) == (
        ["0", "1", "2", "3"],
        12,
    )


def test_places_are_the_earliest_possible():
    path = critical_path.critical_path([step("a", 1), step("b", 5, "a"), step("d", 2, "b")])
    assert [(placed.began, placed.ended) for placed in path] == [(0, 1), (1, 6), (6, 8)]


def test_nothing_takes_no_time():
    assert critical_path.critical_path([]) == []


def test_a_cycle_is_refused():
    with pytest.raises(graphlib.CycleError):
        way(step("a", 1, "c"), step("b", 1, "a"), step("c", 1, "b"))


def test_a_need_that_is_no_step_is_refused():
    with pytest.raises(Unknown, match="b needs a, which is no step"):
        way(step("b", 1, "a"))


def test_waits_alone():
    steps = [
        step("ask", 4),
        step("database", 10, "ask", waits=True),
        step("work", 30, "ask"),
        step("use", 1, "database"),
    ]
    assert way(*steps) == (["ask", "work"], 34)
    bare = critical_path.waits_alone(steps)
    assert bare[-1].ended == 10
    assert "database" in [placed.step.name for placed in bare]


def test_scaled_waits():
    steps = [step("ask", 4), step("database", 10, "ask", waits=True)]
    assert way(*critical_path.scaled(steps, 5)) == (["ask", "database"], 54)


DESCRIBED = [
    {"step": "ask", "tasks": ["Data / Ask"]},
    {"step": "database", "wait": "database", "needs": ["ask"]},
    {"step": "use", "tasks": ["Data / Use"], "needs": ["database"]},
    {"step": "left out", "tasks": ["Data / Skipped by the run"], "needs": ["ask"]},
]


def task(name: str, host: str, began: float, ended: float) -> dict:
    return {"play": "Data", "task": name, "host": host, "began": began, "ended": ended}


def test_a_record_is_read():
    tasks = [
        task("Ask", "a", 101, 103),
        task("Ask", "b", 101, 106),  # the slower zone counts
        task("Use", "a", 104, 118),  # begun while the database was on its way: its own time is from 115 on
    ]
    waits = [{"kind": "database", "name": "d", "asked": 105, "ready": 115}]
    steps = critical_path.read(DESCRIBED, {"tasks": tasks}, waits, 100, 119)
    assert {each.name: each.seconds for each in steps} == {
        START: 1,
        "ask": 5,
        "database": 10,
        "use": 3,
        "left out": 0,
        END: 1,
    }
    assert way(*steps) == ([START, "ask", "database", "use", END], 20)


def test_waits_are_told_apart_by_name():
    described = [{"step": "pull", "wait": "association", "name": "-pull"}]
    waits = [
        {"kind": "association", "name": "lks-pull i-1", "asked": 1, "ready": 4},
        {"kind": "association", "name": "lks-check i-1", "asked": 1, "ready": 9},
        {"kind": "instance", "name": "lks-pull", "asked": 1, "ready": 30},
    ]
    steps = {each.name: each for each in critical_path.read(described, {"tasks": [task("x", "a", 0, 9)]}, waits, 0, 9)}
    assert steps["pull"].seconds == 3


def test_a_deploys_steps_are_those_of_the_playbooks():
    """Every task and play that they name exists, every kind of wait does, and no step waits for itself."""
    described = yaml.safe_load((ROOT / "bench/dependencies.yml").read_text())
    names = set()
    for file in ROOT.glob("playbooks/*.yml"):
        for play in yaml.safe_load(file.read_text()):
            for each in play.get("tasks", []):
                names |= {play["name"], f"{play['name']} / {each['name']}"}
    for name, play in (("migrate.yml", "Deploy the conversation function"),):
        for each in yaml.safe_load((ROOT / "playbooks/tasks" / name).read_text()):
            names.add(f"{play} / {each['name']}")
    assert {name for each in described for name in each.get("tasks", [])} - names == set()
    assert {each["wait"] for each in described if "wait" in each} <= WAITS.keys()
    assert len({each["step"] for each in described}) == len(described)
    critical_path.critical_path(
        Step(each["step"], tuple(each.get("needs", [])), "wait" in each, 1, 0, 1) for each in described
    )


def test_the_documentation_has_the_times():
    assert pace.times() in (ROOT / "docs/benchmarks.md").read_text()
