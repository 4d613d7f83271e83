"""Run the scenarios of the host roles, each by molecule in namespaces of its own.

    python -m tests.machines.scenarios [--if-possible] [SCENARIO…]

Without --if-possible a system that cannot run them is a failure. With it, it is said what was skipped and why; not so in continuous
integration (CI is set), where nothing is skipped.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from . import image
from .isolated import RUN, why_not

PROJECT = Path(__file__).parents[2]
SCENARIOS = sorted(path.parent.name for path in (PROJECT / "molecule").glob("*/molecule.yml"))


def run(scenario):
    """Whether a scenario passed."""
    print(f"\n=== {scenario}", flush=True)
    begun = time.monotonic()
    environment = {
        **os.environ,
        "MOLECULE_EPHEMERAL_DIRECTORY": f"{RUN}/tmp/molecule",
        "ANSIBLE_LOCAL_TEMP": f"{RUN}/tmp/ansible",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "NO_COLOR": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    molecule = [sys.executable, "-m", "molecule", "test", "--scenario-name", scenario]
    command = [sys.executable, "-m", "tests.machines.isolated", *molecule]
    passed = subprocess.run(command, cwd=PROJECT, env=environment).returncode == 0
    print(f"=== {scenario}: {'passed' if passed else 'failed'} in {time.monotonic() - begun:.0f} s", flush=True)
    return passed


def main(arguments):
    names = [name for name in arguments if not name.startswith("-")] or SCENARIOS
    unknown = set(names) - set(SCENARIOS)
    if unknown:
        print(f"There is no scenario {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}", file=sys.stderr)
        return 2
    reason = why_not()
    if reason:
        skip = "--if-possible" in arguments and not os.environ.get("CI")
        print(
            f"{'Skipped' if skip else 'Not run'}: {', '.join(names)} (role tests on machines): {reason}",
            file=sys.stderr,
        )
        return 0 if skip else 3
    image.ensure()
    passed = sum([run(name) for name in names])
    print(f"\n{passed} passed, {len(names) - passed} failed")
    return passed != len(names)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
