"""What all tests share: collections import under their full names, as Ansible imports them."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.utils.collection_loader import _collection_finder

ROOT = Path(__file__).resolve().parents[1]

# The public way in is a running ansible; ansible-test's own pytest plugin installs the finder in the same manner.
_collection_finder._AnsibleCollectionFinder(paths=[str(ROOT / "collections")])._install()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What breaks the deployed system comes last. Under pytest-xdist's loadgroup, what shares something stays on one worker: the files
    that use the deployed system, those of the function (its database, its dependencies), and every other file's tests."""
    tests = [item for item in items if isinstance(item, pytest.Function)]
    shared = {item.path for item in tests if "first_run" in item.fixturenames}
    for item in tests:
        path = item.path.relative_to(ROOT)
        group = "deployed" if item.path in shared else "function" if path.parts[1] == "function" else str(path)
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: item.get_closest_marker("breaks") is not None)
