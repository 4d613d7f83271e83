"""What was asked of the cloud: reads and writes per run, per service, kept in memory and, on request, with every call's content."""

from __future__ import annotations

import base64
import datetime
import json
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KEPT_CALLS = 20_000


@dataclass
class Run:
    """The calls of one run, from when it began to when the next did."""

    name: str
    began: float
    reads: Counter[str] = field(default_factory=Counter)
    writes: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    milliseconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "began": datetime.datetime.fromtimestamp(self.began, datetime.UTC).isoformat(timespec="seconds"),
            "reads": dict(sorted(self.reads.items())),
            "writes": dict(sorted(self.writes.items())),
            "errors": dict(sorted(self.errors.items())),
            "milliseconds": round(self.milliseconds, 1),
        }


class Record:
    """Counts calls, and keeps the newest ones by name; what they carried is only written where `content` says so."""

    def __init__(self, content: Path | None = None) -> None:
        self.lock = threading.Lock()
        self.runs = [Run("start", time.time())]
        self.calls: deque[dict[str, Any]] = deque(maxlen=KEPT_CALLS)
        self.content = content

    def begin(self, name: str) -> None:
        with self.lock:
            self.runs.append(Run(name, time.time()))

    def add(self, operation: Any, status: int, code: str, milliseconds: float) -> None:
        with self.lock:
            run = self.runs[-1]
            counter = run.writes if operation.mutating else run.reads
            counter[operation.service] += 1
            run.milliseconds += milliseconds
            if code:
                run.errors[f"{operation.service} {operation.name}: {code}"] += 1
            self.calls.append(
                {
                    "time": round(time.time(), 3),
                    "run": run.name,
                    "service": operation.service,
                    "operation": operation.name,
                    "region": operation.region,
                    "mutating": operation.mutating,
                    "status": status,
                    "error": code,
                    "milliseconds": round(milliseconds, 1),
                }
            )

    def keep(self, operation: Any, parameters: dict[str, Any], answer: tuple[int, dict[str, str], bytes]) -> None:
        """Writes a call with its content, secrets included: for measuring on throw-away clouds only."""
        if not self.content:
            return
        status, headers, body = answer
        line = {
            "run": self.runs[-1].name,
            "service": operation.service,
            "operation": operation.name,
            "region": operation.region,
            "parameters": parameters,
            "status": status,
            "headers": headers,
            "body": base64.b64encode(body).decode(),
        }
        with self.lock, self.content.open("a") as file:
            file.write(json.dumps(line, default=encode) + "\n")

    def as_dict(self, name: str | None = None, last: bool = False) -> list[dict[str, Any]]:
        with self.lock:
            runs = [run for run in self.runs if name is None or run.name == name]
            return [run.as_dict() for run in (runs[-1:] if last else runs)]


def encode(value: Any) -> Any:
    if isinstance(value, bytes | bytearray):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    return str(value)


def table(runs: list[dict[str, Any]]) -> str:
    """Runs as a person reads them: a line for each service, errors below."""
    lines = []
    for run in runs:
        lines.append(
            f"{run['name']}, begun {run['began']}: {sum(run['reads'].values())} reads, {sum(run['writes'].values())} writes"
        )
        services = sorted(run["reads"].keys() | run["writes"].keys())
        lines += [
            f"  {service:<28} {run['reads'].get(service, 0):>6} reads {run['writes'].get(service, 0):>6} writes"
            for service in services
        ]
        lines += [f"  refused: {what} ({count})" for what, count in run["errors"].items()]
    return "\n".join(lines)
