"""Starts and stops the cloud in the background: one process a port, found by its pid file, never started twice."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud import MACHINES
from localcloud.scratch import sweep

START_SECONDS = 60
BACKLOG = 128  # connections that wait while it starts
STOP_SECONDS = 20
LOG_BYTES = 10_000_000  # a longer log is put aside at the next start


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
    data_port: int  # of the data plane: where deployed APIs answer

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def data_url(self) -> str:
        return f"http://{self.host}:{self.data_port}"

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
        """The server's process, if it lives and is the one that wrote the file: ids of processes are used again."""
        try:
            pid, begun = self.pid_file.read_text().split()
            return int(pid) if birth(int(pid)) == begun else None
        except (OSError, ValueError):
            return None

    @contextlib.contextmanager
    def here(self) -> Iterator[None]:
        """For the server itself: that it is this process, for as long as it serves."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.pid_file.write_text(f"{os.getpid()} {birth(os.getpid())}")
        try:
            yield
        finally:
            self.pid_file.unlink(missing_ok=True)

    def ask(self, path: str, method: str = "GET", timeout: float = 5) -> Any:
        request = urllib.request.Request(f"{self.url}/_localcloud/{path}", method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=timeout) as answer:
            return json.load(answer)

    def healthy(self) -> dict[str, Any] | None:
        try:
            health = self.ask("health", timeout=2)
        except (OSError, ValueError, http.client.HTTPException):
            return None
        return health if isinstance(health, dict) and "pid" in health else None

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def start(self) -> bool:
        """Starts the server unless it runs; returns whether it was started."""
        with self.lock():
            if self.pid() is None and not self.healthy():
                prepare()
                process = self.spawn()
                self.await_health(process)
                return True
            health = self.await_health(None)  # it may be on its way: whoever started it may have been killed meanwhile
            runs = bool(health.get("machines"))
            if runs != bool(os.environ.get(MACHINES)):
                raise Problem(
                    f"The local cloud at {self.url} runs instances as {'machines' if runs else 'processes'}. Use it "
                    f"{'with' if runs else 'without'} --machines (HOSTS=machines of make), "
                    f"or stop it first: python -m localcloud stop --port={self.port}"
                )
            serves = str(health.get("data_plane", ""))
            if urllib.parse.urlsplit(serves).port != self.data_port:
                raise Problem(
                    f"The local cloud at {self.url} runs with its APIs at {serves}, not at {self.data_url}. "
                    f"Use that, or stop it first: python -m localcloud stop --port={self.port}"
                )
            return False

    def listen(self) -> tuple[socket.socket, socket.socket]:
        """Sockets bound to the addresses of control plane and data plane; raises Problem where one is taken or not ours."""
        control = self.bind(self.port, "cloud_port", "port")
        try:
            return control, self.bind(self.data_port, "cloud_data_port", "data-port")
        except Problem:
            control.close()
            raise

    def bind(self, port: int, variable: str, option: str) -> socket.socket:
        try:
            return socket.create_server((self.host, port), backlog=BACKLOG)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise Problem(f"The local cloud cannot listen on {self.host}:{port}: {error.strerror}.") from error
            raise Problem(
                f"Port {port} of {self.host} is taken by something else. Stop that, or use another port: "
                f"-e {variable}={port + 2} with the playbooks, --{option} {port + 2} here."
            ) from error

    def spawn(self) -> subprocess.Popen[bytes]:
        """Starts the server with sockets that are bound already: who finds a port taken learns it here, without a race."""
        listener, data_listener = self.listen()
        with listener, data_listener:
            self.rotate()
            numbers = [listener.fileno(), data_listener.fileno()]
            command = [sys.executable, "-m", "localcloud", "serve", f"--host={self.host}", f"--port={self.port}"]
            command += [f"--data-port={self.data_port}", f"--listener={numbers[0]}", f"--data-listener={numbers[1]}"]
            with self.log.open("ab") as output:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])},
                    cwd="/",
                    start_new_session=True,
                    pass_fds=numbers,
                )
        return process

    def rotate(self) -> None:
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))

    def await_health(self, process: subprocess.Popen[bytes] | None) -> dict[str, Any]:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if health := self.healthy():
                return health
            if process is not None and process.poll() is not None:
                raise Problem(f"The local cloud ended at its start; {self.log} says why.")
            time.sleep(0.05)
        if process is not None:
            process.terminate()
        raise Problem(f"The local cloud did not answer within {START_SECONDS} s; {self.log} says why.")

    def stop(self) -> bool:
        """Ends the server; returns whether there was one."""
        with self.lock():
            pid = self.pid()
            if pid is None and (health := self.healthy()):
                pid = int(health["pid"])  # its state folder is another one than ours
            if pid is None:
                self.pid_file.unlink(missing_ok=True)
                sweep()  # what one that was killed has left
                return False
            begun = birth(pid)
            for kind in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, kind)
                deadline = time.monotonic() + STOP_SECONDS
                while time.monotonic() < deadline and birth(pid) == begun:
                    time.sleep(0.05)
                if birth(pid) != begun:
                    break
            self.pid_file.unlink(missing_ok=True)
            return True


def prepare() -> None:
    """Sees to what machines need, where instances are to be some; raises Problem. Their image is made once, which takes minutes."""
    if not os.environ.get(MACHINES):
        return
    from localcloud.machines import fleet, plan  # of no use to others
    from machines import image

    if reason := fleet.why_not():
        raise Problem(
            f"Instances cannot be machines here: {reason}. Without --machines (HOSTS=machines of make) they are processes, "
            "which need none of that."
        )
    try:
        plan.read(Path(os.environ[MACHINES]))
    except plan.Mistake as mistake:
        raise Problem(str(mistake)) from mistake
    image.ensure()


def birth(pid: int) -> str:
    """When a living process began, in the system's own clock; empty where there is none. An ended one that nobody waited for is none."""
    try:
        status, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        if Path("/proc/self/stat").exists():
            return ""
        shown = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return "_".join(shown.stdout.split())
    return "" if status == "Z" else fields[18]
