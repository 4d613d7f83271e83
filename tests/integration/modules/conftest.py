"""One local cloud for the tests of all modules. Each test makes resources of its own name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ...ports import free_port
from ..playbooks import Cloud
from .networks import Network, make_network
from .runner import Modules


@pytest.fixture(scope="session")
def module_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    cloud = Cloud(free_port(), tmp_path_factory.mktemp("modules"))
    started = cloud.command("start", f"--port={cloud.port}")
    assert started.returncode == 0, started.stderr
    yield cloud
    cloud.stop()


@pytest.fixture
def modules(module_cloud: Cloud) -> Modules:
    """Runs modules on the local cloud."""
    return Modules(module_cloud)


@pytest.fixture
def network(module_cloud: Cloud) -> Network:
    """A network of the test's own."""
    return make_network(module_cloud)
