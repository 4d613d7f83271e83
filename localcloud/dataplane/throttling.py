"""Rates of requests: a bucket of tokens for each method setting of a stage, filled at its rate, as large as its burst.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html
"""

from __future__ import annotations

import time
from collections.abc import Callable

from localcloud.dataplane.exchange import Exchange, Failure

# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
ACCOUNT_RATE, ACCOUNT_BURST = 10_000.0, 5_000
EVERY_METHOD = "*/*"


class Throttle:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.buckets: dict[tuple[str, str, str, str], tuple[float, float]] = {}  # (tokens, when)

    def take(self, exchange: Exchange) -> None:
        """Counts a request; raises Failure where it is one too many."""
        own = f"{exchange.resource.lstrip('/') or '/'}/{exchange.request.method}"
        key = own if own in exchange.method_settings else EVERY_METHOD
        setting = exchange.method_settings.get(key) or {}
        rate = float(setting.get("throttlingRateLimit", ACCOUNT_RATE))
        burst = float(setting.get("throttlingBurstLimit", ACCOUNT_BURST))
        if rate < 0 or burst < 0:  # -1 takes a limit away
            return
        bucket = (exchange.region, exchange.api_id, exchange.stage, key)
        now = self.clock()
        tokens, before = self.buckets.get(bucket, (burst, now))
        tokens = min(burst, tokens + (now - before) * rate)
        self.buckets[bucket] = (tokens - 1 if tokens >= 1 else tokens, now)
        if tokens < 1:
            raise Failure("THROTTLED", reason=f"more than {rate:g} requests a second, with bursts of {burst:g}")
