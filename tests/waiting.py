"""Waiting for what must come."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def until(done: Callable[[], Any], what: str = "it", seconds: float = 120) -> None:
    """Fails with `what` did not come. Generous, for the machine may be busy."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"{what} did not come within {seconds:g} s"
        time.sleep(0.05)
