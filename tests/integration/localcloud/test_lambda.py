"""Lambda on the local cloud: functions run in Node.js, answer and fail as on AWS, and leave their logs."""

from __future__ import annotations

import base64
import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ..playbooks import Cloud

ROLE = "arn:aws:iam::123456789012:role/LabRole"
CODE = """
import { readFileSync } from 'node:fs'
console.log('cold')
let count = 0
let ticks = 0
setInterval(() => ticks++, 20)
export const handler = async (event, context) => {
  count++
  if (event.fail) throw new TypeError('you asked for it')
  if (event.exit) process.exit(3)
  if (event.reject) { setTimeout(() => Promise.reject(new Error('afterwards')), 1); await new Promise(() => {}) }
  if (event.milliseconds) await new Promise((resolve) => setTimeout(resolve, event.milliseconds))
  if (event.large) return 'x'.repeat(6_300_000)
  console.log('hello', { a: 1 })
  const { awsRequestId, functionName, memoryLimitInMB, logGroupName, invokedFunctionArn } = context
  const left = context.getRemainingTimeInMillis()
  const { GREETING, AWS_REGION, AWS_ENDPOINT_URL, NODE_EXTRA_CA_CERTS, LAMBDA_TASK_ROOT } = process.env
  return {
    count, ticks, left, pid: process.pid, awsRequestId, functionName, memoryLimitInMB, logGroupName, invokedFunctionArn,
    GREETING, AWS_REGION, AWS_ENDPOINT_URL, trusted: readFileSync(NODE_EXTRA_CA_CERTS, 'utf8').slice(0, 27),
    here: process.cwd() === LAMBDA_TASK_ROOT
  }
}
"""


def packed(text: str, name: str = "index.mjs") -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(name, text)
    return content.getvalue()


class Function:
    """A deployed function, and its calls."""

    def __init__(self, client: Callable[[str], Any], name: str, code: bytes, **options: Any) -> None:
        self.api, self.name = client("lambda"), name
        defaults = {"Runtime": "nodejs24.x", "Role": ROLE, "Handler": "index.handler", "MemorySize": 256, "Timeout": 2}
        self.created = self.api.create_function(FunctionName=name, Code={"ZipFile": code}, **{**defaults, **options})
        self.settled()

    def settled(self) -> None:
        for name in ("function_active_v2", "function_updated_v2"):
            waiter = self.api.get_waiter(name)
            waiter.config.delay = 0.1
            waiter.wait(FunctionName=self.name)

    def invoke(self, **event: Any) -> dict[str, Any]:
        answer = self.api.invoke(FunctionName=self.name, Payload=json.dumps(event), LogType="Tail")
        return {
            "error": answer.get("FunctionError"),
            "payload": json.loads(answer["Payload"].read()),
            "log": base64.b64decode(answer["LogResult"]).decode(),
        }


@pytest.fixture(scope="module")
def function(client: Callable[[str], Any]) -> Iterator[Function]:
    made = Function(client, "tried", packed(CODE), Environment={"Variables": {"GREETING": "hello"}})
    yield made
    made.api.delete_function(FunctionName=made.name)


def test_a_function_is_pending_first(client: Callable[[str], Any], function: Function) -> None:
    assert (function.created["State"], function.created["LastUpdateStatus"]) == ("Pending", "InProgress")
    api = client("lambda")
    code = {"ZipFile": packed(CODE)}
    api.create_function(FunctionName="new", Runtime="nodejs22.x", Role=ROLE, Handler="index.handler", Code=code)
    with pytest.raises(ClientError, match="Pending"):
        api.invoke(FunctionName="new")
    api.delete_function(FunctionName="new")


def test_it_runs_warm_and_frozen_between_events(service_cloud: Cloud, function: Function) -> None:
    first = function.invoke()["payload"]
    time.sleep(0.5)
    second = function.invoke()["payload"]
    assert (second["pid"], second["count"]) == (first["pid"], first["count"] + 1)
    assert second["ticks"] - first["ticks"] < 10, "timers ran while no event was being handled"
    assert second["left"] <= 2000
    assert second["GREETING"] == "hello"
    assert second["functionName"] == "tried"
    assert second["memoryLimitInMB"] == "256"
    assert second["logGroupName"] == "/aws/lambda/tried"
    assert second["invokedFunctionArn"].endswith(":function:tried")
    assert second["AWS_REGION"] == "us-east-1"
    assert second["AWS_ENDPOINT_URL"] == f"http://127.0.0.1:{service_cloud.port}"
    assert second["trusted"] == "-----BEGIN CERTIFICATE-----"
    assert second["here"] is True


def test_logs(client: Callable[[str], Any], function: Function) -> None:
    answer = function.invoke()
    request = answer["payload"]["awsRequestId"]
    lines = answer["log"].splitlines()
    assert f"START RequestId: {request} Version: $LATEST" in lines
    assert any(line.endswith(f"\t{request}\tINFO\thello {{ a: 1 }}") for line in lines)
    assert f"END RequestId: {request}" in lines
    assert any(line.startswith(f"REPORT RequestId: {request}\tDuration: ") for line in lines)
    logs = client("logs")
    found = logs.filter_log_events(logGroupName="/aws/lambda/tried", filterPattern=f'"{request}"')["events"]
    assert len(found) >= 4


@pytest.mark.parametrize(
    ("event", "kind", "message"),
    [
        ({"fail": True}, "TypeError", "you asked for it"),
        ({"exit": True}, "Runtime.ExitError", "exit status 3"),
        ({"reject": True}, "Runtime.UnhandledPromiseRejection", "afterwards"),
        ({"milliseconds": 5000}, "Sandbox.Timedout", "Task timed out after 2.00 seconds"),
        ({"large": True}, "Function.ResponseSizeTooLarge", "6291556"),
    ],
)
def test_failures(function: Function, event: dict[str, Any], kind: str, message: str) -> None:
    answer = function.invoke(**event)
    assert answer["error"] == "Unhandled"
    assert answer["payload"]["errorType"] == kind
    assert message in answer["payload"]["errorMessage"]
    assert function.invoke()["error"] is None, "the next event found the last one's remains"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("export const other = 1", "Runtime.HandlerNotFound"),
        ("export const handler =", "Runtime.UserCodeSyntaxError"),
        ("import 'absent'; export const handler = () => 1", "Runtime.ImportModuleError"),
        ("throw new RangeError('at start')", "RangeError"),
    ],
)
def test_code_that_does_not_load(client: Callable[[str], Any], code: str, kind: str) -> None:
    function = Function(client, "broken", packed(code))
    answer = function.invoke()
    function.api.delete_function(FunctionName="broken")
    assert (answer["error"], answer["payload"]["errorType"]) == ("Unhandled", kind)


def test_callbacks_and_commonjs_in_runtimes_that_have_them(client: Callable[[str], Any]) -> None:
    code = "exports.handler = (event, context, callback) => callback(null, event.word)"
    function = Function(client, "older", packed(code, "index.cjs"), Runtime="nodejs22.x")
    assert function.invoke(word="answer")["payload"] == "answer"
    function.api.delete_function(FunctionName="older")


def test_concurrent_events_have_environments_of_their_own_up_to_the_limit(function: Function) -> None:
    with ThreadPoolExecutor(3) as threads:
        answers = list(threads.map(lambda _: function.invoke(milliseconds=300), range(3)))
    assert len({answer["payload"]["pid"] for answer in answers}) == 3
    function.api.put_function_concurrency(FunctionName="tried", ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError, match="TooManyRequestsException"):
        function.invoke()
    function.api.delete_function_concurrency(FunctionName="tried")
    assert function.invoke()["error"] is None


def test_other_ways_to_invoke(client: Callable[[str], Any], function: Function) -> None:
    assert function.api.invoke(FunctionName="tried", InvocationType="DryRun")["StatusCode"] == 204
    marked = function.api.invoke(FunctionName="tried", InvocationType="Event", Payload='{"milliseconds": 1}')
    assert marked["StatusCode"] == 202
    with pytest.raises(ClientError, match="InvalidRequestContent"):
        function.api.invoke(FunctionName="tried", Payload="no json")
    with pytest.raises(ClientError, match="ResourceNotFound"):
        function.api.invoke(FunctionName="absent")


def test_a_change_is_another_environment_and_one_at_a_time(function: Function) -> None:
    before = function.invoke()["payload"]["pid"]
    function.api.update_function_configuration(FunctionName="tried", Environment={"Variables": {"GREETING": "bye"}})
    with pytest.raises(ClientError, match="ResourceConflict"):
        function.api.update_function_configuration(FunctionName="tried", MemorySize=512)
    function.settled()
    cold = function.invoke()
    assert (cold["payload"]["GREETING"], cold["payload"]["pid"] != before) == ("bye", True)
    assert "Memory Size: 256 MB" in cold["log"]
    assert ["Init Duration" in each["log"] for each in (cold, function.invoke())] == [True, False]
    function.api.update_function_code(FunctionName="tried", ZipFile=packed(CODE.replace("hello'", "changed'")))
    function.settled()
    assert "changed" in function.invoke()["log"]


def test_layers_bring_modules(client: Callable[[str], Any]) -> None:
    modules = (
        {"nodejs/node_modules/one/index.js": "module.exports = 'first'", "nodejs/node_modules/two.js": "module.exports = 2"},
        {"nodejs/node_modules/one/index.js": "module.exports = 'over it'", "nodejs/node24/node_modules/three/index.mjs": "export default 3",
         "nodejs/node24/node_modules/three/package.json": '{"exports": "./index.mjs"}'},
    )  # fmt: skip
    api, arns = client("lambda"), []
    for number, files in enumerate(modules):
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        made = api.publish_layer_version(LayerName=f"layer{number}", Content={"ZipFile": content.getvalue()})
        arns.append(made["LayerVersionArn"])
    code = """
import { createRequire } from 'node:module'
import one from 'one'
import three from 'three'
export const handler = () => [one, createRequire(import.meta.url)('two'), three]
"""
    function = Function(client, "layered", packed(code), Layers=arns)
    assert function.invoke()["payload"] == ["over it", 2, 3]
    api.update_function_configuration(FunctionName="layered", Layers=[])
    function.settled()
    assert function.invoke()["payload"]["errorType"] == "Runtime.ImportModuleError"
    api.delete_function(FunctionName="layered")


def test_interfaces_outlive_the_function_for_a_while(client: Callable[[str], Any]) -> None:
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.30.0.0/24")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.30.0.0/25")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="f", Description="f", VpcId=vpc)["GroupId"]

    def found() -> list[dict[str, Any]]:
        where = [{"Name": "subnet-id", "Values": [subnet]}]
        return ec2.describe_network_interfaces(Filters=where)["NetworkInterfaces"]

    function = Function(client, "inside", packed(CODE), VpcConfig={"SubnetIds": [subnet], "SecurityGroupIds": [group]})
    assert function.created["VpcConfig"]["VpcId"] == vpc
    (interface,) = found()
    assert interface["Description"].startswith("AWS Lambda VPC ENI-inside-")
    assert (interface["InterfaceType"], interface["RequesterManaged"]) == ("lambda", True)
    function.api.delete_function(FunctionName="inside")
    assert found()
    deadline = time.monotonic() + 20
    while found():
        assert time.monotonic() < deadline
        time.sleep(0.2)
