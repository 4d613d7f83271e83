"""The newest requests and the way that each took, for people to look at."""

from __future__ import annotations

import dataclasses
import threading
from collections import deque
from typing import Any

from localcloud.dataplane.exchange import Exchange

KEPT = 1_000


class Journeys:
    """A bounded record. No query strings, headers or bodies are in it: users' own words are among them."""

    def __init__(self, kept: int = KEPT) -> None:
        self.lock = threading.Lock()
        self.kept: deque[dict[str, Any]] = deque(maxlen=kept)

    def add(self, exchange: Exchange, status: int, milliseconds: float, sent: int, reason: str) -> None:
        journey = {
            "id": exchange.request_id,
            "time": round(exchange.began, 3),
            "region": exchange.region,
            "api": exchange.api_id,
            "stage": exchange.stage,
            "method": exchange.request.method,
            "path": exchange.path,
            "resource": exchange.resource,
            "status": status,
            "milliseconds": round(milliseconds, 1),
            "bytes": sent,
            "reason": reason,
            "hops": [{**dataclasses.asdict(hop), "milliseconds": round(hop.milliseconds, 1)} for hop in exchange.hops],
        }
        with self.lock:
            self.kept.append(journey)

    def newest(self, count: int = KEPT) -> list[dict[str, Any]]:
        """The newest last."""
        with self.lock:
            return list(self.kept)[-count:]
