"""Who wants to know what the control plane did: a data plane starts what it emulates when it is told.

    @hooks.on("ssm.applied")
    def start(*, region, instance_id, document, parameters, bundle): …

Whoever tells does not wait for an answer and is not hurt by a listener's fault. Whoever asks gets the first answer that is not None:

    hooks.ask("ssm.apply", …)

Told are "aws.changed" (service, operation, region) after each mutating call and before its answer, and "ssm.applied" after a document
was applied by what stands in for an instance. Asked are "ssm.run": a machine that is the instance carries a document out; and
"ssm.apply": what stands in for the instance applies a document that has been checked.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

Listener = Callable[..., Any]
LISTENERS: dict[str, list[Listener]] = {}
log = logging.getLogger("localcloud")


def on(event: str) -> Callable[[Listener], Listener]:
    """Registers a function for an event; it is called with the event's facts as keywords, on whatever thread the event is on."""

    def register(listener: Listener) -> Listener:
        LISTENERS.setdefault(event, []).append(listener)
        return listener

    return register


def tell(event: str, **facts: Any) -> None:
    for listener in LISTENERS.get(event, []):
        try:
            listener(**facts)
        except Exception:  # a listener's fault is its own, not that of the service that tells
            log.exception("a listener to %s failed", event)


def ask(event: str, **facts: Any) -> Any:
    """What the first listener answers that has an answer; its faults are the asker's."""
    return next((found for listener in LISTENERS.get(event, []) if (found := listener(**facts)) is not None), None)
