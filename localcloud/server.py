"""The HTTP side: every request is identified, checked against the service's model and AWS's rules, answered by moto, and counted."""

from __future__ import annotations

import importlib
import json
import logging
import os
import pkgutil
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from localcloud import ACCOUNT, constraints, protocol, record, rules

CONTROL = "/_localcloud/"
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


def prepare() -> None:
    """Sets moto up: no look at the real AWS, our adapters and rules in place."""
    os.environ.setdefault("MOTO_ACCOUNT_ID", ACCOUNT)
    os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    for package in ("localcloud.services", "localcloud.rules"):
        module = importlib.import_module(package)
        for found in pkgutil.iter_modules(module.__path__, package + "."):
            loaded = importlib.import_module(found.name)
            if hasattr(loaded, "install"):
                loaded.install()


class Application:
    """WSGI application around moto's."""

    def __init__(self, calls: record.Record) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        self.calls = calls
        self.moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").startswith(CONTROL):
            status, headers, body = self.control(environ)
        else:
            status, headers, body = self.answer(environ)
        start_response(f"{status} {'OK' if status < 400 else 'Error'}", [*headers.items()])
        return [body]

    def answer(self, environ: dict[str, Any]) -> Answer:
        body = protocol.buffered(environ)
        operation = protocol.identify(environ, body)
        if operation is None:
            return self.ask_moto(environ)
        started = time.perf_counter()
        parameters: dict[str, Any] = {}
        try:
            parameters = self.check(operation, environ, body)
        except rules.Refusal as refusal:
            answer = protocol.refuse(operation, refusal.code, refusal.message, refusal.status)
        else:
            answer = self.ask_moto(environ)
        status, _, content = answer
        code = ""
        if status >= 400:
            found = ERROR_CODE.search(content)
            code = next((group.decode() for group in found.groups() if group), str(status)) if found else str(status)
        self.calls.add(operation, status, code, (time.perf_counter() - started) * 1000)
        self.calls.keep(operation, parameters, answer)
        return answer

    def check(self, operation: protocol.Operation, environ: dict[str, Any], body: bytes) -> dict[str, Any]:
        """The parsed parameters of what AWS would accept; raises Refusal for the rest."""
        signed = protocol.credentials(environ)
        if signed and "EXPIRED" in signed[0]:
            # https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html; any key with that word serves to try it
            raise rules.Refusal("ExpiredToken", "The security token included in the request is expired", 403)
        try:
            parameters = protocol.parse(operation, environ, body)
        except Exception:  # moto's parsers raise several kinds; what they cannot read is left to moto to answer
            log.exception("cannot parse %s %s", operation.service, operation.name)
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

        try:
            content = b"".join(self.moto(environ, start))
        except Exception as error:  # moto's faults must reach the caller as an answer, and our log as a traceback
            log.exception("%s %s", environ.get("REQUEST_METHOD"), environ.get("PATH_INFO"))
            text = json.dumps({"__type": "InternalFailure", "message": f"the local cloud failed: {error!r}"})
            return 500, {"Content-Type": "application/json"}, text.encode()
        status, headers = caught
        return status, headers, content

    def control(self, environ: dict[str, Any]) -> Answer:
        from urllib.parse import parse_qs

        what = environ["PATH_INFO"].removeprefix(CONTROL)
        query = {key: values[0] for key, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
        if what == "health":
            content: Any = {"status": "running", "pid": os.getpid()}
        elif what == "runs" and environ["REQUEST_METHOD"] == "POST":
            self.calls.begin(query.get("name", "run"))
            content = {"run": query.get("name", "run")}
        elif what == "runs":
            content = self.calls.as_dict(query.get("name"), "last" in query)
        elif what == "requests":
            content = list(self.calls.calls)
        else:
            return 404, {"Content-Type": "application/json"}, b'{"message": "No such control."}'
        return 200, {"Content-Type": "application/json"}, json.dumps(content).encode()


def serve(host: str, port: int) -> None:
    """Serves until it is told to stop."""
    import waitress

    prepare()
    content = os.environ.get("LOCALCLOUD_RECORD")
    application = Application(record.Record(Path(content) if content else None))
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    waitress.serve(
        application,
        host=host,
        port=port,
        threads=16,
        channel_timeout=300,
        ident="localcloud",
        max_request_body_size=1 << 30,
    )
