"""The host roles, and the machines that they are tested on, as part of `make test`: without the longest tests, but for continuous integration.
Each is what `make role ROLE=…` runs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from machines.isolated import why_not

from .scenarios import FILES, PROJECT, SCENARIOS

# In continuous integration nothing is skipped or left out: what is missing there is a failure, and named.
CI = bool(os.environ.get("CI"))
LACKING = "" if CI else why_not()
LENGTH = [] if CI else ["--short"]


@pytest.mark.skipif(bool(LACKING), reason=f"no machines are booted: {LACKING}")
@pytest.mark.timeout(3000)  # with an image that is made first, beside other tests
@pytest.mark.parametrize("names", [*([name] for name in FILES), SCENARIOS], ids=" ".join)
def test_scenarios(names: list[str]) -> None:
    command = [sys.executable, "-m", "tests.machines.scenarios", *LENGTH, *names]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
