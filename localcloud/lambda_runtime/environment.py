"""One execution environment: a process with the function's code, and the Runtime API that it fetches its events from.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

from __future__ import annotations

import contextlib
import datetime
import json
import math
import os
import re
import select
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from localcloud import children
from localcloud.dataplane.messages import Hop
from localcloud.postgres import node

INIT_SECONDS = 10  # https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib
RESPONSE_BYTES = 6_291_556  # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LOG_TAIL_BYTES = 4096
EXTRA_CERTIFICATES = "/var/runtime/ca-cert.pem"  # where AWS's runtimes keep Amazon's authorities
PATHS = re.compile(r"/2018-06-01/runtime/(?:(init)/error|invocation/(?:(next)|([^/]+)/(response|error)))")
BOOTSTRAP = Path(__file__).with_name("bootstrap.mjs")


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A process that ends while it is being answered is no fault of ours; its environment sees that it ended."""


@dataclass(frozen=True)
class Settings:
    """What an environment is made for; another configuration or code is other settings, and so another environment."""

    name: str
    version: str
    arn: str
    region: str
    runtime: str
    handler: str
    memory: int
    timeout: int
    variables: tuple[tuple[str, str], ...]
    code: Path
    layers: Path | None  # what is at /opt on AWS
    log_group: str
    endpoint: str
    certificates: Path | None


@dataclass
class Outcome:
    """Of an invocation: the payload, the kind of error or None, the log lines of it, and whom the function connected to meanwhile."""

    payload: bytes
    error: str | None = None
    log: list[str] = field(default_factory=list)
    hops: list[Hop] = field(default_factory=list)

    def tail(self) -> bytes:
        return "".join(f"{line}\n" for line in self.log).encode()[-LOG_TAIL_BYTES:]


class Broken(Exception):
    """The environment can take no more events."""


class Environment:
    """`invoke` one event at a time. Between events the process is frozen, as on AWS: neither timers nor sockets are served."""

    def __init__(self, settings: Settings, write_log: Callable[[str, list[str]], None]) -> None:
        self.settings = settings
        self.write_log = write_log
        self.stream = f"{datetime.datetime.now(datetime.UTC):%Y/%m/%d}/[{settings.version}]{uuid.uuid4().hex}"
        self.changed = threading.Condition()
        self.waiting = False  # the process asks for an event
        self.event: tuple[str, bytes, dict[str, str]] | None = None
        self.answer: tuple[str, bytes] | None = None
        self.init_error: bytes | None = None
        self.closed = False
        self.used = time.monotonic()
        self.lines: list[str] = []
        self.hops: list[Hop] = []
        self.partial = b""
        self.drained = threading.Lock()
        self.server = Server(("127.0.0.1", 0), runtime_api(self))
        threading.Thread(target=self.server.serve_forever, args=(0.5,), daemon=True, name="runtime api").start()
        self.began = time.monotonic()
        self.init_seconds: float | None = None
        self.process = self.spawn()
        threading.Thread(target=self.collect, daemon=True, name="function log").start()

    def spawn(self) -> subprocess.Popen[bytes]:
        settings = self.settings
        variables = dict(settings.variables)
        if settings.certificates and variables.get("NODE_EXTRA_CA_CERTS", EXTRA_CERTIFICATES) == EXTRA_CERTIFICATES:
            # The local authority stands for those of Amazon that every client knows.
            variables["NODE_EXTRA_CA_CERTS"] = str(settings.certificates)
        environment = {
            **variables,
            "_HANDLER": settings.handler,
            "AWS_ACCESS_KEY_ID": "localcloud",
            "AWS_SECRET_ACCESS_KEY": "localcloud",
            "AWS_SESSION_TOKEN": "localcloud",
            "AWS_DEFAULT_REGION": settings.region,
            "AWS_REGION": settings.region,
            "AWS_ENDPOINT_URL": settings.endpoint,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{settings.runtime}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(settings.memory),
            "AWS_LAMBDA_FUNCTION_NAME": settings.name,
            "AWS_LAMBDA_FUNCTION_VERSION": settings.version,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": settings.log_group,
            "AWS_LAMBDA_LOG_STREAM_NAME": self.stream,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.server.server_address[1]}",
            "LAMBDA_TASK_ROOT": str(settings.code),
            "LAMBDA_RUNTIME_DIR": str(settings.certificates.parent if settings.certificates else BOOTSTRAP.parent),
            "LANG": "en_US.UTF-8",
            "PATH": f"{node().parent}:/usr/local/bin:/usr/bin:/bin",
            "TZ": ":UTC",
        }
        if settings.layers:
            # https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html
            major = "".join(each for each in settings.runtime.partition(".")[0] if each.isdigit())
            modules = (settings.layers / "nodejs" / f"node{major}", settings.layers / "nodejs")
            environment["NODE_PATH"] = ":".join(f"{each / 'node_modules'}" for each in modules)
            environment["PATH"] = f"{settings.layers / 'bin'}:{environment['PATH']}"
        return children.spawn(
            [str(node()), f"--max-old-space-size={max(settings.memory * 9 // 10, 64)}", str(BOOTSTRAP)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=settings.code,
            env=environment,
        )

    def invoke(self, event: bytes, context: dict[str, str]) -> Outcome:
        """Gives the process one event; raises Broken if it ended before it could take it, which harms no event."""
        request = context["request_id"]
        cold = self.init_seconds is None
        outcome = self.initialise()
        if outcome:
            return self.told(request, outcome, 0.0)
        with self.changed:
            if self.closed or self.process.poll() is not None:
                raise Broken
            self.answer = None
            self.thaw()
            began = time.time()
            deadline = began + self.settings.timeout
            headers = {
                "Lambda-Runtime-Aws-Request-Id": request,
                "Lambda-Runtime-Deadline-Ms": str(int(deadline * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": context["arn"],
                "Lambda-Runtime-Trace-Id": f"Root=1-{int(began):x}-{uuid.uuid4().hex[:24]};Sampled=0",
            }
            if context.get("client_context"):
                headers["Lambda-Runtime-Client-Context"] = context["client_context"]
            self.waiting = False
            self.event = (request, event, headers)
            self.changed.notify_all()
            while self.answer is None and self.process.poll() is None and time.time() < deadline:
                # A process that ends wakes nobody.
                self.changed.wait(min(deadline - time.time(), 0.2))
            answer = self.answer
            untouched = self.event is not None
            self.event = None
        if untouched and answer is None and self.process.poll() is not None:
            raise Broken
        seconds = time.time() - began
        outcome = self.judge(request, answer)
        self.used = time.monotonic()
        if outcome.error and not self.closed and self.process.poll() is None and answer is None:
            self.close()
        return self.told(request, outcome, seconds, self.init_seconds if cold else None)

    def judge(self, request: str, answer: tuple[str, bytes] | None) -> Outcome:
        if answer is None and self.process.poll() is None:
            text = f"RequestId: {request} Error: Task timed out after {self.settings.timeout:.2f} seconds"
            return failed("Sandbox.Timedout", text)
        if answer is None:
            return failed("Runtime.ExitError", f"RequestId: {request} Error: {self.ending()}")
        kind, payload = answer
        if kind == "error":
            return Outcome(payload, "Unhandled")
        if len(payload) > RESPONSE_BYTES:
            return failed(
                "Function.ResponseSizeTooLarge",
                f"Response payload size exceeded maximum allowed payload size ({RESPONSE_BYTES} bytes).",
            )
        return Outcome(payload)

    def initialise(self) -> Outcome | None:
        """Waits until the process asks for its first event; the outcome of an invocation if it never does."""
        if self.init_seconds is not None:
            return None
        with self.changed:
            while not self.waiting and self.init_error is None and self.process.poll() is None:
                left = self.began + max(INIT_SECONDS, self.settings.timeout) - time.monotonic()
                if left <= 0:
                    break
                self.changed.wait(min(left, 0.2))
            ready = self.waiting
        if ready:
            self.init_seconds = time.monotonic() - self.began
            return None
        if self.init_error is not None:
            outcome = Outcome(self.init_error, "Unhandled")
        elif self.process.poll() is not None:
            outcome = failed("Runtime.ExitError", f"RequestId: {uuid.uuid4()} Error: {self.ending()}")
        else:
            outcome = failed(
                "Sandbox.Timedout", f"RequestId: {uuid.uuid4()} Error: Task timed out after {INIT_SECONDS:.2f} seconds"
            )
        self.close()
        return outcome

    def ending(self) -> str:
        code = self.process.poll()
        if code is not None and code < 0:
            return f"Runtime exited with error: signal: {signal.strsignal(-code) or -code}".lower().replace(
                "runtime", "Runtime", 1
            )
        return (
            "Runtime exited without providing a reason"
            if code == 0
            else f"Runtime exited with error: exit status {code}"
        )

    def told(self, request: str, outcome: Outcome, seconds: float, init: float | None = None) -> Outcome:
        """Writes the log of an invocation as the platform does, and puts it into the outcome."""
        memory = self.peak_memory()
        self.drain()
        milliseconds = seconds * 1000
        lines = [f"START RequestId: {request} Version: {self.settings.version}", *self.lines]
        if outcome.error and b"Sandbox.Timedout" in outcome.payload[:200]:
            now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            lines.append(f"{now} {request} Task timed out after {self.settings.timeout:.2f} seconds")
        report = (
            f"REPORT RequestId: {request}\tDuration: {milliseconds:.2f} ms\t"
            f"Billed Duration: {math.ceil(milliseconds + (init or 0) * 1000)} ms\t"
            f"Memory Size: {self.settings.memory} MB\tMax Memory Used: {memory} MB"
        )
        if init is not None:
            report += f"\tInit Duration: {init * 1000:.2f} ms"
        lines += [f"END RequestId: {request}", report]
        self.lines = []
        outcome.log = lines
        outcome.hops, self.hops = self.hops, []
        self.write_log(self.stream, lines)
        return outcome

    def peak_memory(self) -> int:
        with contextlib.suppress(OSError, AttributeError):
            status = Path(f"/proc/{self.process.pid}/status").read_text()
            return math.ceil(int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024)  # type: ignore[index]
        return 0

    def collect(self) -> None:
        """Reads what the process prints, until it ends."""
        output = self.process.stdout
        assert output
        os.set_blocking(output.fileno(), False)
        while not self.drain():
            with contextlib.suppress(OSError, ValueError):
                select.select([output], [], [], 5)

    def drain(self) -> bool:
        """Takes what is printed so far; True at the end of it. What is printed before an answer is there when the answer is."""
        output = self.process.stdout
        assert output
        with self.drained:
            while True:
                try:
                    chunk = os.read(output.fileno(), 65536)
                except BlockingIOError:
                    return False
                except (OSError, ValueError):
                    return True
                if not chunk:
                    return True
                *whole, self.partial = (self.partial + chunk).split(b"\n")
                self.lines += [line.decode(errors="replace").replace("\r", "\n") for line in whole]

    def freeze(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGCONT)

    @property
    def usable(self) -> bool:
        return not self.closed and self.process.poll() is None

    def close(self) -> None:
        with self.changed:
            if self.closed:
                return
            self.closed = True
            self.changed.notify_all()
        self.process.kill()
        self.process.wait()
        threading.Thread(target=self.server.shutdown, daemon=True).start()
        self.server.server_close()


def failed(kind: str, message: str) -> Outcome:
    return Outcome(json.dumps({"errorType": kind, "errorMessage": message}).encode(), "Unhandled")


def runtime_api(environment: Environment) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet an answer

        def do_GET(self) -> None:
            found = PATHS.fullmatch(self.path)
            if not found or found[2] != "next":
                return self.reply(404, {})
            with environment.changed:
                environment.waiting = True
                environment.changed.notify_all()
                # Nothing of the function runs between its answer and its next event.
                if environment.event is None and environment.init_seconds is not None:
                    environment.freeze()
                while environment.event is None and not environment.closed:
                    environment.changed.wait(60)
                if environment.closed or environment.event is None:
                    return self.reply(410, {})
                _, body, headers = environment.event
                environment.event = None
            return self.reply(200, headers, body)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found = PATHS.fullmatch(self.path)
            if not found or not (found[1] or found[4]):
                return self.reply(404, {})
            with environment.changed:
                if found[1]:
                    environment.init_error = body
                else:
                    environment.answer = (found[4], body)
                environment.changed.notify_all()
            return self.reply(202, {}, b'{"status":"OK"}')

        def reply(self, status: int, headers: dict[str, str], body: bytes = b"{}") -> None:
            self.send_response(status)
            for name, value in {
                **headers,
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
