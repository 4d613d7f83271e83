"""Places on which what stands in for hosts listens."""

from __future__ import annotations

import socket

import pytest

from localcloud import loopback

PORT = 18099


@pytest.mark.skipif(not loopback.distinct(), reason="this system has one loopback address")
def test_a_place_that_is_held_or_listened_on_is_another_clouds():
    first = loopback.hold_one("127.77.0.1", PORT)
    second = loopback.hold_one("127.77.0.1", PORT)
    assert (first.address, first.port) == ("127.77.0.1", PORT)
    assert second.address != first.address
    assert second.port == PORT
    assert loopback.hold("127.77.0.1", PORT) is None
    first.give_up()
    with socket.create_server(("127.77.0.1", PORT)):
        assert loopback.hold("127.77.0.1", PORT) is None
    again = loopback.hold("127.77.0.1", PORT)
    assert again is not None
    again.give_up()
    second.give_up()


def test_a_place_can_be_listened_on_while_it_is_held():
    place = loopback.hold("127.0.0.1", 0)
    assert place is not None
    with socket.create_server((place.address, place.port)):
        pass
    place.give_up()
