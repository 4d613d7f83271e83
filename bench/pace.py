"""A deploy of two zones on a local cloud that is as slow as AWS, or by a factor faster, beside its critical path.

Prints the figures; --write puts them into the documentation and draws the chart, --json writes them with all steps.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
import urllib.request
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import yaml  # noqa: E402

from bench import critical_path, figures, gantt  # noqa: E402
from bench import deploy as runs  # noqa: E402
from bench.critical_path import Step  # noqa: E402
from localcloud.pace import WAITS  # noqa: E402

STEPS = Path(__file__).with_name("dependencies.yml")
CHART = ROOT / "docs" / "deploy.svg"
MOST = 1.1  # times the critical path


def deploy(home: Path, factor: float, extra: list[str]) -> dict[str, Any]:
    """What a deploy on a fresh local cloud left behind: when it began and ended, its timeline, and the waits of the local cloud."""
    machine = figures.machine()
    file = home / "timeline.json"
    paced = ["-e", json.dumps({"cloud_pace": factor})]
    told = {"ANSIBLE_CALLBACKS_ENABLED": "lks.llm.warm,lks.llm.timeline", "ANSIBLE_TIMELINE": str(file)}
    with runs.fresh_cloud(home, runs.HOSTS, more={"LOCALCLOUD_PACE": str(factor)}) as port:
        began = time.time()
        runs.play(home, port, "first-run", runs.STEPS["first-run"], [*extra, *paced], told)
        ended = time.time()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_localcloud/pace") as answer:
            waits = json.load(answer)["waits"]
    return {
        "machine": machine,
        "factor": factor,
        "began": began,
        "ended": ended,
        "timeline": json.loads(file.read_text()),
        "waits": waits,
    }


def steps_of(record: dict[str, Any]) -> list[Step]:
    described = yaml.safe_load(STEPS.read_text())
    return critical_path.read(described, record["timeline"], record["waits"], record["began"], record["ended"])


def sections(record: dict[str, Any]) -> list[gantt.Section]:
    """The chart: the critical path where it would have been, then what really was."""
    path = critical_path.critical_path(steps_of(record))
    described = {each["step"]: each for each in yaml.safe_load(STEPS.read_text())}
    began = record["began"]
    on_path = [described[placed.step.name] for placed in path if placed.step.name in described]
    computed = [
        gantt.Bar(placed.step.name, placed.began, placed.ended, placed.step.waits, marked=True)
        for placed in path
        if placed.step.seconds
    ]
    resources: dict[str, list[gantt.Bar]] = {}
    for each in sorted(record["waits"], key=lambda wait: wait["asked"]):
        marked = any(
            step.get("wait") == each["kind"] and re.search(step.get("name", ""), each["name"]) for step in on_path
        )
        row = f"{each['kind']}, {each['region']}" + (
            f", {family(each['name'])}" if each["kind"] == "association" else ""
        )
        bar = gantt.Bar(each["name"], each["asked"] - began, each["ready"] - began, waits=True, marked=marked)
        resources.setdefault(row, []).append(bar)
    layers: dict[str, list[gantt.Bar]] = {}
    for each in sorted(record["timeline"]["tasks"], key=lambda task: task["began"]):
        marked = any(critical_path.named(each, step.get("tasks", [])) for step in on_path)
        label = f"{each['task']} ({each['host']})"
        bar = gantt.Bar(label, each["began"] - began, each["ended"] - began, marked=marked)
        layers.setdefault(each["play"], []).append(bar)
    return [
        gantt.Section(
            "Critical path, where it would be if nothing else were in its way", [gantt.Row("computed", computed)]
        ),
        gantt.Section("Resources, from asked to available", [gantt.Row(*each) for each in resources.items()]),
        gantt.Section("Layers, task by task", [gantt.Row(*each) for each in layers.items()]),
    ]


def family(association: str) -> str:
    """An association without its zone and instance."""
    return association.partition(" ")[0].partition("-zone-")[0]


def judged(record: dict[str, Any]) -> dict[str, Any]:
    """The figures of a run, and what they would be with AWS's own times: what is not on the critical path then takes what it takes now."""
    steps = steps_of(record)
    seconds = record["ended"] - record["began"]
    path, bare = critical_path.critical_path(steps), critical_path.waits_alone(steps)
    at_one = critical_path.critical_path(critical_path.scaled(steps, 1 / record["factor"]))
    foreseen = at_one[-1].ended + seconds - path[-1].ended
    return {
        "machine": record["machine"],
        "factor": record["factor"],
        "seconds": seconds,
        "path": path[-1].ended,
        "ratio": seconds / path[-1].ended,
        "waits": bare[-1].ended,
        "waits_ratio": seconds / bare[-1].ended,
        "foreseen": foreseen,
        "foreseen_path": at_one[-1].ended,
        "foreseen_ratio": foreseen / at_one[-1].ended,
        "steps": [asdict(step) for step in steps],
        "way": [(placed.step.name, placed.step.waits, placed.began, placed.step.seconds) for placed in path],
    }


def times() -> str:
    """What AWS takes, for the documentation."""
    rows = []
    for kind, wait in WAITS.items():
        span = f"{wait.shortest:g}" if wait.shortest == wait.longest else f"{wait.shortest:g} to {wait.longest:g}"
        rows.append((kind, span, f"{wait.middle:g}", wait.source))
    return figures.table(("what", "AWS, s", "counts, s", "source"), rows)


HEADER = ("factor", "deploy, s", "critical path, s", "times the path", "AWS's waits alone, s", "times these")


def shown(figures_of: list[dict[str, Any]]) -> str:
    rows = []
    for figure in figures_of:
        row = [f"{figure['factor']:g}", *(f"{figure[key]:.1f}" for key in ("seconds", "path"))]
        rows.append([*row, f"{figure['ratio']:.2f}", f"{figure['waits']:.1f}", f"{figure['waits_ratio']:.2f}"])
    text = figures.table(HEADER, rows)
    for figure in figures_of:
        way = ", ".join(f"{name} {seconds:.1f}" for name, _, _, seconds in figure["way"] if seconds >= 0.05)
        text += f"\n{figure['machine']} The path at factor {figure['factor']:g}, in seconds: {way}.\n"
        if figure["factor"] != 1:
            text += (
                f"With AWS's own times it would be, computed from this run, {figure['foreseen_path']:.0f} s long, and the deploy "
                f"{figure['foreseen']:.0f} s: {figure['foreseen_ratio']:.2f} times as long.\n"
            )
    return text


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--factor", type=float, default=0.4, help="of AWS's own times (default: %(default)s)")
    arguments.add_argument(
        "--record", type=Path, nargs="+", help="records that --keep wrote, instead of a deploy; the last is drawn"
    )
    arguments.add_argument("--keep", type=Path, help="where to write the run's record")
    arguments.add_argument("--chart", type=Path, help="where to draw the chart")
    arguments.add_argument(
        "--write", action="store_true", help="put the figures into docs/benchmarks.md and the chart beside it"
    )
    arguments.add_argument("--json", type=Path, help="where to write the figures")
    arguments.add_argument("extra", nargs="*", help="further arguments of ansible-playbook")
    options = arguments.parse_args()
    if options.record:
        records = [json.loads(file.read_text()) for file in options.record]
    else:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            records = [deploy(Path(folder), options.factor, options.extra)]
    if options.keep:
        options.keep.write_text(json.dumps(records[-1]) + "\n")
    found = [judged(record) for record in records]
    text = shown(found)
    print(text)
    drawn = gantt.chart(f"Two zones with AWS's waiting times × {records[-1]['factor']:g}", sections(records[-1]))
    for file in [options.chart] * bool(options.chart) + [CHART] * options.write:
        file.write_text(drawn)
    if options.write:
        figures.write("make bench-pace", text)
        figures.write("localcloud/pace.py", times())
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0 if all(figure["ratio"] <= MOST for figure in found) else 1


if __name__ == "__main__":
    sys.exit(main())
