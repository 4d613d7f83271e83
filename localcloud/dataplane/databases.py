"""Connections of functions to databases: the network lets them through, or they stay silent, as connections do that are dropped.

A connection is a function's if a process of one of its execution environments has the other end, which Linux tells. Others come from
this machine itself, whose user may look into his databases: they are let through, and so are all where the system is another one.
On AWS a connection outlives the rule that let it through; here it is judged again whenever something has changed, so that a change shows.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
import time
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcloud import hooks
from localcloud.dataplane import network
from localcloud.dataplane.messages import Hop
from localcloud.dataplane.picture import BACKENDS, PICTURES, Picture
from localcloud.lambda_runtime.environment import Environment
from plugins.module_utils.reachability import reach

if TYPE_CHECKING:
    from localcloud.services.rds import Machine

# https://docs.kernel.org/networking/proc_net_tcp.html; the second has the same of a program that speaks IPv4 through sockets of IPv6.
CONNECTIONS = {socket.AF_INET: Path("/proc/net/tcp"), socket.AF_INET6: Path("/proc/net/tcp6")}
PROCESSES = Path("/proc")
LOOKS = 3  # the tables change while they are read
End = tuple[str, int]  # an address and a port
log = logging.getLogger("localcloud.network")


class Gate:
    """Of one database; machine: with its interface in the VPC."""

    machines: weakref.WeakSet[Machine] = weakref.WeakSet()

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.machines.add(machine)

    def __call__(self, address: str, port: int) -> bool:
        """Whether the connection from this address and port of the local machine is let through."""
        from localcloud.services.lambda_ import POOL

        began = time.perf_counter()
        server = self.machine.server
        assert server  # which asks
        inode = socket_of((address, port), (server.host, server.port))
        if inode is None:
            return True
        if not inode:  # who asked is gone
            return False
        environment = owner(inode, POOL.environments())
        if environment is None:
            return True
        reason = self.reason(environment)
        name = self.machine.instance.db_instance_identifier
        milliseconds = round((time.perf_counter() - began) * 1000, 3)
        environment.hops.append(
            Hop("database", name, self.machine.instance.region, milliseconds, reason or "ok"),
        )
        if reason:
            log.warning("function %s does not reach database %s: %s", environment.settings.name, name, reason)
        return not reason

    def reason(self, environment: Environment) -> str:
        """What blocks the way from a function; empty where nothing does."""
        reason = self.blocked(PICTURES.current(), environment)
        if reason and PICTURES.settling:  # a new function's interface, say, may have come since
            reason = self.blocked(PICTURES.again(), environment)
        return reason

    def blocked(self, picture: Picture, environment: Environment) -> str:
        instance, port = self.machine.instance, int(self.machine.instance.port or 0)
        function = ":".join(environment.settings.arn.split(":")[:7])
        own = picture.network.names.get(function, ())
        if not own:  # outside of every VPC
            answer = reach(picture.network, "internet", instance.db_instance_arn, port=port)
            return answer.blocks[0].reason if answer.verdict == "never" and answer.blocks else ""
        source = own[environment.process.pid % len(own)]  # each environment uses one of its function's interfaces
        try:
            network.take(picture, source, self.machine.interface.private_ip_address, port)
        except network.Barred as barred:
            return barred.reason
        return ""


def socket_of(this: End, other: End) -> str | None:
    """The inode of the socket at this end of a connection; empty where there is none any more, None where the system does not tell.

    Both ends count: connections to elsewhere may have the same port at this end, closed ones for a while after their end too.
    """
    tables = {family: path for family, path in CONNECTIONS.items() if path.exists()}
    if not tables:
        return None
    for _look in range(LOOKS):
        for family, path in tables.items():
            wanted = [written(family, end) for end in (this, other)]
            for line in path.read_text().splitlines()[1:]:
                fields = line.split()
                if fields[1:3] == wanted and fields[9] != "0":
                    return fields[9]
    return ""


def written(family: socket.AddressFamily, end: End) -> str:
    """As these tables write an IPv4 address and a port."""
    address, port = end
    packed = socket.inet_pton(family, address if family == socket.AF_INET else f"::ffff:{address}")
    words = (int.from_bytes(packed[at : at + 4], sys.byteorder) for at in range(0, len(packed), 4))
    return f"{''.join(f'{word:08X}' for word in words)}:{port:04X}"


def owner(inode: str, environments: Iterable[Environment]) -> Environment | None:
    """Whose processes have a socket. An environment's processes are those of the session that its first one began."""
    sessions = {each.process.pid: each for each in environments}
    if not sessions:
        return None
    for process in PROCESSES.iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdigit() and (environment := sessions.get(os.getsid(int(process.name)))):
                for descriptor in (process / "fd").iterdir():
                    with contextlib.suppress(OSError):
                        if str(descriptor.readlink()) == f"socket:[{inode}]":
                            return environment
    return None


def judge_again(*, service: str, **_facts: Any) -> None:
    if service in BACKENDS:
        for machine in list(Gate.machines):
            machine.judge_again()


hooks.on("aws.changed")(judge_again)  # after the picture's own listener, which is registered where it is imported
