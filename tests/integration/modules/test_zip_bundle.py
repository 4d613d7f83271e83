"""zip_bundle, which needs no cloud: the same content is the same zip, wherever and whenever it is packed."""

from __future__ import annotations

import multiprocessing
import os
import zipfile
from pathlib import Path
from typing import Any

from ansible_collections.lks.llm.plugins.modules import zip_bundle

from .runner import run


def pack(check_mode: bool = False, **arguments: Any) -> dict:
    receiver, sender = multiprocessing.Pipe(duplex=False)
    given = {**arguments, "_ansible_check_mode": check_mode, "_ansible_diff": True}
    process = multiprocessing.get_context("fork").Process(target=run, args=(zip_bundle, given, sender))
    process.start()
    result = receiver.recv()
    process.join()
    return result


def tree(root: Path, text: str = "- hosts: all\n") -> Path:
    (root / "tasks").mkdir(parents=True)
    (root / "tasks" / "main.yml").write_text(text)
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "__pycache__").mkdir()
    (root / "__pycache__" / "a.pyc").write_bytes(b"0")
    return root


def test_the_same_content_is_the_same_zip(tmp_path):
    first, second = tree(tmp_path / "one"), tree(tmp_path / "two")
    os.utime(second / "run.sh", (0, 0))
    (second / "tasks" / "main.yml").chmod(0o600)
    arguments: dict[str, Any] = {
        "path": str(tmp_path / "new" / "bundle.zip"),
        "contents": [{"dest": "vars.yml", "content": "a: ä\n"}],
    }

    def source(folder: Path) -> list[dict]:
        return [{"src": f"{folder}/", "dest": "roles/web"}]

    preview = pack(check_mode=True, sources=source(first), **arguments)
    assert preview["changed"]
    assert not Path(preview["path"]).exists()
    packed = pack(sources=source(first), **arguments)
    assert (packed["changed"], packed["sha256"]) == (True, preview["sha256"])
    assert packed["files"] == ["roles/web/run.sh", "roles/web/tasks/main.yml", "vars.yml"]
    with zipfile.ZipFile(packed["path"]) as archive:
        assert archive.read("vars.yml").decode() == "a: ä\n"
        assert archive.namelist() == packed["files"]
        modes = [oct(entry.external_attr >> 16) for entry in archive.infolist()]
    assert modes == ["0o100755", "0o100644", "0o100644"]

    again = pack(sources=source(second), **arguments)
    assert (again["changed"], again["sha256"]) == (False, packed["sha256"])

    (second / "tasks" / "main.yml").write_text("- hosts: none\n")
    changed = pack(sources=source(second), **arguments)
    assert changed["changed"]
    assert changed["sha256"] != packed["sha256"]
    assert list(changed["diff"]["after"]) == ["roles/web/tasks/main.yml"]


def test_what_cannot_be_packed_is_refused(tmp_path):
    path = str(tmp_path / "bundle.zip")
    text = {"content": "x"}
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"sources": [{"src": str(tmp_path / "none")}]}, "neither a file nor a folder"),
        ({"contents": [{"dest": "../up", **text}]}, "inside the zip"),
        ({"contents": [{"dest": "/root", **text}]}, "inside the zip"),
        ({"contents": [{"dest": "a", **text}, {"dest": "./a", **text}]}, "become a"),
        ({}, "nothing to pack"),
    )
    for arguments, message in cases:
        answer = pack(path=path, **arguments)
        assert answer["failed"], arguments
        assert message in answer["msg"]
    assert not Path(path).exists()
