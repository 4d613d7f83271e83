"""A collection of odd modules, and playbooks run ordinary and warm with their results read back."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ..playbooks import BIN, ROOT

HERE = Path(__file__).parent
ODD = ["behave"]


@dataclasses.dataclass(frozen=True)
class Both:
    """The results of the same play, ordinary and warm: [{task, host, result}] each."""

    ordinary: list[dict[str, Any]]
    warm: list[dict[str, Any]]
    output: str


@pytest.fixture(scope="session")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("collections")
    modules = root / "ansible_collections/tests/odd/plugins/modules"
    modules.mkdir(parents=True)
    for name in ODD:
        shutil.copy(HERE / "odd" / f"{name}.py", modules)
    return root


@pytest.fixture
def both(collections: Path, tmp_path: Path):
    """Runs tasks on hosts ordinary and warm, at the same time. `environments` is what each of the two gets beside the common."""

    def run(
        tasks: list[dict[str, Any]],
        *arguments: str,
        hosts: Sequence[str] = ("a", "b"),
        environments: Mapping[str, Mapping[str, str]] | None = None,
        **play: Any,
    ) -> Both:
        book = tmp_path / "play.yml"
        book.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks, **play}]))
        inventory = tmp_path / "hosts.yml"
        local = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        inventory.write_text(json.dumps({"all": {"hosts": dict.fromkeys(hosts, local)}}))
        (tmp_path / "ansible.cfg").write_text("[defaults]\n")

        def play_it(way: str, temporary: str) -> subprocess.CompletedProcess[str]:
            environment = {
                **os.environ,
                "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
                "ANSIBLE_COLLECTIONS_PATH": f"{ROOT / 'collections'}:{collections}",
                "ANSIBLE_CALLBACKS_ENABLED": "lks.llm.warm",
                "ANSIBLE_WARM": str(way == "warm").lower(),
                "ANSIBLE_WARM_COLLECTIONS": "amazon.aws,community.aws,tests.odd",
                "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
                "ANSIBLE_LOCALHOST_WARNING": "false",
                "ANSIBLE_INJECT_INVOCATION": "true",  # ansible-core 2.21 leaves it out otherwise
                # Ansible writes results below $HOME and looks for them in the home that the system knows.
                "ANSIBLE_ASYNC_DIR": str(tmp_path / "async"),
                "ANSIBLE_WARM_TEST_WAS": "unchanged",
                "TMPDIR": temporary,
                **(environments or {}).get(way, {}),
            }
            return subprocess.run(
                [str(BIN / "ansible-playbook"), "-i", str(inventory), str(book), *arguments],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=900,
            )

        # A module that is killed leaves its files there. The name is short, as that of a Unix socket must be.
        with (
            tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary,
            concurrent.futures.ThreadPoolExecutor() as pool,
        ):
            ordinary, warm = pool.map(play_it, ("ordinary", "warm"), (temporary, temporary))
        assert "run the ordinary way" not in warm.stderr, warm.stderr
        return Both(results(ordinary), results(warm), warm.stdout + warm.stderr)

    return run


def results(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert "{" in done.stdout, done.stdout + done.stderr
    answer = json.loads(done.stdout[done.stdout.index("{") :])
    return [
        {"task": task["task"]["name"], "host": host, "result": result}
        for play in answer["plays"]
        for task in play["tasks"]
        for host, result in sorted(task["hosts"].items())
    ]
