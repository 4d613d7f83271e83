"""The most memory that a command and all that it starts have at a time, in MB: the sum of their proportional set sizes (Pss), in which what
forked processes share counts once. Looked at twice a second. Linux only: elsewhere it is 0."""

from __future__ import annotations

import contextlib
import os
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

VARIABLE = "BENCH_MEMORY_MARK"
SECONDS = 0.5


class Peak:
    """Processes are known by a variable of their environment, which they hand on to those that they start, daemons included."""

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex
        self.environment = {VARIABLE: self.mark}
        self.megabytes = 0.0
        self.ended = threading.Event()

    @contextlib.contextmanager
    def watched(self) -> Iterator[Peak]:
        thread = threading.Thread(target=self.watch, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.ended.set()
            thread.join()

    def watch(self) -> None:
        while not self.ended.wait(SECONDS):
            self.megabytes = max(self.megabytes, sum(pss(process) for process in self.processes()) / 1000)

    def processes(self) -> Iterator[Path]:
        wanted = f"{VARIABLE}={self.mark}".encode()
        for process in Path("/proc").glob("[0-9]*"):
            if int(process.name) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                if wanted in (process / "environ").read_bytes().split(b"\0"):
                    yield process


def pss(process: Path) -> float:
    """In kB; 0 for a process that has ended."""
    with contextlib.suppress(OSError):
        for line in (process / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return float(line.split()[1])
    return 0.0
