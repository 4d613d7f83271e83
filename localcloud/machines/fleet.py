"""The process that holds all machines of this local cloud (machines/fleet.py), and what is asked of it."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from localcloud import children
from machines import isolated

TOOLS = ("nft", "nsenter")
PROXIES = ("/usr/lib/systemd/systemd-socket-proxyd", "/lib/systemd/systemd-socket-proxyd")
ROOT = Path(__file__).resolve().parents[2]


def why_not() -> str:
    """What keeps instances from being machines here; empty if nothing does."""
    reason = isolated.why_not(TOOLS)
    if not reason and not proxy():
        return f"missing: {PROXIES[0]}, of the package systemd"
    return reason


def proxy() -> str:
    return next((each for each in PROXIES if Path(each).exists()), "")


class Failed(Exception):
    """What the fleet could not do, in its words."""


class Fleet:
    """Starts with the first order. name: of the run, which no other on this system may have at the same time."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self.lock = threading.Lock()
        self.numbers = itertools.count(1)
        self.waiting: dict[int, Future[dict[str, Any]]] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self.connection: socket.socket | None = None
        self.keeper: subprocess.Popen[bytes] | None = None

    def begin(self) -> socket.socket:
        """With the lock held."""
        if self.connection is None:
            self.keeper = isolated.keeper([self.name])
            ours, theirs = socket.socketpair()
            program, *rest = isolated.inside([sys.executable, "-m", "machines.fleet", str(theirs.fileno())])
            with theirs, self.log.open("ab") as log:
                self.process = children.spawn(
                    [shutil.which(program) or program, *rest],
                    env={**os.environ, **isolated.environment(self.name), "PYTHONPATH": str(ROOT)},
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(theirs.fileno(),),
                )
            self.connection = ours
            threading.Thread(target=self.read, args=(ours,), name="fleet", daemon=True).start()
        return self.connection

    @property
    def pid(self) -> int:
        """Of a process in its mounts."""
        return self.process.pid if self.process else 0

    def read(self, connection: socket.socket) -> None:
        for line in connection.makefile("rb"):
            answer = json.loads(line)
            if future := self.waiting.pop(answer.pop("id"), None):
                future.set_result(answer)
        for number in list(self.waiting):
            if future := self.waiting.pop(number, None):
                future.set_result({"error": f"the machines ended; {self.log} says why"})

    def ask(self, do: str, **facts: Any) -> dict[str, Any]:
        """What came of an order; raises Failed."""
        future: Future[dict[str, Any]] = Future()
        with self.lock:
            connection = self.begin()
            number = next(self.numbers)
            self.waiting[number] = future
            try:
                connection.sendall(json.dumps({"id": number, "do": do, **facts}).encode() + b"\n")
            except OSError as error:
                self.waiting.pop(number, None)
                raise Failed(f"the machines have ended; {self.log} says why") from error
        answer = future.result()
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def stop(self) -> None:
        """Ends all machines, and waits until nothing is left of them."""
        with self.lock:
            process, connection, keeper = self.process, self.connection, self.keeper
            self.process = self.connection = self.keeper = None
        if connection is not None:
            connection.close()
        if process is not None:
            children.end(process)
        if keeper is not None:
            keeper.communicate()
