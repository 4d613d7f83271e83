"""The conversation function beside a handler of the common kind, on one PostgreSQL: throughput, latency, processor time, cold start, bundle,
memory; and how well and how fast the nearest conversations are found. Prints tables in Markdown; --write puts them into the documentation,
--json writes the figures."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench import figures  # noqa: E402
from tests.function import function  # noqa: E402

BENCH = function.SOURCE / "bench"
LARGE, SMALL = str(uuid4()), str(uuid4())  # a user who has nearly all conversations, and one who has a hundred
FEW = 100
ROUTES = ("list", "save", "read", "change", "near", "delete")
COLD = ("start", "first", "startProcessor", "firstProcessor")


def node(script: str, arguments: dict[str, Any], environment: dict[str, str]) -> Any:
    done = subprocess.run(
        [str(function.node()), str(BENCH / script), json.dumps(arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def deployed(folder: Path) -> tuple[Path, int]:
    """The function as it is deployed: its entry point, and the size of its bundle."""
    out = folder / "conversations.zip"
    function.build(out)
    with zipfile.ZipFile(out) as archive:
        archive.extractall(folder / "function")
    return folder / "function" / "index.mjs", out.stat().st_size


def requests(database: function.Database, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    entry, size = deployed(folder)
    serving = {**database.serving, "AWS_REGION": "us-east-1"}
    owner = database.environment(function.OWNER, function.OWNER_PASSWORD)
    common = [route for route in ROUTES if route != "near"]
    server, front = database.server.server, database.server.front
    assert server and front
    report = node(
        "run.mjs",
        {
            "subjects": {
                "empty": {"entry": str(BENCH / "empty.cjs"), "environment": serving, "routes": []},
                "least": {"entry": str(BENCH / "least.cjs"), "environment": serving, "routes": []},
                "function": {"entry": str(entry), "environment": serving, "routes": ROUTES},
                # As such handlers commonly are, with its dependencies in node_modules.
                "baseline": {"entry": str(BENCH / "baseline.mjs"), "environment": owner, "routes": common},
            },
            "seconds": arguments.seconds,
            "practice": arguments.practice,
            "concurrency": arguments.concurrency,
            "starts": arguments.starts,
            "servers": [server.pid, front.pid],
        },
        database.serving,
    )
    return {"subjects": report, "bundle": size}


def fill(database: function.Database, count: int) -> None:
    """Conversations around a thousand subjects, all but a hundred of one user's. The index is made in memory: 4 kB for each."""
    database.server.sql(
        f"""
        SELECT setseed(0.5);
        TRUNCATE conversations;
        DROP INDEX conversations_embedding;
        CREATE UNLOGGED TABLE subjects AS
        SELECT subject, array_agg(random_normal()) AS centre
          FROM generate_series(1, 1000) AS subject, generate_series(1, 768) AS i GROUP BY subject;
        INSERT INTO conversations (user_id, id, title, conversation, size, embedding)
        SELECT CASE WHEN row <= {FEW} THEN '{SMALL}'::uuid ELSE '{LARGE}'::uuid END, gen_random_uuid(), '"A title"', '[]', 100,
               (SELECT array_agg(value + 0.7 * random_normal() + 0 * row) FROM unnest(centre) AS value)::vector
          FROM generate_series(1, {count}) AS row JOIN subjects ON subject = 1 + row % 1000;
        DROP TABLE subjects;
        SET maintenance_work_mem = '{max(1_000, count // 250)}MB';
        SET max_parallel_maintenance_workers = {(os.cpu_count() or 1) - 1};
        CREATE INDEX conversations_embedding ON conversations USING hnsw (embedding vector_cosine_ops);
        ANALYZE conversations;
        """,
        database="conversations",
    )


def vectors(database: function.Database, count: int) -> dict[str, Any]:
    began = time.monotonic()
    fill(database, count)
    filled = time.monotonic() - began
    users = {f"{count - FEW:,} of {count:,}": LARGE, f"{FEW} of {count:,}": SMALL}
    found = node("vectors.mjs", {"queries": 50, "limit": 10, "users": users}, database.serving)
    return {name: {**each, "filled": filled} for name, each in found.items()}


def cold(report: dict[str, Any]) -> Iterator[str]:
    subjects = report["subjects"]
    called = {
        "empty": "a handler that does nothing",
        "least": "one that connects with TLS, and no more",
        "function": "function",
        "baseline": "baseline",
    }
    rows = []
    for key, name in called.items():
        each = subjects[key]["cold"]
        times = [f"{each['start']:.0f}", f"{each['first']:.1f}", f"{each['start'] + each['first']:.0f}"]
        work = [f"{each['startProcessor']:.0f}", f"{each['firstProcessor']:.1f}"]
        rows.append([name, *times, *work, f"{each['memory'] / 1e6:.0f}"])
    header = ["cold start", "start, ms", "first request, ms", "both, ms"]
    yield figures.table([*header, "processor, start, ms", "processor, first request, ms", "memory, MB"], rows)

    empty, _, ours, other = (subjects[name]["cold"] for name in called)
    nothing, least, our_whole, whole = (
        subjects[name]["cold"]["start"] + subjects[name]["cold"]["first"] for name in called
    )
    own = (our_whole - nothing) / (whole - nothing)
    work = sum(ours[key] - empty[key] for key in COLD[2:]) / sum(other[key] - empty[key] for key in COLD[2:])
    yield (
        f"Of the baseline's time the function takes {our_whole / whole:.2f} in all, {own:.2f} beyond what the handler that does nothing takes, and "
        f"{ours['first'] / other['first']:.2f} in its first request; of its processor time, {work:.2f} beyond that handler's. "
        f"Half of the baseline's time are {whole / 2:.0f} ms, of which the TLS connection alone takes {least:.0f}.\n"
    )


def routes(report: dict[str, Any]) -> Iterator[str]:
    ours, other = (report["subjects"][name]["routes"] for name in ("function", "baseline"))
    rows: list[list[str]] = []
    smallest: dict[str, float] = {}
    for route in ROUTES:
        for count, measured in ours[route].items():
            beside = other.get(route, {}).get(count)
            for name, each in (("function", measured), ("baseline", beside)):
                if not each:
                    continue
                work = [f"{each[key]:.2f}" if key in each else "" for key in ("processor", "server")]
                times = [f"{each[key]:.1f}" for key in ("p50", "p95", "p99")]
                quotients = ["", ""]
                if name == "function" and beside:
                    faster = each["perSecond"] / beside["perSecond"]
                    smallest[count] = min(smallest.get(count, faster), faster)
                    lighter = ""
                    if "processor" in each:
                        spent = [one["processor"] + one["server"] for one in (beside, each)]
                        lighter = f"{spent[0] / spent[1]:.1f}"
                    quotients = [f"{faster:.1f}", lighter]
                rows.append([route, count, name, f"{each['perSecond']:.0f}", *times, *work, *quotients])
    header = ["route", "at once", "", "per second", "p50, ms", "p95, ms", "p99, ms"]
    header += ["processor, ms", "database's processor, ms", "times the baseline", "of its processor time, one in"]
    yield figures.table(header, rows)
    said = ", ".join(f"{factor:.1f} with {count} at once" for count, factor in smallest.items())
    yield f"The least that the function does is, times the baseline: {said}. Requests that failed: {failures(report)}.\n"


def failures(report: dict[str, Any]) -> int:
    """Of all requests, those for practice included."""
    subjects = report.get("subjects", {}).values()
    measured = [
        each["failures"] for subject in subjects for route in subject["routes"].values() for each in route.values()
    ]
    return sum(measured) + sum(subject.get("practiceFailures", 0) for subject in subjects)


def nearest(report: dict[str, Any]) -> Iterator[str]:
    rows = [
        [
            name,
            f"{each['recall']:.3f}",
            *(f"{each[key]:.1f}" for key in ("p50", "p95", "exact")),
            f"{each['filled']:.0f}",
        ]
        for name, each in report["vectors"].items()
    ]
    header = [
        "the user's conversations",
        "recall of 10",
        "p50, ms",
        "p95, ms",
        "exact, p50, ms",
        "made and indexed in, s",
    ]
    yield figures.table(header, rows)


def conditions(arguments: argparse.Namespace) -> str:
    version = subprocess.run([function.node(), "--version"], capture_output=True, text=True, check=True).stdout.strip()
    options = f"{arguments.seconds:g} s for each figure after {arguments.practice:g} s of practice"
    return figures.machine(f"Node.js {version}", options, f"{arguments.starts} starts") + "\n"


def measured(arguments: argparse.Namespace, report: dict[str, Any]) -> Iterator[str]:
    """Lines of Markdown, as soon as they are known; the figures go into `report`."""
    yield conditions(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        with function.database(folder, max_connections="200", shared_buffers="1GB", max_wal_size="4GB") as database:
            database.migrate()
            if arguments.concurrency or arguments.starts:
                report |= requests(database, folder, arguments)
                yield f"Bundle: {report['bundle'] / 1000:.0f} kB.\n"
            if arguments.starts:
                yield "### Cold start\n"
                yield from cold(report)
            if arguments.concurrency:
                yield "### Requests\n"
                yield from routes(report)
            report["vectors"] = {}
            for count in arguments.vectors:
                report["vectors"] |= vectors(database, count)
            if arguments.vectors:
                yield "### Nearest conversations\n"
                yield from nearest(report)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.5, help="for each route and concurrency")
    parser.add_argument("--practice", type=float, default=8, help="seconds before them, unmeasured")
    parser.add_argument("--concurrency", type=int, nargs="*", default=[1, 10, 50])
    parser.add_argument("--starts", type=int, default=11, help="cold starts, of which the median is shown")
    parser.add_argument(
        "--vectors", type=int, nargs="*", default=[1_000, 100_000], help="conversations to search among"
    )
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    function.install_dependencies()
    report: dict[str, Any] = {}
    text = ""
    for part in measured(arguments, report):
        print(part, flush=True)
        text += f"{part}\n"
    if arguments.write:
        figures.write("make bench-function", text)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")
    if failures(report):
        sys.exit(f"{failures(report)} requests failed")


if __name__ == "__main__":
    main()
