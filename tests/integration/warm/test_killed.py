"""A run that is killed leaves no helper behind, and none of its files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ...waiting import until
from ..playbooks import BIN, ROOT


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Of a short name, as that of a Unix socket must be."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def helpers(temporary: Path) -> list[int]:
    """The processes that keep their files there."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_text().split("\0")
            environment = (process / "environ").read_text().split("\0")
        except OSError:  # another's, or gone
            continue
        if any(word.endswith("warm_helper.py") for word in words) and f"TMPDIR={temporary}" in environment:
            found.append(int(process.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="the system does not tell of processes")
@pytest.mark.parametrize("processes", [1, 2], ids=["while the helper starts", "while a module runs"])
def test_nothing_is_left_of_a_run_that_is_killed(temporary: Path, tmp_path: Path, processes: int) -> None:
    book = tmp_path / "play.yml"
    play = {"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.command": "sleep 120"}]}
    book.write_text(json.dumps([{**play, "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}}]))
    process = subprocess.Popen(
        [str(BIN / "ansible-playbook"), "-i", "localhost,", "--connection=local", str(book)],
        cwd=tmp_path,
        env={
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
            "ANSIBLE_CALLBACKS_ENABLED": "lks.llm.warm",
            "ANSIBLE_WARM_COLLECTIONS": "ansible.builtin",
            "TMPDIR": str(temporary),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until(lambda: len(helpers(temporary)) >= processes, "the helper")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    until(lambda: not helpers(temporary) and not list(temporary.glob("ansible-warm-*")), "its end")
