"""The host roles, and the machines that they are tested on, as part of `make test`: without the longest tests. Each is what
`make role ROLE=…` runs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from machines.isolated import why_not

from .scenarios import NAMES, PROJECT

# In continuous integration nothing is skipped: what is missing there is a failure, and named.
LACKING = "" if os.environ.get("CI") else why_not()


@pytest.mark.skipif(bool(LACKING), reason=f"no machines are booted: {LACKING}")
@pytest.mark.parametrize("name", NAMES)
def test_scenario(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.machines.scenarios", "--short", name], cwd=PROJECT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
