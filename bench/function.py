"""The conversation function beside a handler of the common kind, on one PostgreSQL: throughput, latency, cold start, bundle, memory; and
how well and how fast the nearest conversations are found. Prints tables; --json writes the figures."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any
from uuid import uuid4

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.function import function  # noqa: E402

BENCH = function.SOURCE / "bench"
LARGE, SMALL = str(uuid4()), str(uuid4())  # a user who has nearly all conversations, and one who has a hundred
FEW = 100


def node(script: str, arguments: dict[str, Any], environment: dict[str, str]) -> Any:
    done = subprocess.run(
        [str(function.node()), str(BENCH / script), json.dumps(arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def deployed(folder: Path) -> dict[str, Path]:
    """The function as it is deployed; and the baseline as such handlers commonly are, with its dependencies in node_modules."""
    out = folder / "conversations.zip"
    function.build(out)
    with zipfile.ZipFile(out) as archive:
        archive.extractall(folder / "function")
    return {"function": folder / "function" / "index.js", "baseline": BENCH / "baseline.mjs", "zip": out}


def requests(database: function.Database, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    database.migrate()
    entries = deployed(folder)
    owner = database.environment(function.OWNER, function.OWNER_PASSWORD)
    report = node(
        "run.mjs",
        {
            "function": {
                "entry": str(entries["function"]),
                "environment": {**database.serving, "AWS_REGION": "us-east-1"},
            },
            "baseline": {"entry": str(entries["baseline"]), "environment": owner},
            "seconds": arguments.seconds,
            "concurrency": arguments.concurrency,
            "starts": arguments.starts,
        },
        database.serving,
    )
    report["bundle"] = entries["zip"].stat().st_size
    return report


def fill(database: function.Database, count: int) -> None:
    """Conversations around a thousand subjects, all but a hundred of one user's."""
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
        SET maintenance_work_mem = '1GB';
        SET max_parallel_maintenance_workers = 0;
        CREATE INDEX conversations_embedding ON conversations USING hnsw (embedding vector_cosine_ops);
        ANALYZE conversations;
        """,
        database="conversations",
    )


def vectors(database: function.Database, count: int) -> dict[str, Any]:
    fill(database, count)
    users = {f"{count - FEW:,} of {count:,}": LARGE, f"{FEW} of {count:,}": SMALL}
    return node("vectors.mjs", {"queries": 50, "limit": 10, "users": users}, database.serving)


def table(header: list[str], rows: list[list[str]]) -> None:
    print(f"\n| {' | '.join(header)} |\n|{'---|' * len(header)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def show(report: dict[str, Any]) -> None:
    subjects = ("function", "baseline")
    print(f"\nBundle: {report['bundle'] / 1000:.0f} kB")
    rows = []
    for name in subjects:
        cold = report[name]["cold"]
        rows.append([name, f"{cold['started']:.0f}", f"{cold['first']:.0f}", f"{cold['memory'] / 1e6:.0f}"])
    table(["cold start", "loaded, ms", "first answer, ms", "memory, MB"], rows)
    rows = []
    for route, measured in report["function"]["routes"].items():
        for count, figures in measured.items():
            beside = report["baseline"]["routes"].get(route, {}).get(count)
            factor = f"{figures['perSecond'] / beside['perSecond']:.1f}" if beside else ""
            for name, each in (("function", figures), ("baseline", beside)):
                if each:
                    times = [f"{each[key]:.1f}" for key in ("p50", "p95", "p99")]
                    shown = factor if name == "function" else ""
                    rows.append([route, count, name, f"{each['perSecond']:.0f}", *times, str(each["failures"]), shown])
    table(["route", "at once", "", "per second", "p50, ms", "p95, ms", "p99, ms", "failures", "times"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3, help="for each route and concurrency")
    parser.add_argument("--concurrency", type=int, nargs="*", default=[1, 10, 50])
    parser.add_argument("--starts", type=int, default=7, help="cold starts, of which the median is shown")
    parser.add_argument(
        "--vectors", type=int, nargs="*", default=[1_000, 100_000], help="conversations to search among"
    )
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    function.install_dependencies()
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        with function.database(folder, max_connections="200", shared_buffers="1GB", max_wal_size="4GB") as database:
            if arguments.concurrency:
                report = requests(database, folder, arguments)
                show(report)
            else:
                database.migrate()
            report["vectors"] = {}
            for count in arguments.vectors:
                report["vectors"] |= vectors(database, count)
            if arguments.vectors:
                rows = [
                    [name, f"{each['recall']:.3f}", *(f"{each[key]:.1f}" for key in ("p50", "p95", "exact"))]
                    for name, each in report["vectors"].items()
                ]
                table(["the user's conversations", "recall of 10", "p50, ms", "p95, ms", "exact, p50, ms"], rows)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
