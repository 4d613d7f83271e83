"""The local cloud without a server: AWS's clients talk to the application in this process."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud import server
from localcloud.in_process import Clients
from localcloud.record import Record


@functools.cache
def clients() -> Clients:
    server.prepare()
    return Clients(server.Application(Record()))


def client(service: str, region: str = "us-east-1") -> Any:
    return clients().client(service, region)


@contextlib.contextmanager
def refusal(code: str, words: str = "") -> Iterator[None]:
    """What is called within is refused with this code, in a message that holds these words."""
    with pytest.raises(ClientError) as caught:
        yield
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    assert words in error["Message"], error


def refused(code: str, words: str, call: Any, /, **parameters: Any) -> None:
    with refusal(code, words):
        call(**parameters)
