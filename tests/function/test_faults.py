"""A database server that is killed, restarted, and full, under an execution environment that lives on."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from ..waiting import until
from . import function

BOUND = 15  # seconds: the function's timeout


@pytest.fixture(scope="module")
def own_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[function.Database]:
    """With a log that survives a kill: what was acknowledged must be there afterwards."""
    durable = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
    with function.database(tmp_path_factory.mktemp("postgres"), max_connections="12", **durable) as started:
        started.migrate()
        yield started


@pytest.fixture
def user(own_database: function.Database) -> Iterator[function.User]:
    with function.served(own_database.serving) as address:
        yield function.User(address, str(uuid4()))


def draft(title: str = "A title", **more) -> dict:
    return {"id": str(uuid4()), "title": title, "conversation": [{"role": "user", "content": "Hello"}], **more}


def kill(server) -> None:
    """As a crash does: no goodbye to anybody. The children of a killed server end themselves when they notice."""
    assert server.server
    children = Path(f"/proc/{server.server.pid}/task/{server.server.pid}/children").read_text().split()
    for process in (server.server.pid, *map(int, children)):
        os.kill(process, signal.SIGKILL)
    server.server.wait()


def test_nothing_acknowledged_is_lost_and_nothing_is_doubled(
    own_database: function.Database, user: function.User
) -> None:
    """Writes go on while the server is killed and started again, three times."""
    acknowledged: list[str] = []
    failed: list[str] = []
    slowest = 0.0
    done = threading.Event()

    def write() -> None:
        nonlocal slowest
        while not done.is_set():
            each = draft()
            started = time.monotonic()
            status = user.call("POST", json=each).status_code
            slowest = max(slowest, time.monotonic() - started)
            assert status in (200, 201, 503), status
            (failed if status == 503 else acknowledged).append(each["id"])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            until(grows(acknowledged, 5), "saving")
            kill(own_database.server)
            until(grows(failed), "a failure")
            own_database.server.start()
    finally:
        until(grows(acknowledged, 5), "saving")
        done.set()
        writer.join()
    assert slowest < BOUND
    stored = [row["id"] for row in user.call("GET").json()["data"]]
    assert len(stored) == len(set(stored))
    assert set(acknowledged) <= set(stored) <= {*acknowledged, *failed}


def test_an_orderly_restart_costs_no_request_after_it(own_database: function.Database, user: function.User) -> None:
    assert user.call("POST", json=draft()).status_code == 201
    own_database.server.stop()
    answer = user.call("POST", json=draft())
    assert (answer.status_code, answer.json()["status"], answer.headers["Retry-After"]) == (503, "error", "2")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    own_database.server.start()
    assert user.call("POST", json=draft()).status_code == 201
    assert len(user.call("GET").json()["data"]) == 2


def test_out_of_connections_then_not(own_database: function.Database, user: function.User) -> None:
    server = own_database.server
    environment = {"PGHOST": str(server.socket.parent), "PGUSER": function.SERVING, "PGDATABASE": "conversations"}
    environment["PGPASSWORD"] = function.SERVING_PASSWORD
    sleeping = "FROM pg_stat_activity WHERE usename = 'serving' AND query LIKE '%pg_sleep%'"
    others = "FROM pg_stat_activity WHERE usename = 'serving' AND query NOT LIKE '%pg_sleep%'"
    usable = int(
        server.sql(
            "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
        )
    )
    assert user.call("GET").status_code == 200
    server.sql(f"SELECT pg_terminate_backend(pid) {others}")  # the function's own; it needs a new one
    command = [str(server.program("psql")), "-c", "SELECT pg_sleep(600)"]
    taken: list[subprocess.Popen[bytes]] = []

    def full() -> bool:
        """Those that were refused, because others were not gone yet, try again."""
        missing = usable - sum(each.poll() is None for each in taken)
        taken.extend(subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) for _ in range(missing))
        return int(server.sql(f"SELECT count(*) {sleeping}")) == usable

    try:
        until(full)
        for answer in (user.call("GET"), user.call("POST", json=draft())):
            assert (answer.status_code, answer.json()["status"]) == (503, "error")
    finally:
        server.sql(f"SELECT pg_terminate_backend(pid) {sleeping}")
        for each in taken:
            each.wait()
    assert user.call("POST", json=draft()).status_code == 201
    assert len(user.call("GET").json()["data"]) == 1


def grows(kept: list[str], by: int = 0) -> Callable[[], bool]:
    """Whether a list has come to hold more than that many more than now."""
    before = len(kept)
    return lambda: len(kept) > before + by
