"""One deployed system for all tests that only look at it or put it right again; tests that need another make their own."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from .playbooks import Cloud, Run


def free_port() -> int:
    """A port that is free, with the next one, which the cloud's data plane takes.

    Below those that the kernel gives away by itself: one of these may be gone again before it is used.
    """
    for _ in range(1000):
        port = random.SystemRandom().randrange(10_000, 32_000, 2)
        with contextlib.suppress(OSError), socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", port))
            second.bind(("127.0.0.1", port + 1))
            return port
    raise RuntimeError("no two ports in a row are free")


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
