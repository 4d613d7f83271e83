"""How fast time passes for timeouts of API Gateway and of load balancers: LOCALCLOUD_TIME_SCALE (1) times as fast as elsewhere.

At a scale of 20 a timeout of 300 s is over after 15 s, so that whoever waits 15 s has seen what 300 s do. All of them are divided by the
same number; how long a function may run, health checks and rates are not.
"""

from __future__ import annotations

import math
import os


class Clock:
    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale

    def set(self, scale: float) -> None:
        """Counts for all that is waited for from now on; raises ValueError for what no clock does."""
        if not (math.isfinite(scale) and scale > 0):
            raise ValueError(f"{scale} is no scale of time: it must be more than 0")
        self.scale = scale

    def lasts(self, seconds: float) -> float:
        """How long that many seconds of a timeout are here."""
        return seconds / self.scale


CLOCK = Clock()
CLOCK.set(float(os.environ.get("LOCALCLOUD_TIME_SCALE") or 1))
