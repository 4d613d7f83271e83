"""What all tests share: collections import under their full names, as Ansible imports them."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
from ansible.utils.collection_loader import _collection_finder
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parents[1]

# The public way in is a running ansible; ansible-test's own pytest plugin installs the finder in the same manner.
_collection_finder._AnsibleCollectionFinder(paths=[str(ROOT / "collections")])._install()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Machines come first: they take longest, one after the other. What breaks the deployed system comes last."""
    items.sort(key=lambda item: (item.get_closest_marker("breaks") is not None, "tests/machines/" not in item.nodeid))


class Sharing(LoadScopeScheduling):
    """Tests that share something run on one worker: those of the files that use the deployed system, those of the function (its database,
    its dependencies), those of the modules (their cloud), and the tests of any other file."""

    def _split_scope(self, nodeid: str) -> str:
        return sharing(nodeid.partition("::")[0])


@functools.cache
def sharing(path: str) -> str:
    if "first_run" in (ROOT / path).read_text():
        return "the deployed system"
    folder = Path(path).parent
    return str(folder) if folder in (Path("tests/function"), Path("tests/integration/modules")) else path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Sharing:
    return Sharing(config, log)
