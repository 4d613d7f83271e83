"""One deployed system for all tests that only look at it or put it right again; tests that need another make their own."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from .playbooks import Cloud, Run


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What breaks the deployed system comes last. Under pytest-xdist's loadgroup the files that share it go to one worker, and every
    other file stays whole."""
    here = Path(__file__).parent
    own = [item for item in items if isinstance(item, pytest.Function) and here in item.path.parents]
    shared = {item.path for item in own if "first_run" in item.fixturenames}
    for item in own:
        item.add_marker(pytest.mark.xdist_group("deployed" if item.path in shared else item.path.stem))
    items.sort(key=lambda item: item.get_closest_marker("breaks") is not None)


@pytest.fixture(scope="session")
def empty_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A local cloud on which nothing is ever built."""
    cloud = Cloud(free_port(), tmp_path_factory.mktemp("empty"))
    yield cloud
    cloud.stop()


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The local cloud that carries the deployed system."""
    cloud = Cloud(free_port(), tmp_path_factory.mktemp("cloud"))
    yield cloud
    cloud.stop()


@pytest.fixture(scope="session")
def first_run(cloud: Cloud) -> Run:
    """The run that deployed the system."""
    return cloud.play("site.yml", run="first").must_succeed()


@pytest.fixture
def inventory(tmp_path: Path):
    """Writes an inventory for the local cloud with these zones: {"zone-a": {"zone_region": …}}; the first one is home."""
    import yaml

    def write(zones: dict[str, dict[str, str]], group: str = "local") -> str:
        home, *away = zones
        content = {
            "all": {
                "children": {
                    "zones": {
                        "children": {
                            "home": {"hosts": {home: zones[home]}},
                            "away": {"hosts": {name: zones[name] for name in away}},
                        }
                    },
                    group: {"children": {"zones": None}},
                }
            }
        }
        path = tmp_path / "inventory.yml"
        path.write_text(yaml.safe_dump(content))
        return str(path)

    return write
