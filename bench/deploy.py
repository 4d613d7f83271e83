"""How long a deploy takes, and what of it is ours: first run, second run, preview, verify and destroy in two zones on a fresh local cloud,
beside the floor of `replay.py`. Prints a table; --write puts it into the documentation, --json writes the figures."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
sys.path.insert(0, str(ROOT))

from bench import figures  # noqa: E402
from tests.ports import free_port  # noqa: E402

STEPS = {
    "first-run": ["site.yml"],
    "second-run": ["site.yml"],
    "preview": ["site.yml", "--check", "--diff"],
    "verify": ["playbooks/verify.yml", "-e", "verify_probes=false"],
    "verify-with-probes": ["playbooks/verify.yml"],
    "destroy": ["playbooks/destroy.yml"],
}


HOSTS = f"--hosts={ROOT / 'standin/hosts.yml'}"  # what configured hosts run, as in the inventory of the local cloud


def localcloud(home: Path, *arguments: str, more: Mapping[str, str] | None = None) -> str:
    """What it printed. more: variables of its environment."""
    environment = {**os.environ, "LOCALCLOUD_HOME": str(home), "PYTHONPATH": str(ROOT), **(more or {})}
    command = [sys.executable, "-m", "localcloud", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout


@contextlib.contextmanager
def fresh_cloud(home: Path, *arguments: str, more: Mapping[str, str] | None = None) -> Iterator[int]:
    """The port of a local cloud that is there for as long as this."""
    port = free_port()
    localcloud(home, "start", f"--port={port}", *arguments, more=more)
    try:
        yield port
    finally:
        localcloud(home, "stop", f"--port={port}")


def play(
    home: Path, port: int, name: str, command: list[str], extra: list[str], more: Mapping[str, str] | None = None
) -> float:
    """The seconds that a playbook took; ends the benchmark if it failed."""
    environment = {
        **os.environ,
        "LOCALCLOUD_HOME": str(home),
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        **(more or {}),
    }
    variables = {"cloud_port": port, "cloud_run": name, "verify_folder": str(home / "reports")}
    started = time.perf_counter()
    done = subprocess.run(
        [str(BIN / "ansible-playbook"), *command, *extra, "-e", json.dumps(variables)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
    return seconds


def measure(
    home: Path, port: int, name: str, command: list[str], extra: list[str], more: Mapping[str, str] | None = None
) -> dict[str, float]:
    cpu = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = play(home, port, name, command, extra, more)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    requests = json.loads(localcloud(home, "requests", f"--port={port}", f"--run={name}", "--json"))
    return {
        "seconds": seconds,
        "processor": used.ru_utime + used.ru_stime - cpu.ru_utime - cpu.ru_stime,
        "reads": sum(requests["reads"].values()),
        "writes": sum(requests["writes"].values()),
    }


def floor(home: Path, record: Path) -> dict[str, dict[str, float]]:
    with fresh_cloud(home) as port:
        done = subprocess.run(
            [sys.executable, str(ROOT / "bench/replay.py"), str(record), f"http://127.0.0.1:{port}"],
            check=True,
            capture_output=True,
            text=True,
        )
    answer = json.loads(done.stdout)
    if answer["unlike"]:
        print(f"{len(answer['unlike'])} replayed calls ended otherwise than recorded:", file=sys.stderr)
        print(*sorted(set(answer["unlike"])), sep="\n", file=sys.stderr)
    return answer["runs"]


def verified(home: Path) -> str:
    """What verify says of itself: calls to each region, of which 100 are the most, and what the probes took."""
    report = json.loads((home / "reports/report.json").read_text())
    calls = ", ".join(f"{count} in {region}" for region, count in report["calls"].items())
    return f"verify's snapshot takes these calls: {calls}. Its probes took {report['probe_seconds']:.1f} s.\n"


def table(measured: dict[str, dict[str, float]]) -> str:
    rows = []
    for name, figure in measured.items():
        base = figure.get("floor", 0.0)
        row = [name.replace("-", " "), f"{figure['seconds']:.1f}", f"{figure['processor']:.1f}"]
        row += [str(figure["reads"]), str(figure["writes"])]
        rows.append([*row, f"{base:.1f}" if base else "", f"{figure['seconds'] / base:.1f}" if base else ""])
    header = ("", "seconds", "processor, s", "reads", "writes", "floor, s", "times the floor")
    return figures.table(header, rows)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    arguments.add_argument("--json", type=Path, help="where to write the figures")
    arguments.add_argument("extra", nargs="*", help="further arguments of ansible-playbook, such as -i INVENTORY")
    options = arguments.parse_args()
    machine = figures.machine()
    measured: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home, record = Path(folder), Path(folder) / "record.jsonl"
        with fresh_cloud(home, HOSTS, more={"LOCALCLOUD_RECORD": str(record)}) as port:
            for name, command in STEPS.items():
                print(f"{name} …", file=sys.stderr, flush=True)
                measured[name] = measure(home, port, name, command, options.extra)
            told = verified(home)
        print("floor …", file=sys.stderr, flush=True)
        try:
            for name, run in floor(home, record).items():
                if name in measured:
                    measured[name]["floor"] = run["seconds"]
        except subprocess.CalledProcessError as error:  # what was measured until then is not lost
            print(f"no floor: {error.stderr[-2000:]}", file=sys.stderr)
    text = f"{machine}\n\n{table(measured)}\n{told}"
    print(text)
    if options.write:
        figures.write("make bench", text)
    if options.json:
        options.json.write_text(json.dumps(measured, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
