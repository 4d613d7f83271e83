"""A destroy removes half of a deploy, and a deploy goes on from half of one. test_zones.py destroys a whole one, twice, and on an empty
account."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from ..ports import free_port
from .playbooks import BIN, ROOT, Cloud
from .sweep import left

REGIONS = ("us-east-1", "us-west-2")


@pytest.fixture
def own_cloud(tmp_path):
    cloud = Cloud(free_port(), tmp_path / "own")
    yield cloud
    cloud.stop()


def test_a_killed_deploy_is_destroyed_and_another_converges(own_cloud):
    def killed_after(task: str) -> None:
        process = subprocess.Popen(
            [str(BIN / "ansible-playbook"), "site.yml", "-e", f"cloud_port={own_cloud.port}"],
            cwd=ROOT,
            env=own_cloud.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert process.stdout
        deadline = time.monotonic() + 300
        for line in process.stdout:
            if f"TASK [{task}]" in line:
                break
            assert time.monotonic() < deadline, f"never came to {task}"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    killed_after("Give the NLB a listener for each zone that it leads to")
    own_cloud.play("playbooks/destroy.yml").must_succeed()
    assert left(own_cloud, REGIONS) == {}

    killed_after("Start the workers")
    own_cloud.play("site.yml", run="converge").must_succeed()
    again = own_cloud.play("site.yml", run="again").must_succeed()
    assert again.changed == set()
    assert sum(own_cloud.requests("again")["writes"].values()) == 0


def test_a_real_account_asks_for_confirmation(empty_cloud, inventory):
    zones = {"zone-a": {"zone_region": "us-east-1", "zone_cidr": "172.32.0.0/23"}}
    run = empty_cloud.play("playbooks/destroy.yml", "-i", inventory(zones, group="aws"))
    assert run.returncode != 0
    assert "-e destroy_confirm=lks-llm" in " ".join(run.output.split())
