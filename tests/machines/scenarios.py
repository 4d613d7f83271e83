"""Run what is tested on booted machines: the scenarios of the host roles, and what the machines themselves promise.

    python -m tests.machines.scenarios [--short] [NAME…]

A scenario of molecule/ is run by molecule in namespaces of its own, two at a time if there are two processors. The others are files of tests
beside this one, run by pytest, alone.

A system that cannot boot machines is a failure, and is told what it lacks. --short leaves out the tests that are marked as thorough.
"""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from machines import image
from machines.isolated import RUN, alone, ended_by_signal, spawn, why_not

PROJECT = Path(__file__).parents[2]
ISOLATED = ("-m", "machines.isolated", sys.executable)
FILES: dict[str, tuple[str, ...]] = {"interrupted": (), "packets": ISOLATED, "local_cloud": ()}  # what they are run by
SCENARIOS = sorted(path.parent.name for path in (PROJECT / "molecule").glob("*/molecule.yml"))
NAMES = (*FILES, *SCENARIOS)
FAILURE_LINES = 60


class Runs:
    """Scenarios that run at the same time."""

    def __init__(self):
        self.processes = []
        self.ended = False
        self.failures: dict[str, list[str]] = {}  # by scenario, what the step printed that failed

    def run(self, scenario):
        """Whether a scenario passed."""
        begun = time.monotonic()
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # molecule starts Ansible's programs by name
            "MOLECULE_EPHEMERAL_DIRECTORY": f"{RUN}/tmp/molecule",
            "ANSIBLE_HOME": f"{RUN}/tmp/ansible",
            "ANSIBLE_REMOTE_TEMP": f"{RUN}/tmp/ansible/tmp",
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
            "LKS_MACHINES_CACHE": str(image.cache()),
            "NO_COLOR": "1",
        }
        molecule = [sys.executable, "-m", "molecule", "test", "--scenario-name", scenario]
        process = spawn(
            scenario, molecule, cwd=PROJECT, env=environment, text=True, errors="replace", stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.processes.append(process)
        if self.ended:
            process.kill()
        step: list[str] = []
        for line in process.stdout:
            print(f"{scenario:13} | {line}", end="", flush=True)
            if line.endswith("] Executing\n"):
                step = []
            step.append(line)
            if "Executed: Failed" in line:  # in colour
                self.failures.setdefault(scenario, step)
        passed = process.wait() == 0
        if not passed:
            self.failures.setdefault(scenario, step)
        print(f"=== {scenario}: {'passed' if passed else 'failed'} in {time.monotonic() - begun:.0f} s", flush=True)
        return passed

    def tell_failures(self):
        """What failed once more, by itself: in what two scenarios print at a time it is hard to find."""
        for scenario, step in self.failures.items():
            print(
                f"\n=== what failed of {scenario}",
                *(line.rstrip() for line in step[-FAILURE_LINES:]),
                sep="\n",
                flush=True,
            )

    def end(self):
        self.ended = True
        for process in self.processes:
            process.kill()


def run_all(names):
    runs = Runs()
    with alone(*names), ThreadPoolExecutor(min(len(names), os.cpu_count() or 1)) as pool:
        try:
            return list(pool.map(runs.run, names))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            runs.end()
            runs.tell_failures()


def passes(name):
    """Whether the tests of a file pass."""
    command = [sys.executable, *FILES[name], "-m", "pytest", "--quiet", str(Path(__file__).with_name(f"{name}.py"))]
    return subprocess.run(command, cwd=PROJECT).returncode == 0


def main(arguments):
    names = [name for name in arguments if not name.startswith("-")] or NAMES
    unknown = set(names) - set(NAMES)
    if unknown:
        print(f"There is no scenario {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    reason = why_not()
    if reason:
        print(f"Not run: {', '.join(names)} (on machines): {reason}", file=sys.stderr)
        return 3
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ended_by_signal)
    if "--short" in arguments:
        os.environ["LKS_MACHINES_SHORT"] = "yes"
    image.ensure()
    results = {name: passes(name) for name in names if name in FILES}
    if scenarios := [name for name in names if name in SCENARIOS]:
        results |= zip(scenarios, run_all(scenarios), strict=True)
    failed = [name for name, passed in results.items() if not passed]
    print(f"\n{len(results) - len(failed)} passed, {len(failed)} failed{': ' if failed else ''}{', '.join(failed)}")
    return bool(failed)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
