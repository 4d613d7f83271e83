"""The playbooks, run ordinary and warm on the deployed system, say the same of each task: so with every module that they use there."""

from __future__ import annotations

import concurrent.futures
import subprocess
from typing import Any

import pytest

from ..playbooks import BIN, ROOT, Cloud
from .conftest import results
from .test_odd_modules import comparable as without_times
from .test_same_results import comparable


def told(cloud: Cloud, way: str, *arguments: str) -> list[dict[str, Any]]:
    """What a playbook's tasks say."""
    environment = {
        **cloud.environment,
        "ANSIBLE_WARM": str(way == "warm").lower(),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        "ANSIBLE_INJECT_INVOCATION": "true",  # ansible-core 2.21 leaves it out otherwise
    }
    command = [str(BIN / "ansible-playbook"), *arguments, "-e", f"cloud_port={cloud.port}"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    return without_times(results(done))


@pytest.mark.ordinary
@pytest.mark.usefixtures("first_run")
@pytest.mark.parametrize(
    "arguments",
    [["site.yml"], ["site.yml", "--check", "--diff"]],
    ids=["second run", "preview"],
)
def test_each_task_says_the_same(cloud, arguments):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        ordinary, warm = pool.map(lambda way: told(cloud, way, *arguments), ("ordinary", "warm"))
    assert len(warm) > 50
    assert [item["task"] for item in warm] == [item["task"] for item in ordinary]
    for ordinary_says, warm_says in zip(comparable(ordinary), comparable(warm), strict=True):
        assert warm_says == ordinary_says
