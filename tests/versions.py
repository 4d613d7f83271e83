"""Run the tests that depend on Ansible under each ansible-core that the collection supports.

    python -m tests.versions [VERSION…]    # such as 2.18; all of them without

Each gets a virtual environment of its own in .cache/versions, kept for the next time, with the collections of the `ansible` package that came
with it (for those before 2.19, the ones that the requirements name: they support these too). A version whose Python is not on this machine
is said to be left out; the exit code is 1 if a test failed, and 2 if nothing could be run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[1]
UV = Path(sys.executable).parent / "uv"
CACHE = PROJECT / ".cache" / "versions"
# What the deploy, the plugins and the warm runner's promise rest on. The rest of the suite depends on Ansible in the same ways.
TESTS = (
    "tests/unit/plugins",
    "tests/integration/warm",
    "tests/integration/test_bad_input.py",
    "tests/integration/test_site.py",
    "tests/integration/test_destroy.py",
)
# These are of one version each, and the tests above do not need them.
LEFT_OUT = ("ansible", "ansible-core", "ansible-compat", "ansible-lint", "molecule", "resolvelib")


@dataclass(frozen=True)
class Core:
    """An ansible-core, the Pythons it runs on, and the `ansible` package whose collections it is tried with."""

    version: str
    pythons: str
    collections: str


# https://docs.ansible.com/ansible/latest/reference_appendices/release_and_maintenance.html#ansible-core-support-matrix
CORES = (
    Core("2.17", ">=3.11,<3.13", "ansible==12.3.0"),
    Core("2.18", ">=3.11,<3.14", "ansible==12.3.0"),
    Core("2.19", ">=3.11,<3.14", "ansible==12.3.0"),
    Core("2.20", ">=3.12,<3.15", "ansible==13.8.0"),
    Core("2.21", ">=3.12,<3.15", "ansible==14.5.0"),
)


def uv(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(UV), *map(str, arguments)], capture_output=True, text=True, check=False)


def needed(lines: list[str]) -> list[str]:
    """The requirements among these lines that are not of one ansible-core alone."""
    kept = (line.partition("#")[0].strip() for line in lines)
    return [line for line in kept if line and not line.startswith("-r") and line.split("==")[0] not in LEFT_OUT]


def environment(core: Core) -> Path | None:
    """The folder of the programs of this version's virtual environment; None where there is no Python for it."""
    folder = CACHE / core.version
    programs = folder / "bin"
    if (folder / ".installed").exists():
        return programs
    if uv("venv", "--clear", "--no-python-downloads", "--python", core.pythons, folder).returncode:
        return None
    lines = {
        name: needed((PROJECT / name).read_text().splitlines())
        for name in ("requirements.txt", "requirements-dev.txt", "constraints.txt")
    }
    (folder / "constraints.txt").write_text("\n".join(lines["constraints.txt"]) + "\n")
    wanted = [*lines["requirements.txt"], *lines["requirements-dev.txt"], f"ansible-core~={core.version}.0"]
    install = ("pip", "install", "--quiet", "--python", programs / "python")
    for arguments in (("-c", folder / "constraints.txt", *wanted), ("--no-deps", core.collections)):
        done = uv(*install, *arguments)
        if done.returncode:
            raise SystemExit(f"ansible-core {core.version} cannot be installed:\n{done.stderr}")
    (folder / ".installed").touch()
    return programs


def passes(core: Core, programs: Path) -> bool:
    begun = time.monotonic()
    said = subprocess.run([programs / "ansible", "--version"], capture_output=True, text=True, check=True).stdout
    print(f"=== {said.splitlines()[0]}, {said.splitlines()[-3].strip()}", flush=True)
    command = [
        str(programs / "pytest"),
        "--quiet",
        "-n",
        "auto",
        "--no-loadscope-reorder",
        "-p",
        "no:cacheprovider",
        *TESTS,
    ]
    variables = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    passed = subprocess.run(command, cwd=PROJECT, env=variables, check=False).returncode == 0
    print(f"=== ansible-core {core.version}: {'passed' if passed else 'failed'} in {time.monotonic() - begun:.0f} s")
    return passed


def main(arguments: list[str]) -> int:
    known = {core.version: core for core in CORES}
    unknown = [name for name in arguments if name not in known]
    if unknown:
        print(f"{', '.join(unknown)} is not supported; these are: {', '.join(known)}", file=sys.stderr)
        return 2
    results: dict[str, str] = {}
    for core in [known[name] for name in arguments] or CORES:
        programs = environment(core)
        if programs is None:
            results[core.version] = f"left out: no Python {core.pythons} is here"
        else:
            results[core.version] = "passed" if passes(core, programs) else "failed"
    print("\nansible-core\n" + "\n".join(f"  {version}  {result}" for version, result in results.items()))
    if "failed" in results.values():
        return 1
    return 0 if "passed" in results.values() else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
