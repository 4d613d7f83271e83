"""Whose a connection to a database is."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator

import pytest

from localcloud import loopback
from localcloud.dataplane import databases

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell")


@pytest.fixture
def places() -> Iterator[list[socket.socket]]:
    """Two that listen, on the same port of two addresses."""
    with contextlib.ExitStack() as stack:
        first, second = (stack.enter_context(socket.socket()) for _ in range(2))
        first.bind((loopback.anywhere(), 0))
        second.bind((loopback.anywhere(), first.getsockname()[1]))
        for each in (first, second):
            each.listen()
        yield [first, second]


def connect(place: socket.socket, port: int, family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
    """From this port, whoever else has it."""
    address, its = place.getsockname()
    here, there = ("127.0.0.1", address) if family == socket.AF_INET else ("::ffff:127.0.0.1", f"::ffff:{address}")
    made = socket.socket(family)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((here, port))
    made.connect((there, its))
    return made


def inode(connection: socket.socket) -> str:
    return str(os.fstat(connection.fileno()).st_ino)


def test_connections_to_elsewhere_may_have_the_same_port(places: list[socket.socket]) -> None:
    with connect(places[0], 0) as one, connect(places[1], one.getsockname()[1]) as other:
        this = one.getsockname()
        assert other.getsockname() == this
        assert databases.socket_of(this, places[0].getsockname()) == inode(one)
        assert databases.socket_of(this, places[1].getsockname()) == inode(other)


def test_a_closed_connection_does_not_stand_for_a_living_one(places: list[socket.socket]) -> None:
    closed = connect(places[0], 0)
    this = closed.getsockname()
    closed.close()  # the system keeps it for a while, waiting
    assert databases.socket_of(this, places[0].getsockname()) == ""
    with connect(places[1], this[1]) as living:
        assert databases.socket_of(this, places[1].getsockname()) == inode(living)


def test_a_socket_of_the_other_family_is_found(places: list[socket.socket]) -> None:
    with connect(places[0], 0, socket.AF_INET6) as made:
        assert databases.socket_of(("127.0.0.1", made.getsockname()[1]), places[0].getsockname()) == inode(made)


def test_a_system_that_does_not_tell_is_no_connection_that_is_gone(
    places: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "CONNECTIONS", {})
    assert databases.socket_of(("127.0.0.1", 1), places[0].getsockname()) is None
