"""The callback lks.llm.timeline, on a playbook without a cloud."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from .playbooks import BIN, ROOT

PLAYS = [
    {
        "name": "Look",
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            {"name": "Say", "ansible.builtin.debug": {"msg": "a secret"}},
            {"name": "Skip", "ansible.builtin.debug": {}, "when": False},
            {"name": "Change", "ansible.builtin.command": "sleep 0.3", "when": "inventory_hostname == 'a'"},
            {"name": "Loop", "ansible.builtin.debug": {"msg": "{{ item }}"}, "loop": [1, 2]},
        ],
    },
    {"name": "Fail", "hosts": "b", "gather_facts": False, "tasks": [{"name": "Break", "ansible.builtin.fail": {}}]},
]


@pytest.fixture
def play(tmp_path: Path):
    book = tmp_path / "play.yml"
    book.write_text(json.dumps(PLAYS))

    def run(path: str | None) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_CALLBACKS_ENABLED": "lks.llm.timeline",
            "ANSIBLE_INVENTORY_ENABLED": "host_list",
            **({"ANSIBLE_TIMELINE": path} if path else {}),
        }
        python = "ansible_python_interpreter={{ ansible_playbook_python }}"
        command = [str(BIN / "ansible-playbook"), "-i", "a,b,", "-c", "local", "-e", python, str(book)]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    return run


def test_each_task_of_each_host_is_written_with_its_times(play, tmp_path):
    file = tmp_path / "timeline.json"
    assert play(str(file)).returncode == 2  # it is written however a run ends
    written = json.loads(file.read_text())
    found = {(each["play"], each["task"], each["host"]): each for each in written["tasks"]}
    outcomes = {key: each["outcome"] for key, each in found.items()}
    assert outcomes == {
        ("Look", "Say", "a"): "ok",
        ("Look", "Say", "b"): "ok",
        ("Look", "Skip", "a"): "skipped",
        ("Look", "Skip", "b"): "skipped",
        ("Look", "Change", "a"): "changed",
        ("Look", "Change", "b"): "skipped",
        ("Look", "Loop", "a"): "ok",
        ("Look", "Loop", "b"): "ok",
        ("Fail", "Break", "b"): "failed",
    }
    changed = found["Look", "Change", "a"]
    assert changed["action"] == "ansible.builtin.command"
    assert changed["ended"] - changed["began"] >= 0.3
    for each in found.values():
        assert written["began"] <= each["began"] <= each["ended"] <= written["ended"]
    assert found["Look", "Loop", "a"]["began"] >= changed["ended"]
    assert "secret" not in file.read_text()


def test_a_file_that_cannot_be_written_is_said_and_hurts_nobody(play):
    done = play("/dev/null/timeline.json")
    assert done.returncode == 2
    assert "lks.llm.timeline: cannot write /dev/null/timeline.json" in " ".join(done.stderr.split())


def test_nothing_is_written_unless_it_is_asked_for(play, tmp_path):
    done = play(None)
    assert done.returncode == 2
    assert "timeline" not in done.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == ["play.yml"]
