"""The scenario's machines and how to configure them again."""

import json
import os
from pathlib import Path

import pytest

from tests.machines import machine as machines
from tests.machines.apply import apply
from tests.machines.image import ANSIBLE, PACKAGED

CORES = sorted([*ANSIBLE, PACKAGED], key=lambda name: tuple(map(int, name.split("."))))


def pytest_collection_modifyitems(items):
    if "LKS_SCENARIO" not in os.environ:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="runs on machines: make roles, or make role ROLE=…"))


@pytest.fixture(scope="session")
def scenario():
    """What molecule's variables say: playbook, variables, extra, options."""
    return json.loads(Path(os.environ["LKS_SCENARIO"]).read_text())


@pytest.fixture(scope="session")
def machine():
    """A machine by name."""
    return machines.load


@pytest.fixture
def applied(scenario):
    """Apply the scenario's playbook, with changes to its variables."""

    def run(host, core=PACKAGED, extra=None, playbook=None, options=None, **changes):
        variables = {**scenario["variables"], **changes}
        extra = scenario["extra"] if extra is None else extra
        options = scenario.get("options", []) if options is None else options
        return apply(host, playbook or scenario["playbook"], variables, extra, core, options)

    return run
