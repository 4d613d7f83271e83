"""Runs playbooks as a person does, against a local cloud of its own, and reads what they print."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent

TASK = re.compile(r"^TASK \[(?P<name>.*)\] \**$")
RESULT = re.compile(
    r"^(?P<status>changed|failed|fatal): \[(?P<host>[^\]]+)\](?:: FAILED!)?(?: => \(item=(?P<item>.*)\))?"
)
RECAP = re.compile(
    r"^(?P<host>\S+)\s+: ok=(?P<ok>\d+)\s+changed=(?P<changed>\d+)\s+unreachable=(?P<unreachable>\d+)\s+failed=(?P<failed>\d+)"
)


@dataclasses.dataclass(frozen=True)
class Run:
    """What one run of a playbook printed and how it ended."""

    returncode: int
    output: str
    seconds: float

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        found = (RECAP.match(line) for line in self.output.splitlines())
        return {
            match["host"]: {key: int(match[key]) for key in ("ok", "changed", "unreachable", "failed")}
            for match in found
            if match
        }

    @property
    def changed(self) -> set[tuple[str, str, str | None]]:
        """(task, host, item) of everything that reported a change."""
        task, results = "", set()
        for line in self.output.splitlines():
            if match := TASK.match(line):
                task = match["name"]
            elif (match := RESULT.match(line)) and match["status"] == "changed":
                results.add((task, match["host"], match["item"]))
        return results

    def must_succeed(self) -> Run:
        assert self.returncode == 0, self.output[-6000:]
        return self


class Cloud:
    """A local cloud on a port of its own, and the playbooks against it."""

    def __init__(self, port: int, home: Path) -> None:
        self.port = port
        self.home = home
        self.environment = {
            **os.environ,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "LOCALCLOUD_HOME": str(home),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "PYTHONPATH": str(ROOT),
        }

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "localcloud", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def stop(self) -> None:
        self.command("stop", f"--port={self.port}")

    def begin(self, run: str) -> None:
        """From here on requests are counted under this name."""
        self.control(f"runs?{urllib.parse.urlencode({'name': run})}", "POST")

    def requests(self, run: str) -> dict:
        """Reads and writes of the newest run of this name: {"reads": {service: n}, "writes": {service: n}, ...}."""
        runs = self.control(f"runs?{urllib.parse.urlencode({'name': run, 'last': 1})}")
        assert runs, f"there was no run called {run}"
        return runs[0]

    def control(self, path: str, method: str = "GET") -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/_localcloud/{path}", method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def play(self, playbook: str, *arguments: str, run: str | None = None, timeout: int = 900) -> Run:
        command = [str(BIN / "ansible-playbook"), playbook, "-e", f"cloud_port={self.port}", *arguments]
        if run:
            command += ["-e", f"cloud_run={run}"]
        started = time.monotonic()
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
            timeout=timeout,
        )
        return Run(done.returncode, done.stdout, time.monotonic() - started)

    def client(self, service: str, region: str):
        import boto3

        return boto3.client(
            service,
            region_name=region,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id="localcloud",
            aws_secret_access_key="localcloud",
        )
