"""Addresses of this machine alone, for what the local cloud serves in the place of hosts and databases.

All of 127.0.0.0/8 is Linux's own machine, so that many can have the same port; elsewhere there is one address and a port of each its own.
"""

from __future__ import annotations

import random
import socket
import sys

TRIES = 50


def distinct() -> bool:
    """Whether every address of 127.0.0.0/8 is this machine's."""
    return sys.platform == "linux"


def anywhere() -> str:
    """An address that hardly anybody else uses, where there are many."""
    if not distinct():
        return "127.0.0.1"
    return ".".join(["127", *(str(random.randint(1, 254)) for _ in range(3))])


class Place:
    """An address and a TCP port, kept from every other local cloud for as long as it is held.

    Clouds agree on that by the UDP port of the same number, which none of them serves.
    """

    def __init__(self, address: str, port: int, held: socket.socket) -> None:
        self.address = address
        self.port = port
        self.held = held

    def give_up(self) -> None:
        self.held.close()


def hold(address: str, port: int) -> Place | None:
    """A place on which nobody listens, any port for 0; None where somebody does, or another cloud holds it."""
    held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        held.bind((address, port))
        found = int(held.getsockname()[1])
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, found))
    except OSError:
        held.close()
        return None
    return Place(address, found, held)


def hold_one(wanted: str, port: int) -> Place:
    """The wanted address with this port, or another one that is free; raises OSError where there is none."""
    for address in (wanted, *(anywhere() for _ in range(TRIES))):
        if distinct() and (found := hold(address, port)):
            return found
    for _ in range(TRIES):
        if found := hold("127.0.0.1", 0):
            return found
    raise OSError(f"no free address of this machine for port {port}")
