"""Starts and stops the cloud in the background: one process a port, found by its pid file, never started twice."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_SECONDS = 60
STOP_SECONDS = 20


class Problem(Exception):
    """What is wrong and what mends it, for a person."""


def state_folder() -> Path:
    if chosen := os.environ.get("LOCALCLOUD_HOME"):
        return Path(chosen)
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "localcloud"


@dataclass(frozen=True)
class Daemon:
    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def folder(self) -> Path:
        return state_folder() / str(self.port)

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def pid_file(self) -> Path:
        return self.folder / "pid"

    def pid(self) -> int | None:
        """The server's process, if it lives and is ours."""
        try:
            pid = int(self.pid_file.read_text())
            command = Path(f"/proc/{pid}/cmdline")
            if command.exists():
                return pid if b"localcloud" in command.read_bytes() else None
            os.kill(pid, 0)
        except (OSError, ValueError):
            return None
        return pid

    def ask(self, path: str, method: str = "GET", timeout: float = 5) -> Any:
        request = urllib.request.Request(f"{self.url}/_localcloud/{path}", method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=timeout) as answer:
            return json.load(answer)

    def healthy(self) -> dict[str, Any] | None:
        try:
            return self.ask("health", timeout=2)
        except (OSError, ValueError, urllib.error.URLError):
            return None

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def start(self) -> bool:
        """Starts the server unless it runs; returns whether it was started."""
        with self.lock():
            if self.healthy():
                return False
            if self.taken():
                raise Problem(
                    f"Port {self.port} of {self.host} is taken by something else. Stop that, or use another port: "
                    f"-e cloud_port={self.port + 1} with the playbooks, --port {self.port + 1} here."
                )
            environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
            command = [sys.executable, "-m", "localcloud", "serve", "--host", self.host, "--port", str(self.port)]
            with self.log.open("ab") as output:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=environment,
                    cwd="/",
                    start_new_session=True,
                    close_fds=True,
                )
            self.pid_file.write_text(str(process.pid))
            deadline = time.monotonic() + START_SECONDS
            while time.monotonic() < deadline:
                if self.healthy():
                    return True
                if process.poll() is not None:
                    raise Problem(f"The local cloud ended at its start; {self.log} says why.")
                time.sleep(0.05)
            process.terminate()
            raise Problem(f"The local cloud did not answer within {START_SECONDS} s; {self.log} says why.")

    def taken(self) -> bool:
        import socket

        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError:
                return True
        return False

    def stop(self) -> bool:
        """Ends the server; returns whether there was one."""
        with self.lock():
            pid = self.pid()
            if pid is None:
                self.pid_file.unlink(missing_ok=True)
                return False
            for kind in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, kind)
                deadline = time.monotonic() + STOP_SECONDS
                while time.monotonic() < deadline and self.pid() is not None and not zombie(pid):
                    time.sleep(0.05)
                if self.pid() is None or zombie(pid):
                    break
            self.pid_file.unlink(missing_ok=True)
            return True


def zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False
