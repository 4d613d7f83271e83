"""One local cloud for the tests of its services, and clients of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from ...ports import free_port
from ..playbooks import Cloud

REGION = "us-east-1"


@pytest.fixture(scope="session")
def service_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    cloud = Cloud(free_port(), tmp_path_factory.mktemp("services"))
    started = cloud.command("start", f"--port={cloud.port}")
    assert started.returncode == 0, started.stderr
    yield cloud
    cloud.stop()


@pytest.fixture(scope="session")
def client(service_cloud: Cloud) -> Callable[[str], Any]:
    """`client("rds")`: a client that neither retries nor waits long."""

    def make(service: str, region: str = REGION) -> Any:
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=f"http://127.0.0.1:{service_cloud.port}",
            aws_access_key_id="localcloud",
            aws_secret_access_key="localcloud",
            config=Config(retries={"total_max_attempts": 1}),
        )

    return make
