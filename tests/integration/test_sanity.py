"""`ansible-test sanity` on the collection, in the tree that it wants: a folder of that name, with the collections it refers to beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import ansible_collections
import pytest

from .playbooks import BIN, ROOT

# What a user gets to run; the local cloud and the tests have a linter and a type checker of their own.
SHIPPED = ("galaxy.yml", "meta", "playbooks", "plugins", "README.md", "roles")
REFERRED = ("amazon/aws", "community/aws", "ansible/utils", "community/general")
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sanity") / "ansible_collections"
    target = root / "lks/llm"
    target.mkdir(parents=True)
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *SHIPPED],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, files.split("\0")):
        source, copy = ROOT / name, target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        # Links to folders are for a checkout; sanity wants them resolved.
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copy)
    installed = Path(next(iter(ansible_collections.__path__)))
    for path in map(Path, ansible_collections.__path__):
        if (path / "amazon/aws").is_dir():
            installed = path
    for name in REFERRED:
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copytree(installed / name, root / name)
    # ansible-test only looks at what git knows.
    for command in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", *command], cwd=target, check=True, capture_output=True)
    return target


def test_sanity(tree: Path, tmp_path: Path) -> None:
    # ansible-test fetches pip's bootstrap script for its virtual environments; Python brings the same along.
    cache = tmp_path / ".ansible/test/cache"
    cache.mkdir(parents=True)
    for version in ("24_2", "25_1", "20_3_4"):
        (cache / f"get_pip_{version}.py").write_text("import ensurepip\n\nensurepip.bootstrap()\n")
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "PYTEST_"))},
        "HOME": str(tmp_path),
        # Other Pythons of this machine would be tried, whether or not they work.
        "PATH": f"{BIN}:/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
    }
    done = subprocess.run(
        [str(BIN / "ansible-test"), "sanity", "--python", VERSION, "--requirements", "--color", "no"],
        cwd=tree,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=900,
    )
    said = [line for line in done.stdout.splitlines() if line.startswith(("ERROR", "FATAL", "Running sanity"))]
    assert done.returncode == 0, "\n".join(said) or done.stdout[-4000:]
    assert any('"validate-modules"' in line for line in said)
