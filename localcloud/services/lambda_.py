"""Lambda: Node.js functions really run, with the states, network interfaces and logs that they have on AWS."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import logging
import threading
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from moto.awslambda import models, responses
from moto.awslambda.exceptions import LambdaClientError
from moto.backends import get_backend

from localcloud.lambda_runtime.environment import Outcome, Settings
from localcloud.lambda_runtime.pool import Code, Pool, Throttled
from localcloud.pace import PACE, passed
from localcloud.services import rds
from localcloud.services.ec2_addresses import remove_interface

log = logging.getLogger("localcloud.lambda")

# https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html; there it waits minutes between them.
ASYNC_TRIES = 3
ASYNC_PAUSE_SECONDS = 1.0

POOL = Pool()
CODE = Code()


PENDING = "The operation cannot be performed at this time. The function is currently in the following state: Pending"


class Conflict(LambdaClientError):
    code = 409

    def __init__(self, message: str) -> None:
        super().__init__("ResourceConflictException", message)


class TooMany(LambdaClientError):
    code = 429

    def __init__(self) -> None:
        super().__init__("TooManyRequestsException", "Rate Exceeded.")


class Interfaces:
    """The interfaces that functions reach a VPC through: one for each subnet and set of groups, shared, and released late.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-enis
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.made: dict[tuple[str, str, str, frozenset[str]], tuple[Any, set[str]]] = {}

    def use(self, function: Any, config: dict[str, Any] | None) -> None:
        wanted = set()
        place = (function.account_id, function.region)
        ec2 = get_backend("ec2")[function.account_id][function.region]
        with self.lock:
            for subnet in (config or {}).get("SubnetIds") or []:
                key = (*place, subnet, frozenset((config or {}).get("SecurityGroupIds") or []))
                wanted.add(key)
                if key not in self.made:
                    interface = ec2.create_network_interface(
                        subnet,
                        private_ip_address=[],
                        group_ids=sorted(key[3]),
                        description=f"AWS Lambda VPC ENI-{function.function_name}-{uuid.uuid4()}",
                    )
                    interface.requester_managed = True
                    interface.requester_id = f"AROA{uuid.uuid4().hex[:17].upper()}:awslambda"
                    interface.interface_type = "lambda"
                    interface.status = "in-use"
                    self.made[key] = (interface, set())
                self.made[key][1].add(function.function_name)
            left = [
                key
                for key, (_, users) in self.made.items()
                if key[:2] == place and key not in wanted and function.function_name in users
            ]
            for key in left:
                self.made[key][1].discard(function.function_name)
        for key in left:
            if not self.made[key][1]:
                PACE.later("function interface deletion", key[1], key[2], functools.partial(self.release, key))

    def release(self, key: tuple[str, str, str, frozenset[str]]) -> None:
        with self.lock:
            if key in self.made and not self.made[key][1]:
                interface, _ = self.made.pop(key)
                remove_interface(interface)


INTERFACES = Interfaces()


class Function(models.LambdaFunction):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.revision = str(uuid.uuid4())
        self.active_at = PACE.ready_at("function", self.region, self.function_name)
        self.updated_at: float | None = None

    @property
    def pending(self) -> bool:
        return not passed(self.active_at)

    @property
    def updating(self) -> bool:
        return self.updated_at is not None and not passed(self.updated_at)

    def changing(self) -> None:
        if self.pending:
            raise Conflict(
                "The operation cannot be performed at this time. The function is currently in the following state: Pending"
            )
        if self.updating:
            raise Conflict(
                f"The operation cannot be performed at this time. An update is in progress for resource: {self.function_arn}"
            )

    def changed(self) -> None:
        self.revision = str(uuid.uuid4())
        self.last_modified = models.iso_8601_datetime_with_nanoseconds()
        self.updated_at = PACE.ready_at("function change", self.region, self.function_name)

    @property
    def vpc_config(self) -> Any:
        if not self._vpc_config:
            return None
        ec2 = get_backend("ec2")[self.account_id][self.region]
        subnets = self._vpc_config.get("SubnetIds") or []
        return {
            "SubnetIds": subnets,
            "SecurityGroupIds": self._vpc_config.get("SecurityGroupIds") or [],
            "VpcId": ec2.get_subnet(subnets[0]).vpc_id if subnets else "",
            "Ipv6AllowedForDualStack": False,
        }

    def get_configuration(self, on_create: bool = False) -> dict[str, Any]:
        config = super().get_configuration(on_create)
        config["State"] = "Pending" if self.pending else "Active"
        if self.pending:
            config |= {"StateReason": "The function is being created.", "StateReasonCode": "Creating"}
        config["LastUpdateStatus"] = "InProgress" if self.pending or self.updating else "Successful"
        config["RevisionId"] = self.revision
        config["LoggingConfig"] = {"LogFormat": "Text", "LogGroup": self.logs_group_name}
        return {name: value for name, value in config.items() if value is not None}

    def settings(self, endpoint: str) -> Settings:
        return Settings(
            name=self.function_name,
            version=str(self.version),
            arn=self.function_arn,
            region=self.region,
            runtime=self.run_time or "",
            handler=self.handler or "",
            memory=int(self.memory_size),
            timeout=int(self.timeout),
            variables=tuple(sorted(self.environment_vars.items())),
            code=CODE.folder(self.code_sha_256, self.code_bytes),
            layers=self.layers_folder(),
            log_group=self.logs_group_name,
            endpoint=endpoint,
            certificates=rds.ca_file(),
        )

    def layers_folder(self) -> Path | None:
        """All layers of the function, in their order."""
        backend = get_backend("lambda")[self.account_id][self.region]
        found = [backend.layers_versions_by_arn(each["Arn"]) for each in self.layers]
        versions = [each for each in found if each is not None]
        if not versions:
            return None
        digest = hashlib.sha256("".join(each.code_sha_256 for each in versions).encode()).hexdigest()
        return CODE.folder(digest, *(each.code_bytes for each in versions))

    def write_log(self, stream: str, lines: list[str]) -> None:
        logs, group = self.logs_backend, self.logs_group_name
        if group not in logs.groups:
            logs.create_log_group(group, {})
        if stream not in logs.groups[group].streams:
            logs.create_log_stream(group, stream)
        now = int(time.time() * 1000)
        logs.put_log_events(group, stream, [{"timestamp": now, "message": line + "\n"} for line in lines])

    def run(self, event: bytes, endpoint: str, client_context: str = "", qualifier: str | None = None) -> Outcome:
        """Invokes the function; raises TooMany where it is throttled, as it is by a reserved concurrency of 0."""
        if not (self.run_time or "").startswith("nodejs"):
            raise LambdaClientError(
                "InvalidRuntimeException",
                f"The local cloud runs functions of Node.js only, not of {self.run_time or 'images'}.",
            )
        limit = self.reserved_concurrency
        context = {
            "request_id": str(uuid.uuid4()),
            "arn": f"{self.function_arn}:{qualifier}"
            if qualifier and str(self.version) == "$LATEST"
            else self.function_arn,
            "client_context": client_context,
        }
        try:
            return POOL.invoke(
                self.settings(endpoint),
                event,
                context,
                limit=None if limit is None else int(limit),
                write_log=self.write_log,
            )
        except Throttled as error:
            raise TooMany from error

    def invoke(self, body: Any, request_headers: Any, response_headers: Any) -> bytes:
        """How moto's other services (SNS, SQS, EventBridge, ...) invoke a function."""
        outcome = self.run(body.encode() if isinstance(body, str) else bytes(body or b"{}"), Backend.endpoint)
        if outcome.error:
            response_headers["x-amz-function-error"] = outcome.error
        return outcome.payload

    def run_later(self, event: bytes, endpoint: str, client_context: str) -> None:
        """An asynchronous invocation: tried again when it fails, then given up."""

        def work() -> None:
            for attempt in range(ASYNC_TRIES):
                if attempt:
                    time.sleep(ASYNC_PAUSE_SECONDS * attempt)
                try:
                    if self.run(event, endpoint, client_context).error is None:
                        return
                except TooMany:
                    continue
                except Exception:  # nobody waits for the answer
                    log.exception("asynchronous invocation of %s", self.function_name)

        threading.Thread(target=work, name=f"invoke {self.function_name}", daemon=True).start()


class Backend(models.LambdaBackend):
    """Starts, outdates and ends what runs with what is deployed."""

    __module__ = models.__name__  # beside which moto looks for a backend's addresses
    endpoint = "http://127.0.0.1:4566"  # that functions are told to call AWS at: the one that callers use

    def create_function(self, spec: dict[str, Any]) -> Any:
        function = super().create_function(spec)
        INTERFACES.use(self.get_function(spec["FunctionName"]), spec.get("VpcConfig"))
        return function

    def update_function_configuration(self, function_name: str, qualifier: Any, body: dict[str, Any]) -> Any:
        function: Any = self.get_function(function_name, qualifier)
        function.changing()
        super().update_function_configuration(function_name, qualifier, body)
        for key, attribute in (("TracingConfig", "tracing_config"), ("KMSKeyArn", "kms_key_arn")):
            if key in body:
                setattr(function, attribute, body[key])
        if "EphemeralStorage" in body:
            function.ephemeral_storage = body["EphemeralStorage"]["Size"]
        function.changed()
        INTERFACES.use(function, function._vpc_config)
        POOL.retire(function.function_arn)
        return function.get_configuration()

    def update_function_code(self, function_name: str, qualifier: Any, body: dict[str, Any]) -> Any:
        function: Any = self.get_function(function_name, qualifier)
        if not body.get("DryRun"):
            function.changing()
        answer = super().update_function_code(function_name, qualifier, body)
        if not body.get("DryRun"):
            function.changed()
            POOL.retire(function.function_arn)
        return answer

    def delete_function(self, function_name: str, qualifier: str | None = None) -> None:
        function: Any = self.get_function(function_name, qualifier)
        super().delete_function(function_name, qualifier)
        POOL.retire(function.function_arn)
        if not qualifier:
            INTERFACES.use(function, None)


def invoke(self: Any) -> tuple[int, dict[str, Any], bytes]:
    """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""
    name = unquote(self.path.rsplit("/", 2)[-2])
    qualifier = self._get_param("Qualifier") or None
    function = self.backend.get_function(name, qualifier)
    kind = self.headers.get("X-Amz-Invocation-Type", "RequestResponse")
    headers: dict[str, Any] = {"x-amz-executed-version": str(function.version)}
    if kind == "DryRun":
        return 204, {**headers, "status": 204}, b""
    if function.pending:
        raise Conflict(
            "The operation cannot be performed at this time. The function is currently in the following state: Pending"
        )
    event = self.body.encode() if isinstance(self.body, str) else bytes(self.body or b"")
    event = event or b"{}"
    try:
        json.loads(event)
    except ValueError as error:
        raise LambdaClientError(
            "InvalidRequestContentException", f"Could not parse request body into json: {error}"
        ) from error
    context = self.headers.get("X-Amz-Client-Context", "")
    context = base64.b64decode(context).decode() if context else ""
    if host := self.headers.get("Host"):
        Backend.endpoint = f"http://{host}"
    endpoint = Backend.endpoint
    if kind == "Event":
        function.run_later(event, endpoint, context)
        return 202, {**headers, "status": 202}, b""
    outcome = function.run(event, endpoint, context, qualifier)
    if outcome.error:
        headers["x-amz-function-error"] = outcome.error
    if self.headers.get("X-Amz-Log-Type") == "Tail":
        headers["x-amz-log-result"] = base64.b64encode(outcome.tail()).decode()
    return 200, {**headers, "content-type": "application/json"}, outcome.payload


def install() -> None:
    models.LambdaFunction = Function  # type: ignore[misc]
    models.lambda_backends.backend = Backend
    for account in list(models.lambda_backends.values()):
        account.backend = Backend
        for backend in list(account.values()):
            backend.__class__ = Backend
    responses.LambdaResponse.invoke = invoke  # type: ignore[method-assign]


def stop() -> None:
    """Ends all environments."""
    POOL.close()
    CODE.clear()
