"""When the benchmark of zones is content."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import memory, zones

from ...waiting import until


def measured(**seconds: tuple[float, ...]) -> dict:
    """{zones: {step: figures}} of steps that took so long with 1, 2, … zones."""
    return {
        2**power: {
            step.replace("_", "-"): {"seconds": taken[power], "megabytes": 500.0} for step, taken in seconds.items()
        }
        for power in range(2)
    }


def test_time_that_grows_slower_than_the_zones_is_well():
    assert zones.faults(measured(first_run=(10, 19), second_run=(5, 5), destroy=(5, 9))) == []


def test_time_that_grows_as_the_zones_do_is_a_fault():
    found = zones.faults(measured(first_run=(10, 20), second_run=(5, 5), destroy=(5, 9)))
    assert found == ["first-run takes 2.00 times as long for 2 zones as for 1"]


def test_memory_has_a_limit():
    taken = measured(first_run=(10, 19), second_run=(5, 5), destroy=(5, 9))
    taken[2]["destroy"]["megabytes"] = 601
    assert zones.faults(taken) == ["two zones take 601 MB, more than 600"]


def test_an_inventory_has_one_home():
    groups = json.loads(zones.inventory(8))["all"]["children"]["zones"]["children"]
    hosts = {**groups["home"]["hosts"], **groups["away"]["hosts"]}
    assert len(groups["home"]["hosts"]) == 1
    assert (
        len({host["zone_region"] for host in hosts.values()})
        == len({host["zone_cidr"] for host in hosts.values()})
        == 8
    )


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="Linux only")
def test_memory_of_children_and_of_daemons_counts():
    megabytes = 60
    child = f"import sys; held = bytearray(b'x' * {megabytes} * 1000000); print('there', flush=True); sys.stdin.read()"
    with memory.Peak().watched() as peak:
        command = [sys.executable, "-c", child]
        process = subprocess.Popen(
            command,
            env={**os.environ, **peak.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdout and process.stdin and process.stdout.readline() == b"there\n"
        until(lambda: peak.megabytes > megabytes)
        process.stdin.close()
        process.wait()
        process.stdout.close()
    assert peak.megabytes < 2 * megabytes
