"""The HTTP side: every request is identified, checked against the service's model and AWS's rules, answered by moto, and counted."""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import logging
import os
import pkgutil
import re
import resource
import signal
import socket
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from http import HTTPStatus
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs

import moto.backends
import moto.core.responses
import moto.core.serialize
import moto.settings
import xmltodict

from localcloud import ACCOUNT, MACHINES, constraints, hooks, protocol, record, rules, state
from localcloud.dataplane.clock import CLOCK
from localcloud.dataplane.journeys import Journeys
from localcloud.pace import PACE

CONTROL = "/_localcloud/"
THREADS = 16
CONNECTIONS = 4000  # open at a time: each client of each module of each zone keeps some
log = logging.getLogger("localcloud")

Answer = tuple[int, dict[str, str], bytes]
ERROR_CODE = re.compile(rb"<Code>([^<]+)</Code>|\"__type\":\s*\"([^\"]+)\"|\"code\":\s*\"([^\"]+)\"")
# Services whose validation errors have another code than most. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
VALIDATION_CODES = {
    "ec2": "InvalidParameterValue",
    "elbv2": "ValidationError",
    "rds": "InvalidParameterValue",
    "apigateway": "BadRequestException",
    "amplify": "BadRequestException",
    "cognito-idp": "InvalidParameterException",
    "logs": "InvalidParameterException",
    "efs": "ValidationException",
    "s3": "InvalidRequest",
}


@functools.cache
def prepare() -> tuple[ModuleType, ...]:
    """Sets moto up, once a process: no look at the real AWS, our adapters and rules in place. Returns these modules."""
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
    moto.settings.ENABLE_AMI_VALIDATION = True
    moto.settings.EC2_ENABLE_INSTANCE_TYPE_VALIDATION = True
    modules = []
    for package in ("localcloud.services", "localcloud.rules"):
        module = importlib.import_module(package)
        for found in pkgutil.iter_modules(module.__path__, package + "."):
            loaded = importlib.import_module(found.name)
            if hasattr(loaded, "install"):
                loaded.install()
            modules.append(loaded)
    remember()
    return tuple(modules)


def remember() -> None:
    """What moto works out again for each request and which does not change once all adapters are in place."""
    # AWS's services answer with more codes than their models list.
    warnings.filterwarnings("ignore", message=r"Exception\(Refused\) with code")
    known = list(moto.backends.list_of_moto_modules())
    moto.backends.list_of_moto_modules = lambda: iter(known)
    moto.core.responses.method_names_from_class = functools.cache(moto.core.responses.method_names_from_class)
    remember_names()


def remember_names() -> None:
    """For each member of an answer moto works out the names that an attribute may have in its own classes, and xmltodict whether XML allows it.

    The names depend on the member, where it is in the service's model, and the class. That is half of the time of a long answer.
    """
    xmltodict._validate_name = functools.lru_cache(10_000)(xmltodict._validate_name)
    picker = moto.core.serialize.XFormedAttributePicker
    work_out = picker.get_possible_keys
    known: dict[tuple[Any, ...], tuple[str, ...]] = {}

    def get_possible_keys(self: Any, context: Any) -> Iterable[str]:
        shape = context.shape
        parent = getattr(shape, "parent", None)
        place = (
            shape.name,
            shape.type_name,
            shape.serialization.get("name"),
            parent and (parent.name, parent.type_name),
        )
        service = context.service_model and context.service_model.service_name
        key = (type(context.obj), context.key, service, place, *self.alias_providers)
        if key not in known:
            known[key] = tuple(dict.fromkeys(work_out(self, context)))
        return known[key]

    picker.get_possible_keys = get_possible_keys  # type: ignore[assignment,method-assign]


class Application:
    """WSGI application around moto's."""

    def __init__(self, calls: record.Record, journeys: Journeys | None = None, serves: str = "") -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        self.calls = calls
        self.journeys = journeys or Journeys()
        self.serves = serves  # where the data plane answers
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.lock = state.LOCK

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").startswith(CONTROL):
            status, headers, body = self.control(environ)
        else:
            status, headers, body = self.answer(environ)
        phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Unknown"
        start_response(f"{status} {phrase}", [*headers.items()])
        return [body]

    def answer(self, environ: dict[str, Any]) -> Answer:
        body = protocol.buffered(environ)
        operation = protocol.identify(environ, body)
        if operation is None:
            return self.ask_moto(environ)
        alone = (operation.service, operation.name) not in protocol.CONCURRENT
        started = time.perf_counter()
        parameters: dict[str, Any] = {}
        try:
            with self.lock if alone else contextlib.nullcontext():
                parameters = self.check(operation, environ, body)
                answer = self.ask_moto(environ)
        except rules.Refusal as refusal:
            answer = protocol.refuse(operation, refusal.code, refusal.message, refusal.status)
        except NotImplementedError:
            # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html; no client tries that again
            reason = f"The local cloud has no {operation.name} of {operation.service}"
            answer = protocol.refuse(operation, "InvalidAction", reason, 400)
        except Exception as error:  # moto's faults and ours reach the caller as an answer, and the log as a traceback
            log.exception("%s %s", operation.service, operation.name)
            answer = protocol.refuse(operation, "InternalFailure", f"the local cloud failed: {error!r}", 500)
        status, _, content = answer
        code = ""
        if status >= 400:
            found = ERROR_CODE.search(content)
            code = next((group.decode() for group in found.groups() if group), str(status)) if found else str(status)
        milliseconds = (time.perf_counter() - started) * 1000
        if operation.mutating:
            hooks.tell("aws.changed", service=operation.service, operation=operation.name, region=operation.region)
        self.calls.add(operation, status, code, milliseconds)
        self.calls.keep(operation, parameters, answer)
        if operation.mutating or code:
            # What a call carried is not logged: passwords are among it.
            log.info(
                "%s %s %s: %s, %.0f ms",
                operation.region,
                operation.service,
                operation.name,
                code or status,
                milliseconds,
            )
        return answer

    def check(self, operation: protocol.Operation, environ: dict[str, Any], body: bytes) -> dict[str, Any]:
        """The parsed parameters of what AWS would accept; raises Refusal for the rest."""
        signed = protocol.credentials(environ)
        if signed and "EXPIRED" in signed[0]:
            # https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html; any key with that word serves to try it
            raise rules.Refusal("ExpiredToken", "The security token included in the request is expired", 403)
        try:
            parameters = protocol.parse(operation, environ, body)
        except (
            Exception
        ) as error:  # moto's parsers raise several kinds; what they cannot read is left to moto to answer
            log.warning("cannot read %s %s: %s", operation.service, operation.name, type(error).__name__)
            return {}
        if operation.model.input_shape is not None:
            found = list(constraints.problems(operation.service, operation.model.input_shape, parameters))
            if found:
                noun = "error" if len(found) == 1 else "errors"
                message = f"{len(found)} validation {noun} detected: {'; '.join(found)}"
                raise rules.Refusal(VALIDATION_CODES.get(operation.service, "ValidationException"), message)
        rules.enforce(rules.Call(operation.service, operation.name, parameters, operation.region, ACCOUNT))
        return parameters

    def ask_moto(self, environ: dict[str, Any]) -> Answer:
        caught: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            caught[:] = [int(status.split()[0]), dict(headers)]

        content = b"".join(self.moto(environ, start))
        status, headers = caught
        return status, headers, content

    def control(self, environ: dict[str, Any]) -> Answer:
        what = environ["PATH_INFO"].removeprefix(CONTROL)
        query = {key: values[0] for key, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
        if what == "health":
            content: Any = {"status": "running", "pid": os.getpid(), "data_plane": self.serves}
            content["machines"] = bool(os.environ.get(MACHINES))
        elif what == "runs" and environ["REQUEST_METHOD"] == "POST":
            self.calls.begin(query.get("name", "run"))
            content = {"run": query.get("name", "run")}
        elif what == "runs":
            content = self.calls.as_dict(query.get("name"), "last" in query)
        elif what == "requests":
            content = list(self.calls.calls)
        elif what == "journeys":
            content = self.journeys.newest()
        elif what == "hosts":
            content = served()
        elif what == "pace":
            content = PACE.as_dict()
        elif what == "clock":
            try:
                if environ["REQUEST_METHOD"] == "POST":
                    CLOCK.set(float(query.get("scale", "")))
            except ValueError as error:
                text = json.dumps({"message": f"scale: {error}"})
                return 400, {"Content-Type": "application/json"}, text.encode()
            content = {"scale": CLOCK.scale}
        else:
            return 404, {"Content-Type": "application/json"}, b'{"message": "No such control."}'
        return 200, {"Content-Type": "application/json"}, json.dumps(content).encode()


def served() -> list[dict[str, Any]]:
    """What instances serve. Without hosts nothing of that was ever imported."""
    workers = sys.modules.get("localcloud.dataplane.workers")
    return list(workers.WORKERS.listed()) if workers else []


def serve(listener: socket.socket, data_listener: socket.socket) -> None:
    """Serves the control plane and the data plane, each on a bound socket, until the process is told to end."""
    import waitress

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    log.setLevel(logging.INFO)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    allow_files()
    modules = prepare()
    content = os.environ.get("LOCALCLOUD_RECORD")
    # After the services' own modules, which change moto's classes before anything else looks at them.
    from localcloud.dataplane.server import DataPlane

    host, port = listener.getsockname()[:2]
    journeys = Journeys()
    plane = DataPlane(data_listener, f"http://{host}:{port}", journeys)
    application = Application(record.Record(Path(content) if content else None), journeys, plane.url)
    server = waitress.create_server(
        application,
        sockets=[listener],
        threads=THREADS,
        connection_limit=CONNECTIONS,
        asyncore_use_poll=True,  # select() knows no more than 1,024 files
        channel_timeout=300,
        ident="localcloud",
        max_request_body_size=1 << 30,
    )
    signal.signal(signal.SIGTERM, end)
    log.info("serving at http://%s:%s", host, port)
    try:
        plane.start()
        server.run()
    finally:
        plane.stop()
        finish(modules)
        log.info("stopped")


def allow_files() -> None:
    """As many open files as the connections need, where the system lets a process have them."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CONNECTIONS
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most)
        )


def end(*_: Any) -> None:
    raise SystemExit(0)


def finish(modules: Iterable[ModuleType]) -> None:
    """Ends what services started, by each module's own stop(). A process that none of them ends goes when this one does (children.py)."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for module in modules:
        if hasattr(module, "stop"):
            try:
                module.stop()
            except Exception:  # one service that cannot end must not keep the others from it
                log.exception("%s could not stop", module.__name__)
