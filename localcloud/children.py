"""Starts processes that end with this one, however it ends: nothing that the local cloud runs outlives it.

`spawn` starts a command through this file, run as a script in the child: there it gives up root where told to, asks the kernel for a
signal at its parent's death, and becomes the command. (A function between fork and exec would not be safe in a process with threads.)
"""

from __future__ import annotations

import ctypes
import os
import queue
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

NOBODY = 65534
PR_SET_PDEATHSIG = 1  # https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html


class Spawner:
    """A thread that starts all children. The kernel takes the end of the thread that forked for the parent's, and this one never ends."""

    def __init__(self) -> None:
        self.orders: queue.SimpleQueue[tuple[Future[subprocess.Popen[bytes]], list[str], dict[str, Any]]] = (
            queue.SimpleQueue()
        )
        self.lock = threading.Lock()
        self.process = 0  # that the thread runs in: a fork has none

    def spawn(self, command: list[str], options: dict[str, Any]) -> subprocess.Popen[bytes]:
        with self.lock:
            if self.process != os.getpid():
                self.process = os.getpid()
                self.orders = queue.SimpleQueue()
                threading.Thread(target=self.work, args=(self.orders,), name="spawner", daemon=True).start()
        future: Future[subprocess.Popen[bytes]] = Future()
        self.orders.put((future, command, options))
        return future.result()

    def work(self, orders: queue.SimpleQueue[Any]) -> None:
        while True:
            future, command, options = orders.get()
            try:
                future.set_result(subprocess.Popen(command, **options))
            except BaseException as error:  # whoever ordered the process hears of it, and the thread lives on
                future.set_exception(error)


SPAWNER = Spawner()


def spawn(
    command: list[str], *, dying: signal.Signals = signal.SIGKILL, unprivileged: bool = False, **options: Any
) -> subprocess.Popen[bytes]:
    """Like Popen; the child gets the signal `dying` when this process ends, and runs as nobody if this is root's and `unprivileged` is asked for."""
    trampoline = [sys.executable, "-I", "-S", str(Path(__file__).resolve())]
    user = NOBODY if unprivileged and os.geteuid() == 0 else -1
    arguments = [str(os.getpid()), str(int(dying)), str(user)]
    return SPAWNER.spawn([*trampoline, *arguments, *command], {"start_new_session": True, **options})


def end(process: subprocess.Popen[bytes], *signals: signal.Signals, seconds: float = 10) -> None:
    """Sends the signals in turn, SIGKILL last, until the process has ended."""
    for each in (*signals, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(each)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue


def become(parent: int, dying: int, user: int, command: list[str]) -> None:
    """In the child: never returns."""
    if user >= 0:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    if sys.platform == "linux":
        # After the change of user, which would clear it.
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, dying, 0, 0, 0)
        if os.getppid() != parent:  # it ended before we asked
            sys.exit(1)
    os.execv(command[0], command)


if __name__ == "__main__":
    become(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
