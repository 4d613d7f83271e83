"""Processes that services start: none outlives the local cloud, however it ends."""

from __future__ import annotations

import concurrent.futures
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any

STOP_SECONDS = 5
PR_SET_PDEATHSIG = 1

_running: set[subprocess.Popen[Any]] = set()
_lock = threading.Lock()
# Linux sends the death signal when the thread that made the child ends, not when the process does: so one thread makes them all.
_spawner = concurrent.futures.ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


def start(command: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
    """Starts a child that ends with the local cloud, even when that is killed; options are those of subprocess.Popen.

    Raises OSError where the command cannot be started.
    """
    parent = os.getpid()
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def tie() -> None:
        if libc is not None:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it ended before the line above
                os._exit(1)

    def spawn() -> subprocess.Popen[Any]:
        return subprocess.Popen(command, preexec_fn=tie, **options)  # noqa: PLW1509

    process = _spawner.submit(spawn).result()
    with _lock:
        _running.difference_update([each for each in _running if each.poll() is not None])
        _running.add(process)
    return process


def stop(process: subprocess.Popen[Any], seconds: float = STOP_SECONDS) -> None:
    """Ends a child: asks it to, and kills it if it does not heed in time."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    with _lock:
        _running.discard(process)


def stop_all() -> None:
    """Ends every child, all at once."""
    with _lock:
        processes = list(_running)
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    for process in processes:
        stop(process)
