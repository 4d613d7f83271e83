"""The PostgreSQL that stands for RDS: TLS, passwords, extensions, and that nothing of it outlives its process."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.certificates import Authority
from localcloud.postgres import Postgres, Unavailable, identifier, installation

PASSWORD = "it's a \\secret;"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    with Postgres(authority, user="owner", password=PASSWORD, database="things") as running:
        yield running


def begin(server: Postgres) -> socket.socket:
    return socket.create_connection((server.host, server.port), timeout=10)


def startup(user: str) -> bytes:
    body = struct.pack("!I", 3 << 16) + f"user\0{user}\0database\0things\0\0".encode()
    return struct.pack("!I", len(body) + 4) + body


def encrypt(server: Postgres, name: str = "localhost") -> ssl.SSLSocket:
    connection = begin(server)
    connection.sendall(struct.pack("!II", 8, 80877103))
    assert connection.recv(1) == b"S"
    context = ssl.create_default_context(cafile=str(server.authority.certificate))
    return context.wrap_socket(connection, server_hostname=name)


def test_names_and_address_are_in_the_certificate(server: Postgres) -> None:
    for name in ("localhost", server.host):
        with encrypt(server, name) as connection:
            connection.sendall(startup("owner"))
            assert connection.recv(100).endswith(b"SCRAM-SHA-256\0\0")
    with pytest.raises(ssl.SSLCertVerificationError):
        encrypt(server, "elsewhere.example.com")


def test_direct_tls(server: Postgres) -> None:
    context = ssl.create_default_context(cafile=str(server.authority.certificate))
    context.set_alpn_protocols(["postgresql"])
    with context.wrap_socket(begin(server), server_hostname="localhost") as connection:
        connection.sendall(startup("owner"))
        assert b"SCRAM-SHA-256" in connection.recv(100)


def test_without_tls_is_refused(server: Postgres) -> None:
    with begin(server) as connection:
        connection.sendall(startup("owner"))
        answer = connection.recv(1000)
    assert answer[:1] == b"E"
    assert b"C28000\0" in answer
    assert b'user "owner", database "things", no encryption' in answer


def test_bytes_before_the_handshake_are_refused(server: Postgres) -> None:
    with begin(server) as connection:
        connection.sendall(struct.pack("!II", 8, 80877103) + startup("owner"))
        assert connection.recv(100) == b""


def test_the_owner_creates_extensions_and_roles_and_is_no_superuser(server: Postgres) -> None:
    server.sql(
        "SET SESSION AUTHORIZATION owner; CREATE EXTENSION vector; CREATE ROLE reader LOGIN PASSWORD 'x';"
        "CREATE TABLE t (v vector(3)); INSERT INTO t VALUES ('[1,2,3]')",
        "things",
    )
    assert server.sql("SELECT v <-> '[1,2,4]' FROM t", "things").strip() == "1"
    assert server.sql("SELECT rolsuper FROM pg_roles WHERE rolname = 'owner'").strip() == "f"
    with pytest.raises(Unavailable, match="permission denied"):
        server.sql("SET SESSION AUTHORIZATION owner; COPY t TO PROGRAM 'cat'", "things")


def test_data_survive_a_restart_and_the_port_stays(server: Postgres) -> None:
    server.sql("CREATE TABLE kept AS SELECT 42 AS answer", "things")
    port = server.port
    server.restart()
    assert (server.sql("SELECT answer FROM kept", "things").strip(), server.port) == ("42", port)


def test_the_password_is_stored_as_scram_and_can_change(server: Postgres) -> None:
    stored = "SELECT rolpassword FROM pg_authid WHERE rolname = 'owner'"
    before = server.sql(stored)
    server.set_password("another")
    after = server.sql(stored)
    assert before != after
    assert after.startswith("SCRAM-SHA-256$")
    server.set_password(PASSWORD)


@pytest.fixture
def apart() -> Iterator[Path]:
    """A folder for temporary files in which no server of another test is the next, and to which PostgreSQL's user has a way."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_killed_process_leaves_no_server_and_the_next_removes_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, apart: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(apart))
    monkeypatch.setattr(tempfile, "tempdir", None)
    code = (
        "import sys; from pathlib import Path; from localcloud.certificates import Authority; from localcloud.postgres import Postgres\n"
        "server = Postgres(Authority(Path(sys.argv[1])), user='u', password='p'); server.start()\n"
        "print(server.server.pid, server.front.pid, server.home, flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert process.stdout
    server_pid, front_pid, home = process.stdout.readline().split()
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and (runs(server_pid) or runs(front_pid)):
        time.sleep(0.05)
    assert not runs(server_pid)
    assert not runs(front_pid)
    assert Path(home).exists()
    with Postgres(Authority(tmp_path), user="u", password="p"):
        assert not Path(home).exists()


def runs(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_quoting() -> None:
    assert identifier('a"b') == '"a""b"'
    assert re.fullmatch(r".*/pginstall18", str(installation()))
