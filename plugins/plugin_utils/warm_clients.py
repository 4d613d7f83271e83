# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""boto3 clients made ahead: making one takes longer than most of the calls that are made with it.

Every module of amazon.aws, and every one built on it, gets its clients from one function (C(_boto3_conn)). What it returns depends on its
arguments, the environment, the working directory and the AWS configuration files, and on nothing else as long as the credentials are plain
ones. So a client that was asked for is made ahead for the next, in the process that the modules are forked from. Each of them gets one that nobody
has used, as it would have made it; with anything but plain credentials it makes its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
import os
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# The function that is stood in for and one that it calls, with their parameters.
FUNCTIONS = {"_boto3_conn": ("conn_type", "resource", "region", "endpoint", "params"), "_get_user_agent_string": ()}
# Where credentials may come from that do not expire by themselves and are not asked for over the network.
PLAIN = ("env", "explicit", "shared-credentials-file", "config-file")
FILES = (("AWS_CONFIG_FILE", "~/.aws/config"), ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"))
RECORDER = "_ANSIBLE_PLACEBO_"  # amazon.aws's own tests let clients record what they are asked
SURROUNDINGS = 50  # environments that are remembered, the newest
LONGEST = 3000  # characters of a wish, which has to fit into a pipe in one piece


def surroundings(order: dict) -> str:
    """By which the environment and the folder of a module's process are known."""
    return hashlib.sha256(json.dumps([order["environment"], order["folder"]], sort_keys=True).encode()).hexdigest()


def files() -> tuple[object, ...]:
    """What tells whether AWS's configuration files have changed."""
    found: list[object] = []
    for variable, default in FILES:
        path = Path(os.environ.get(variable) or default).expanduser()
        try:
            status = path.stat()
        except OSError:
            found.append(None)
            continue
        regular = stat.S_ISREG(status.st_mode)
        found.append((status.st_dev, status.st_ino, *((status.st_size, status.st_mtime_ns) if regular else ())))
    return tuple(found)


class Clients:
    """What was made ahead. The helper makes it and forgets it never; a process that was forked from it takes from it what it needs."""

    def __init__(self, connections: Any) -> None:
        """Stands in for the function of C(connections), amazon.aws's C(module_utils.botocore)."""
        self.connections = connections
        self.connect = connections._boto3_conn
        self.around: dict[str, tuple[dict[str, str], str]] = {}
        self.ahead: dict[tuple, list[Any]] = {}
        # Of a process that was forked: where it is, what it had to make itself, and how often it asked for each.
        self.where = ""
        self.made: set[str] = set()
        self.had: Counter[str] = Counter()
        connections._boto3_conn = self.connect_ahead

    def remember(self, order: dict) -> str:
        where = surroundings(order)
        self.around[where] = self.around.pop(where, (order["environment"], order["folder"]))
        if len(self.around) > SURROUNDINGS:
            gone = next(iter(self.around))
            del self.around[gone]
            for key in [key for key in self.ahead if key[0] == gone]:
                del self.ahead[key]
        return where

    def begin(self, where: str) -> None:
        """In a process that was forked, with the environment and the folder that it is to have."""
        self.where = where
        self.made.clear()
        self.had.clear()

    def wishes(self) -> list[str]:
        """What this process had to make itself, for the helper to make ahead."""
        wishes = [json.dumps([self.where, wish, self.had[wish]]) for wish in sorted(self.made)]
        return [wish for wish in wishes if len(wish) <= LONGEST]

    def connect_ahead(
        self,
        conn_type: str,
        resource: str | None = None,
        region: str | None = None,
        endpoint: str | None = None,
        **params: Any,
    ) -> Any:
        def make() -> Any:
            return self.connect(conn_type=conn_type, resource=resource, region=region, endpoint=endpoint, **params)

        simple = all(value is None or isinstance(value, str | bool) for value in params.values())
        if conn_type != "client" or not simple or any(name.startswith(RECORDER) for name in os.environ):
            return make()
        agent = self.connections._get_user_agent_string()
        wish = json.dumps([agent, resource, region, endpoint, params], sort_keys=True)
        self.had[wish] += 1
        there = self.ahead.get((self.where, files(), wish))
        if there:
            return there.pop()
        client = make()
        if is_plain(client):
            self.made.add(wish)
        return client

    def fulfil(self, wishes: str) -> None:
        """In the helper: makes what processes had to make."""
        where, wish, number = json.loads(wishes)
        if where not in self.around:
            return
        with self.being_in(where):
            key = (where, files(), wish)
            there = self.ahead.setdefault(key, [])
            while len(there) < number:
                there.append(self.make(*json.loads(wish)))

    def make(self, agent: str, resource: str, region: str | None, endpoint: str | None, params: dict) -> Any:
        """A client as the function makes it for a module whose collection calls itself so."""
        say = self.connections._get_user_agent_string
        self.connections._get_user_agent_string = lambda: agent
        try:
            return self.connect(conn_type="client", resource=resource, region=region, endpoint=endpoint, **params)
        finally:
            self.connections._get_user_agent_string = say

    @contextlib.contextmanager
    def being_in(self, where: str) -> Iterator[None]:
        environment, folder = self.around[where]
        before, here = dict(os.environ), Path.cwd()
        os.environ.clear()
        os.environ.update(environment)
        try:
            os.chdir(folder)
            yield
        finally:
            os.chdir(here)
            os.environ.clear()
            os.environ.update(before)


def is_plain(client: Any) -> bool:
    """Whether a client's credentials would be the same in another process, at another time."""
    from botocore.credentials import Credentials

    credentials = getattr(getattr(client, "_request_signer", None), "_credentials", None)
    # Not a subclass: those that are renewed are such.
    return credentials.__class__ is Credentials and getattr(credentials, "method", None) in PLAIN


def start(connections: Any) -> Clients | None:
    """Lets clients be made ahead; None where amazon.aws makes them in another way."""
    for name, expected in FUNCTIONS.items():
        function = getattr(connections, name, None)
        if function is None or tuple(inspect.signature(function).parameters) != expected:
            return None
    return Clients(connections)
