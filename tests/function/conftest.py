from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from . import function


@pytest.fixture(scope="session", autouse=True)
def dependencies() -> None:
    function.install_dependencies()


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[function.Database]:
    """An empty one, on a server with connections enough for tests that run at the same time."""
    with function.database(tmp_path_factory.mktemp("postgres"), max_connections="200") as started:
        yield started


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip that Lambda would get."""
    out = tmp_path_factory.mktemp("bundle") / "conversations.zip"
    assert function.build(out) == "built"
    return out
