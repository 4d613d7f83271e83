"""A collection of odd modules, and playbooks run ordinary and warm with their results read back."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
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
    """Runs tasks on hosts a and b, ordinary and warm."""

    def run(tasks: list[dict[str, Any]], *arguments: str, **play: Any) -> Both:
        book = tmp_path / "play.yml"
        book.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks, **play}]))
        inventory = tmp_path / "hosts.yml"
        local = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        inventory.write_text(json.dumps({"all": {"hosts": {"a": local, "b": local}}}))
        (tmp_path / "ansible.cfg").write_text("[defaults]\n")
        answers = []
        for warm in ("false", "true"):
            environment = {
                **os.environ,
                "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
                "ANSIBLE_COLLECTIONS_PATH": f"{ROOT / 'collections'}:{collections}",
                "ANSIBLE_CALLBACKS_ENABLED": "lks.llm.warm",
                "ANSIBLE_WARM": warm,
                "ANSIBLE_WARM_COLLECTIONS": "amazon.aws,tests.odd",
                "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
                "ANSIBLE_LOCALHOST_WARNING": "false",
                "ANSIBLE_WARM_TEST_WAS": "unchanged",
            }
            done = subprocess.run(
                [str(BIN / "ansible-playbook"), "-i", str(inventory), str(book), *arguments],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=180,
            )
            assert "{" in done.stdout, done.stdout + done.stderr
            answers.append((json.loads(done.stdout[done.stdout.index("{") :]), done.stdout + done.stderr))
        results = [
            [
                {"task": task["task"]["name"], "host": host, "result": result}
                for play in answer["plays"]
                for task in play["tasks"]
                for host, result in sorted(task["hosts"].items())
            ]
            for answer, _ in answers
        ]
        return Both(ordinary=results[0], warm=results[1], output=answers[1][1])

    return run
