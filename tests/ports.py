"""Ports for what tests start."""

from __future__ import annotations

import contextlib
import random
import socket


def free_port() -> int:
    """A port that is free, with the next one, which a local cloud's data plane takes.

    Below those that the kernel gives away by itself: one of these may be gone again before it is used.
    """
    for _ in range(1000):
        port = random.SystemRandom().randrange(10_000, 32_000, 2)
        with contextlib.suppress(OSError), socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", port))
            second.bind(("127.0.0.1", port + 1))
            return port
    raise RuntimeError("no two ports in a row are free")
