"""The local cloud within the tests' own process: `aws("ec2")` is a boto3 client of it."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
import waitress
from botocore.config import Config

from localcloud.record import Record
from localcloud.server import Application, prepare
from localcloud.services import rds


@pytest.fixture(scope="session")
def application() -> Application:
    prepare()
    return Application(Record())


@pytest.fixture(scope="session")
def endpoint(application: Application) -> Iterator[str]:
    server = waitress.create_server(application, host="127.0.0.1", port=0, threads=8)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()
    rds.stop()  # its authority has a folder


@pytest.fixture(scope="session")
def aws(endpoint: str) -> Callable[..., Any]:
    """aws(service, region) makes a client that does not try again and checks nothing itself."""

    @functools.cache
    def client(service: str, region: str = "us-east-1") -> Any:
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=endpoint,
            aws_access_key_id="localcloud",
            aws_secret_access_key="localcloud",
            config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
        )

    return client
