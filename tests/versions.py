"""Run the tests that depend on Ansible under each ansible-core that the collection supports.

    python -m tests.versions [VERSION…]    # such as 2.18; all of them without

Each gets a virtual environment of its own in .cache/versions, with the collections of the `ansible` package that came with it (for those before
2.19, the ones that the requirements name: they support these too). It is kept until something that it was made from changes. A version whose
Python is not on this machine is said to be left out; the exit code is 1 if a test failed, and 2 if nothing could be run.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

PROJECT = Path(__file__).parents[1]
UV = Path(sys.executable).parent / "uv"
CACHE = PROJECT / ".cache" / "versions"
# What the deploy, the plugins and the warm runner's promise rest on. The rest of the suite depends on Ansible in the same ways, or not at all.
TESTS = (
    "tests/unit/plugins/modules",
    "tests/unit/plugins/plugin_utils",
    "tests/integration/warm",
    "tests/integration/test_bad_input.py",
    "tests/integration/test_site.py",
    "tests/integration/test_zones.py",
)
ALL = ("-m", "")  # those, too, that make test leaves out
# These are of one version each, and the tests above do not need them.
LEFT_OUT = ("ansible", "ansible-core", "ansible-compat", "ansible-lint", "molecule", "resolvelib")
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt")
CONSTRAINTS = "constraints.txt"


@dataclass(frozen=True)
class Core:
    """An ansible-core, the Pythons to try it with, of which the first that is here is taken, and the package whose collections it is tried
    with."""

    version: str
    pythons: tuple[str, ...]
    collections: str

    @property
    def name(self) -> str:
        return self.version.rpartition(".")[0]


# https://docs.ansible.com/ansible/latest/reference_appendices/release_and_maintenance.html#ansible-core-support-matrix
CORES = (
    Core("2.17.14", ("3.12", "3.11"), "ansible==12.3.0"),
    Core("2.18.19", ("3.13", "3.12", "3.11"), "ansible==12.3.0"),
    Core("2.19.14", ("3.13", "3.12", "3.11"), "ansible==12.3.0"),
    Core("2.20.10", ("3.14", "3.13", "3.12"), "ansible==13.8.0"),
    Core("2.21.5", ("3.14", "3.13", "3.12"), "ansible==14.5.0"),
)


@dataclass
class Outcome:
    """What became of a version: `passed`, `failed` or `left out`, with what there is to say of it, and the tests that failed."""

    kind: str
    said: str
    failed: list[str] = field(default_factory=list)


def uv(*arguments: object) -> subprocess.CompletedProcess[str]:
    """uv, which also finds the Pythons of pyenv that pyenv has not been told to use."""
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    path = os.pathsep.join([*map(str, sorted(pyenv.glob("versions/*/bin"))), os.environ["PATH"]])
    variables = {**os.environ, "PATH": path}
    return subprocess.run([str(UV), *map(str, arguments)], env=variables, capture_output=True, text=True, check=False)


def find_python(core: Core) -> str | None:
    for version in core.pythons:
        found = uv("python", "find", "--system", "--no-project", "--no-python-downloads", version)
        if found.returncode == 0:
            return found.stdout.strip()
    return None


def needed(lines: Sequence[str]) -> list[str]:
    """The requirements among these lines that are not of one ansible-core alone."""
    kept = (line.partition("#")[0].strip() for line in lines)
    return [line for line in kept if line and not line.startswith("-r") and line.split("==")[0] not in LEFT_OUT]


def ingredients(core: Core, python: str, project: Path = PROJECT) -> dict[str, Any]:
    """What this version's environment is made from."""
    lines = {name: needed((project / name).read_text().splitlines()) for name in (*REQUIREMENTS, CONSTRAINTS)}
    return {
        "python": python,
        "packages": [line for name in REQUIREMENTS for line in lines[name]] + [f"ansible-core=={core.version}"],
        "constraints": lines[CONSTRAINTS],
        "collections": core.collections,
    }


def make(folder: Path, wanted: dict[str, Any]) -> str:
    """Makes the virtual environment, unless it is there as wanted; returns why it cannot be made, or ''."""
    digest = hashlib.sha256(json.dumps(wanted).encode()).hexdigest()
    made_from = folder / ".made-from"
    if made_from.exists() and made_from.read_text() == digest:
        return ""
    constraints = CACHE / f"{folder.name}-{CONSTRAINTS}"
    CACHE.mkdir(parents=True, exist_ok=True)
    constraints.write_text("\n".join(wanted["constraints"]) + "\n")
    install = ("pip", "install", "--quiet", "--python", folder / "bin/python")
    for step in (
        ("venv", "--quiet", "--clear", "--python", wanted["python"], folder),
        (*install, "-c", constraints, *wanted["packages"]),
        (*install, "--no-deps", wanted["collections"]),
    ):
        done = uv(*step)
        if done.returncode:
            return done.stderr.strip()
    made_from.write_text(digest)
    return ""


def test(folder: Path) -> Outcome:
    programs, report = folder / "bin", folder / "report.xml"
    report.unlink(missing_ok=True)
    begun = time.monotonic()
    command = [
        str(programs / "pytest"),
        "--quiet",
        "--numprocesses=auto",
        "--no-loadscope-reorder",
        *ALL,
        f"--junit-xml={report}",
        "--override-ini=junit_family=xunit1",
        *TESTS,
    ]
    variables = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    status = subprocess.run(command, cwd=PROJECT, env=variables, check=False).returncode
    seconds = time.monotonic() - begun
    if not report.exists():
        return Outcome("failed", f"pytest ended with {status} and no report")
    counts, failed = results(report.read_text())
    said = ", ".join(f"{number} {kind}" for kind, number in counts.items()) + f" in {seconds:.0f} s"
    return Outcome("failed" if status else "passed", said, failed)


def results(report: str) -> tuple[Counter[str], list[str]]:
    """How many tests passed, failed and were skipped by this report of pytest's, and which failed."""
    counts: Counter[str] = Counter()
    failed = []
    for case in ElementTree.fromstring(report).iter("testcase"):
        found = {child.tag for child in case}
        kind = "failed" if found & {"failure", "error"} else "skipped" if "skipped" in found else "passed"
        counts[kind] += 1
        if kind == "failed":
            file, name = case.get("file", ""), case.get("name", "")
            # What cannot be imported has the name that it would be imported by.
            failed.append(file if name == file.removesuffix(".py").replace("/", ".") else f"{file}::{name}")
    return counts, failed


def run(core: Core) -> Outcome:
    python = find_python(core)
    if python is None:
        return Outcome("left out", f"none of Python {', '.join(core.pythons)} is here")
    folder = CACHE / core.name
    why = make(folder, ingredients(core, python))
    if why:
        return Outcome("failed", f"cannot be installed:\n{why}")
    said = subprocess.run([folder / "bin/python", "--version"], capture_output=True, text=True, check=True).stdout
    print(f"=== ansible-core {core.version}, {said.strip()}", flush=True)
    outcome = test(folder)
    outcome.said = f"{said.strip()}, {outcome.said}"
    return outcome


def closing(outcomes: dict[Core, Outcome]) -> str:
    """What a person needs to know at the end: each version's outcome, and how to run again what failed."""
    lines = []
    for core, outcome in outcomes.items():
        lines.append(f"ansible-core {core.version}  {outcome.kind}: {outcome.said}")
        lines += [f"  {name}" for name in outcome.failed]
        if outcome.failed:
            lines.append(f"  again: {(CACHE / core.name).relative_to(PROJECT)}/bin/pytest -m '' '{outcome.failed[0]}'")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    known = {core.name: core for core in CORES}
    unknown = [name for name in arguments if name not in known]
    if unknown:
        print(f"{', '.join(unknown)} is not supported; these are: {', '.join(known)}", file=sys.stderr)
        return 2
    outcomes = {core: run(core) for core in ([known[name] for name in arguments] or CORES)}
    print(f"\n{closing(outcomes)}")
    kinds = {outcome.kind for outcome in outcomes.values()}
    return 1 if "failed" in kinds else 0 if "passed" in kinds else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
