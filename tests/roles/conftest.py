"""The scenario's machines and how to configure them again."""

import json
import os
import time
from pathlib import Path

import pytest

from machines import machine as machines
from machines.image import PACKAGED
from machines.isolated import RUN
from tests.machines.apply import apply

if (
    "LKS_SCENARIO" not in os.environ
):  # of the run that has started the machines; without them there is nothing to collect
    collect_ignore_glob = ["test_*.py"]


def pytest_configure(config):
    config.addinivalue_line(
        "markers",
        "thorough: for the time it takes not in `make test`, except in continuous integration; in `make roles`",
    )


def pytest_collection_modifyitems(items):
    for item in items:
        if "LKS_MACHINES_SHORT" in os.environ and item.get_closest_marker("thorough"):
            machines.tell(f"{item.name}: left to make roles")
            item.add_marker(pytest.mark.skip(reason="left to make roles"))


def pytest_runtest_logreport(report):
    if "LKS_SCENARIO" in os.environ and (report.when == "call" or report.failed):
        machines.tell(f"{report.nodeid.partition('::')[2]}: {report.outcome} in {report.duration:.1f} s")


@pytest.fixture(scope="session")
def scenario():
    """What molecule's variables say: playbook, variables, extra, options."""
    return json.loads(Path(os.environ["LKS_SCENARIO"]).read_text())


@pytest.fixture(scope="session")
def machine():
    """A machine by name."""
    return machines.load


@pytest.fixture(scope="session")
def registry():
    """What pulls models asks for this: the stand-in's are made up, a real Ollama's come from the internet, which machines have not."""
    if list((RUN / "mirror").glob("*/real")):
        pytest.skip("the real Ollama pulls from the internet, which the machines do not reach")


@pytest.fixture
def applied(scenario):
    """Apply the scenario's playbook, with changes to its variables."""

    def run(host, core=PACKAGED, extra=None, playbook=None, options=None, **changes):
        variables = {**scenario["variables"], **changes}
        extra = scenario["extra"] if extra is None else extra
        options = scenario.get("options", []) if options is None else options
        begun = time.monotonic()
        result = apply(host, playbook or scenario["playbook"], variables, extra, core, options)
        took = time.monotonic() - begun
        machines.tell(f"{host.name}: ansible-core {core} {result.summary} in {took:.1f} s")
        return result

    return run
