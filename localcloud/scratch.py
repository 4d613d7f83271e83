"""Temporary folders that are gone after the process that made them: removed by it, or, if it was killed, by the next one that makes any."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "localcloud-"
LOCK = "lock"  # held for as long as the folder is in use; the kernel lets go of it for a process that ends


class Scratch:
    """`path` is a new folder that only this user enters."""

    def __init__(self, name: str) -> None:
        sweep()
        # Another process must not find it before its lock is held.
        hidden = Path(tempfile.mkdtemp(prefix=f".{PREFIX}{name}-"))
        self.lock = os.open(hidden / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.path = hidden.rename(hidden.with_name(hidden.name[1:]))

    def close(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self.lock)


def sweep() -> None:
    """Removes the folders whose lock nobody holds."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)
