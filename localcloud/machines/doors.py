"""Ways from this system's loopback addresses into the machines' networks: a port of an instance answers at the same port of an address of
127.0.0.0/8, as the services of instances that are processes do."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

from localcloud import children, loopback

# Started by systemd it would be told of its socket in this way: https://www.freedesktop.org/software/systemd/man/sd_listen_fds.html
# By bash: dash takes no numbers of files beyond 9.
SCRIPT = 'exec 3<&"$1"; shift; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@"'


class Door:
    """Listens, and hands each connection on to the instance, from its VPC's router."""

    def __init__(self, address: str, port: int) -> None:
        self.address = address
        self.port = port
        self.place = loopback.hold_one("127." + address.partition(".")[2], port)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def base(self) -> str:
        return f"http://{self.place.address}:{self.place.port}"

    @property
    def is_open(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def open(self, proxy: str, fleet: int, namespace: str, log: Path) -> None:
        """proxy: systemd-socket-proxyd. fleet: a process in the mounts that name the namespaces."""
        with (
            socket.create_server((self.place.address, self.place.port), backlog=128) as listener,
            log.open("ab") as output,
        ):
            number = str(listener.fileno())
            self.process = children.spawn(
                [
                    shutil.which("nsenter") or "nsenter", f"--mount=/proc/{fleet}/ns/mnt", "--",
                    shutil.which("ip") or "ip", "netns", "exec", namespace,
                    "bash", "-c", SCRIPT, "bash", number, proxy, "--connections-max=4096", f"{self.address}:{self.port}",
                ],
                # Nothing that listens there is no fault of the proxy, which would tell of each health check.
                env={**os.environ, "SYSTEMD_LOG_LEVEL": "crit"},
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, pass_fds=(listener.fileno(),),
            )  # fmt: skip

    def close(self) -> None:
        if self.process is not None:
            children.end(self.process)
        self.place.give_up()
