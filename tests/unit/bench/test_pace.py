"""The benchmark's figures and chart of a hand-made run, by the steps of a real deploy."""

from __future__ import annotations

from typing import Any

import pytest

from bench import gantt, pace

from .test_gantt import bars


def task(play: str, name: str, began: float, ended: float, host: str = "zone-a") -> dict:
    return {"play": play, "task": name, "host": host, "began": began, "ended": ended, "outcome": "ok"}


# A run of 100 s at half of AWS's pace, from which nearly everything is left out.
RECORD: dict[str, Any] = {
    "machine": "A machine.",
    "factor": 0.5,
    "began": 1000.0,
    "ended": 1100.0,
    "timeline": {
        "tasks": [
            task("Reach the cloud", "Make the cloud answer", 1001, 1005),
            task("Start the database", "Start the database", 1005, 1010),
            task("Watch every zone", "Set the alarms", 1010, 1030),
            task("Deploy the conversation function", "Wait until the database is available", 1030, 1091),
            task("Deploy the conversation function", "Ask for the schema's state", 1091, 1098),
            task("Say what to do next", "Summary", 1098, 1099),
        ]
    },
    "waits": [
        {"kind": "database", "name": "db", "region": "us-east-1", "asked": 1010, "ready": 1090},
        {"kind": "association", "name": "lks-nat-zone-a i-1", "region": "us-east-1", "asked": 1010, "ready": 1040},
    ],
}


def test_figures_of_a_run():
    found = pace.judged(RECORD)
    # 1 s start, 4 s preflight, 5 s to ask, 80 s for the database, 1 s until that was seen, 7 s for the schema, 1 s summary, 1 s end
    assert (found["seconds"], found["path"]) == (100, 100)
    assert found["waits"] == 80
    assert (found["foreseen_path"], found["foreseen"]) == (180, 180)
    assert [name for name, *_ in found["way"] if name in ("database available", "schema", "monitoring")] == [
        "database available",
        "schema",
    ]


def test_what_is_not_on_the_path_is_the_deploys_own():
    later = {**RECORD, "ended": 1110.0, "timeline": {"tasks": [*RECORD["timeline"]["tasks"]]}}
    later["timeline"]["tasks"][-1] = task("Say what to do next", "Summary", 1108, 1109)
    found = pace.judged(later)
    assert (found["seconds"], found["path"]) == (110, 100)
    assert found["ratio"] == pytest.approx(1.1)
    assert found["foreseen_ratio"] == pytest.approx(190 / 180)


def test_the_chart_marks_the_path():
    drawn = {label: rect.get("class") for label, rect in bars(gantt.chart("Run", pace.sections(RECORD))).items()}
    assert drawn["db"] == "wait marked"
    assert drawn["lks-nat-zone-a i-1"] == "wait"
    assert drawn["Start the database (zone-a)"] == "work marked"
    assert drawn["Set the alarms (zone-a)"] == "work"


def test_the_table_says_both_ratios():
    text = pace.shown([pace.judged(RECORD)])
    assert "| 0.5    | 100.0     | 100.0            | 1.00           | 80.0                 | 1.25        |" in text
    assert "computed from this run, 180 s long, and the deploy 180 s: 1.00 times as long" in text
