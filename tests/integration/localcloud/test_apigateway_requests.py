"""Requests to deployed APIs of a running local cloud: resources, callers, integrations, errors, and that only what is deployed counts."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import socket
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import botocore
import pytest

from ..playbooks import Cloud

REGION = "us-east-1"
ROLE = "arn:aws:iam::123456789012:role/LabRole"
PASSWORD = "Passw0rd!"
LOG_GROUP = "/aws/apigateway/notes"
LOG_FORMAT = {
    "id": "$context.requestId",
    "user": "$context.authorizer.claims.sub",
    "resource": "$context.resourcePath",
    "path": "$context.path",
    "status": "$context.status",
    "length": "$context.responseLength",
    "type": "$context.error.responseType",
    "why": "$context.integrationErrorMessage",
}
ECHO = """
export const handler = async (event) => {
  const how = event.queryStringParameters?.how
  if (how === 'throw') throw new Error('on purpose')
  if (how === 'slow') await new Promise((resolve) => setTimeout(resolve, 3000))
  if (how === 'malformed') return { statusCode: 200, data: 'no' }
  if (how === 'base64') return { statusCode: 200, isBase64Encoded: true, headers: { 'Content-Type': 'image/png' }, body: 'iVBORw0K' }
  return {
    statusCode: 201,
    headers: { 'Access-Control-Allow-Origin': '*', Server: 'mine' },
    multiValueHeaders: { 'Set-Cookie': ['a=1', 'b=2'] },
    body: JSON.stringify(event)
  }
}
"""
CORS = {"Access-Control-Allow-Origin": "'*'", "Access-Control-Allow-Headers": "'Authorization,Content-Type'"}


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes
    cookies: list[str] = field(default_factory=list)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Backend:
    """An HTTP server of the internet, so to say: it tells what it got, slowly where it is asked to."""

    def __init__(self) -> None:
        backend = self
        self.got: list[dict[str, Any]] = []
        self.go = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                backend.got.append({"path": self.path, "headers": dict(self.headers), "body": body.decode()})
                self.send_response(200)
                self.send_header("Content-Type", "application/x-ndjson")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.piece(b'{"n":1}\n')
                if "wait" in self.path:
                    backend.go.wait(20)
                if "break" in self.path:
                    self.close_connection = True
                    return
                self.piece(b'{"n":2}\n')
                self.piece(b"")

            def piece(self, content: bytes) -> None:
                with contextlib.suppress(OSError):
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                """Whoever gave up waiting for an answer is no fault."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.go.set()
        self.server.shutdown()
        self.server.server_close()


def mock(status: int, template: str | None = None) -> dict[str, Any]:
    response: dict[str, Any] = {
        "statusCode": str(status),
        "responseParameters": {f"method.response.header.{name}": value for name, value in CORS.items()},
    }
    if template:
        response["responseTemplates"] = {"application/json": template}
    return {
        "responses": {
            str(status): {"description": "", "headers": {name: {"schema": {"type": "string"}} for name in CORS}}
        },
        "x-amazon-apigateway-integration": {
            "type": "mock",
            "passthroughBehavior": "when_no_templates",
            "requestTemplates": {"application/json": f'{{"statusCode": {status}}}'},
            "responses": {"default": response},
        },
    }


def document(pool: str, function: str, backend: int) -> dict[str, Any]:
    def path(name: str) -> dict[str, Any]:
        return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}

    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations"
    invoked = {"type": "aws_proxy", "httpMethod": "POST", "uri": uri, "timeoutInMillis": 2000}
    secured: dict[str, Any] = {"security": [{"users": []}], "responses": {"200": {"description": ""}}}

    def proxied(**more: Any) -> dict[str, Any]:
        return {
            "parameters": [path("proxy"), {"name": "X-Kind", "in": "header", "schema": {"type": "string"}}],
            "responses": {"200": {"description": ""}},
            "x-amazon-apigateway-integration": {
                "type": "http_proxy",
                "httpMethod": "POST",
                "uri": f"http://127.0.0.1:{backend}/api/{{proxy}}?fixed=1",
                "requestParameters": {
                    "integration.request.path.proxy": "method.request.path.proxy",
                    "integration.request.querystring.kind": "method.request.header.X-Kind",
                    "integration.request.header.X-Caller": "context.apiId",
                    "integration.request.header.X-Fixed": "'always'",
                },
                **more,
            },
        }

    preflight = mock(204)
    return {
        "openapi": "3.0.1",
        "info": {"title": "notes", "version": "1"},
        "x-amazon-apigateway-binary-media-types": ["image/png"],
        "paths": {
            "/hello": {
                "get": mock(200, '{"hello": "$context.httpMethod", "to": "$stageVariables.who"}'),
                "options": preflight,
            },
            "/notes/{id}": {
                "parameters": [path("id")],
                "get": {**secured, "x-amazon-apigateway-integration": invoked},
                "options": preflight,
            },
            "/notes/all": {"get": mock(200, '{"literal": true}')},
            "/echo/{proxy+}": {
                "parameters": [path("proxy")],
                "x-amazon-apigateway-any-method": {
                    "responses": {"200": {"description": ""}},
                    "x-amazon-apigateway-integration": invoked,
                },
            },
            "/scoped": {
                "get": {
                    "security": [{"users": ["notes/read"]}],
                    "responses": {"200": {"description": ""}},
                    "x-amazon-apigateway-integration": invoked,
                }
            },
            "/stream/{proxy+}": {"post": proxied(responseTransferMode="STREAM", timeoutInMillis=60000)},
            "/whole/{proxy+}": {"post": proxied(timeoutInMillis=1000)},
        },
        "components": {
            "securitySchemes": {
                "users": {
                    "type": "apiKey",
                    "name": "Authorization",
                    "in": "header",
                    "x-amazon-apigateway-authtype": "cognito_user_pools",
                    "x-amazon-apigateway-authorizer": {"type": "cognito_user_pools", "providerARNs": [pool]},
                }
            }
        },
        "x-amazon-apigateway-gateway-responses": {
            kind: {
                **({"statusCode": status} if status else {}),
                "responseParameters": {f"gatewayresponse.header.{name}": value for name, value in CORS.items()},
                "responseTemplates": {
                    "application/json": '{"status": "error", "message": $context.error.messageString}'
                },
            }
            for kind, status in (("DEFAULT_4XX", None), ("DEFAULT_5XX", None), ("MISSING_AUTHENTICATION_TOKEN", 404))
        },
    }


class Notes:
    """An API, its users and its function, deployed as stage v1."""

    def __init__(self, cloud: Cloud, client: Callable[[str], Any], backend: Backend) -> None:
        self.cloud, self.backend = cloud, backend
        self.api, self.cognito, self.functions, self.logs = map(client, ("apigateway", "cognito-idp", "lambda", "logs"))
        self.pool = self.cognito.create_user_pool(PoolName="notes", UsernameAttributes=["email"])["UserPool"]
        self.user_client = self.make_client(self.pool["Id"])
        self.function = self.make_function()
        made = self.api.import_rest_api(body=json.dumps(document(self.pool["Arn"], self.function, backend.port)))
        self.id = made["id"]
        self.permit()
        self.logs.create_log_group(logGroupName=LOG_GROUP)
        client("apigateway").update_account(
            patchOperations=[{"op": "replace", "path": "/cloudwatchRoleArn", "value": ROLE}]
        )
        self.deploy(variables={"who": "you"})
        log = {
            "destinationArn": f"arn:aws:logs:{REGION}:123456789012:log-group:{LOG_GROUP}",
            "format": json.dumps(LOG_FORMAT),
        }
        self.patch_stage(*((f"/accessLogSettings/{name}", value) for name, value in log.items()))

    def make_client(self, pool: str) -> str:
        flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
        made = self.cognito.create_user_pool_client(UserPoolId=pool, ClientName="web", ExplicitAuthFlows=flows)
        return str(made["UserPoolClient"]["ClientId"])

    def make_function(self) -> str:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("index.mjs", ECHO)
        made = self.functions.create_function(
            FunctionName="notes", Code={"ZipFile": content.getvalue()}, Runtime="nodejs24.x", Role=ROLE,
            Handler="index.handler", MemorySize=256, Timeout=10,
        )  # fmt: skip
        waiter = self.functions.get_waiter("function_active_v2")
        waiter.config.delay = 0.1
        waiter.wait(FunctionName="notes")
        return str(made["FunctionArn"])

    def permit(self) -> None:
        self.functions.add_permission(
            FunctionName="notes", StatementId="api", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:{REGION}:123456789012:{self.id}/*/*",
        )  # fmt: skip

    def deploy(self, **options: Any) -> None:
        self.api.create_deployment(restApiId=self.id, stageName="v1", **options)

    def patch_stage(self, *changes: tuple[str, str]) -> None:
        operations = [{"op": "replace", "path": path, "value": value} for path, value in changes]
        self.api.update_stage(restApiId=self.id, stageName="v1", patchOperations=operations)

    def sign_in(self, email: str, pool: str | None = None, app: str | None = None) -> dict[str, str]:
        """The tokens of a user who signed up by themselves and was confirmed."""
        browser = boto3.client(
            "cognito-idp",
            region_name=REGION,
            endpoint_url=f"http://127.0.0.1:{self.cloud.port}",
            config=botocore.config.Config(signature_version=botocore.UNSIGNED),
        )
        app = app or self.user_client
        browser.sign_up(ClientId=app, Username=email, Password=PASSWORD)
        self.cognito.admin_confirm_sign_up(UserPoolId=pool or self.pool["Id"], Username=email)
        given = {"USERNAME": email, "PASSWORD": PASSWORD}
        answer = browser.initiate_auth(ClientId=app, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given)
        return dict(answer["AuthenticationResult"])

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """Names of headers with underscores for hyphens; Host is by address unless it is given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.cloud.port + 1, timeout=30)
        target = path if "Host" in headers else f"/execute-api/{self.id}/v1{path}"
        connection.request(method, target, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return Reply(
            answer.status,
            {k.lower(): v for k, v in answer.getheaders()},
            content,
            answer.msg.get_all("Set-Cookie") or [],
        )

    def logged(self, request_id: str) -> dict[str, Any]:
        """The access log's line of a request, which is written behind the answer."""
        for _ in range(200):
            events = self.logs.filter_log_events(logGroupName=LOG_GROUP)["events"]
            lines = [json.loads(each["message"]) for each in events]
            if found := [line for line in lines if line["id"] == request_id]:
                return dict(found[0])
            time.sleep(0.05)
        raise AssertionError(f"{request_id} is not in the log")


@pytest.fixture(scope="module")
def notes(service_cloud: Cloud, client: Callable[[str], Any]) -> Iterator[Notes]:
    backend = Backend()
    yield Notes(service_cloud, client, backend)
    backend.close()


@pytest.fixture(scope="module")
def user(notes: Notes) -> dict[str, str]:
    return notes.sign_in("user@example.com")


def test_a_mock_answers_by_both_addresses_with_its_templates(notes: Notes) -> None:
    for answer in (
        notes.ask("GET", "/hello"),
        notes.ask("GET", "/hello/"),
        notes.ask("GET", "/v1/hello", Host=f"{notes.id}.execute-api.{REGION}.localhost:{notes.cloud.port + 1}"),
    ):
        assert (answer.status, answer.json) == (200, {"hello": "GET", "to": "you"})
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["x-amzn-requestid"]
    assert notes.ask("GET", "/hello", Content_Type="text/plain").status == 415
    assert notes.ask("GET", "/v1/hello", Host=f"{notes.id}.execute-api.eu-west-1.localhost").json == {
        "message": "Forbidden"
    }
    assert notes.ask("GET", "/v2/hello", Host=f"{notes.id}.execute-api.{REGION}.localhost").status == 403


def test_a_preflight_needs_no_token(notes: Notes) -> None:
    for path in ("/hello", "/notes/1"):
        answer = notes.ask("OPTIONS", path, Origin="https://example.com", Access_Control_Request_Method="GET")
        assert (answer.status, answer.body) == (204, b"")
        assert answer.headers["access-control-allow-headers"] == "Authorization,Content-Type"


def test_an_unknown_path_is_answered_by_its_gateway_response(notes: Notes) -> None:
    for method, path in (("GET", "/nothing"), ("POST", "/hello"), ("GET", "/"), ("GET", "/notes"), ("GET", "/echo/")):
        answer = notes.ask(method, path)
        assert (answer.status, answer.json["status"]) == (404, "error"), path
        assert answer.json["message"] == "Missing Authentication Token"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"


def test_a_literal_step_goes_before_a_variable(notes: Notes) -> None:
    assert notes.ask("GET", "/notes/all").json == {"literal": True}
    assert notes.ask("GET", "/notes/other").status == 401


def test_a_signed_in_user_reaches_the_function(notes: Notes, user: dict[str, str]) -> None:
    for value in (user["IdToken"], f"Bearer {user['IdToken']}"):
        answer = notes.ask("GET", "/notes/a%20b?x=1&x=2&empty=", Authorization=value, X_Mine="yes")
        assert answer.status == 201
        assert answer.cookies == ["a=1", "b=2"]
        assert answer.headers["x-amzn-remapped-server"] == "mine"
        assert answer.headers["content-type"] == "application/json"
    event = answer.json
    assert (event["resource"], event["path"], event["httpMethod"]) == ("/notes/{id}", "/notes/a%20b", "GET")
    assert event["pathParameters"] == {"id": "a b"}
    assert event["queryStringParameters"] == {"x": "2", "empty": ""}
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"], "empty": [""]}
    assert event["headers"]["X-Mine"] == "yes"
    assert event["multiValueHeaders"]["X-Mine"] == ["yes"]
    assert (event["body"], event["isBase64Encoded"]) == (None, False)
    assert event["stageVariables"] == {"who": "you"}
    context = event["requestContext"]
    assert (context["apiId"], context["stage"], context["path"]) == (notes.id, "v1", "/v1/notes/a%20b")
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    claims = context["authorizer"]["claims"]
    assert (claims["email"], claims["token_use"], claims["aud"]) == ("user@example.com", "id", notes.user_client)
    assert claims["exp"].endswith(f"UTC {time.gmtime().tm_year}")

    line = notes.logged(answer.headers["x-amzn-requestid"])
    assert line == {
        "id": context["requestId"], "user": claims["sub"], "resource": "/notes/{id}", "path": "/v1/notes/a%20b",
        "status": "201", "length": str(len(answer.body)), "type": "-", "why": "-",
    }  # fmt: skip
    journey = next(each for each in notes.cloud.control("journeys") if each["id"] == context["requestId"])
    assert [(hop["kind"], hop["name"], hop["outcome"]) for hop in journey["hops"]] == [("function", "notes", "ok")]
    assert "x=1" not in json.dumps(journey)


def test_others_are_refused_with_cors(notes: Notes, user: dict[str, str]) -> None:
    other = notes.cognito.create_user_pool(PoolName="others", UsernameAttributes=["email"])["UserPool"]["Id"]
    foreign = notes.sign_in("user@example.com", other, notes.make_client(other))
    head, body, signature = user["IdToken"].split(".")
    forged = ".".join([head, body, ("A" if signature[0] != "A" else "B") + signature[1:]])
    for value in (None, "nonsense", forged, foreign["IdToken"], user["AccessToken"], "Bearer "):
        answer = notes.ask("GET", "/notes/1", None, **({} if value is None else {"Authorization": value}))
        assert (answer.status, answer.json) == (401, {"status": "error", "message": "Unauthorized"}), value
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["x-amzn-errortype"] == "UnauthorizedException"
    # An access token is for methods with scopes; the users' own scope is none of them.
    assert notes.ask("GET", "/scoped", Authorization=user["IdToken"]).status == 401
    assert (
        "none of the scopes"
        in notes.ask("GET", "/scoped", Authorization=user["AccessToken"]).headers["x-localcloud-reason"]
    )


def test_a_function_that_fails_is_an_error_of_the_gateway(notes: Notes) -> None:
    for how, status, message in (
        ("throw", 502, "Internal server error"),
        ("malformed", 502, "Internal server error"),
        ("slow", 504, "Endpoint request timed out"),
    ):
        answer = notes.ask("POST", f"/echo/x?how={how}")
        assert (answer.status, answer.json["message"]) == (status, message), how
        assert answer.headers["access-control-allow-origin"] == "*"
    line = notes.logged(answer.headers["x-amzn-requestid"])
    assert (line["type"], line["why"]) == ("INTEGRATION_TIMEOUT", "notes did not answer in 2 s")


def test_bodies_are_text_unless_their_type_is_binary(notes: Notes) -> None:
    text = notes.ask("POST", "/echo/a/b", '{"ü": 1}'.encode(), Content_Type="application/json").json
    assert (text["body"], text["isBase64Encoded"]) == ('{"ü": 1}', False)
    assert text["pathParameters"] == {"proxy": "a/b"}
    image = notes.ask("POST", "/echo/a", b"\x89PNG", Content_Type="image/png").json
    assert (image["body"], image["isBase64Encoded"]) == ("iVBORw==", True)
    assert notes.ask("GET", "/echo/a?how=base64", Accept="image/png").body == b"\x89PNG\r\n"
    assert notes.ask("GET", "/echo/a?how=base64").body == b"iVBORw0K"
    large = notes.ask("POST", "/echo/a", b"x" * (10 * 1024 * 1024 + 1))
    assert (large.status, large.headers["access-control-allow-origin"]) == (413, "*")


def test_a_client_that_asks_first_may_send_its_body(notes: Notes) -> None:
    with socket.create_connection(("127.0.0.1", notes.cloud.port + 1), timeout=30) as client:
        head = f"POST /execute-api/{notes.id}/v1/echo/a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
        client.sendall(f"{head}Connection: close\r\nExpect: 100-continue\r\n\r\n".encode())
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"body")
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 201 ")
    assert b'"body":"body"' in answer


def test_a_function_is_only_invoked_where_it_permits_it(notes: Notes) -> None:
    notes.functions.remove_permission(FunctionName="notes", StatementId="api")
    try:
        refused = notes.ask("GET", "/echo/a")
    finally:
        notes.permit()
    assert (refused.status, refused.json["message"]) == (500, "Internal server error")
    assert "does not permit" in refused.headers["x-localcloud-reason"]
    assert notes.ask("GET", "/echo/a").status == 201


def test_a_request_is_mapped_and_its_answer_streams(notes: Notes) -> None:
    notes.backend.go.clear()
    connection = http.client.HTTPConnection("127.0.0.1", notes.cloud.port + 1, timeout=30)
    target = f"/execute-api/{notes.id}/v1/stream/wait/a%20b?y=%2F"
    connection.request("POST", target, b"question", {"X-Kind": "chat", "Authorization": "kept", "User-Agent": "me"})
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Content-Type")) == (200, "application/x-ndjson")
    assert answer.readline() == b'{"n":1}\n'  # the backend waits until it is told to go on
    notes.backend.go.set()
    assert answer.read() == b'{"n":2}\n'
    connection.close()

    got = notes.backend.got[-1]
    assert (got["path"], got["body"]) == ("/api/wait/a%20b?fixed=1&y=%2F&kind=chat", "question")
    sent = {name.lower(): value for name, value in got["headers"].items()}
    assert sent["host"] == f"127.0.0.1:{notes.backend.port}"
    assert (sent["x-caller"], sent["x-fixed"], sent["x-forwarded-for"]) == (notes.id, "always", "127.0.0.1")
    assert (sent["authorization"], sent["user-agent"], sent["x-kind"]) == ("kept", "me", "chat")


def test_a_stream_that_breaks_off_does_not_look_whole(notes: Notes) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", notes.cloud.port + 1, timeout=30)
    connection.request("POST", f"/execute-api/{notes.id}/v1/stream/break", b"")
    answer = connection.getresponse()
    assert answer.status == 200
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        answer.read()
    connection.close()
    identity = answer.headers["x-amzn-requestid"]
    assert notes.logged(identity)["why"].startswith("the stream broke")
    journey = next(each for each in notes.cloud.control("journeys") if each["id"] == identity)
    assert journey["reason"].startswith("the stream broke")
    whole = notes.ask("POST", "/whole/break", b"")
    assert (whole.status, whole.json["message"]) == (504, "Network error communicating with endpoint")


def test_a_whole_answer_is_awaited_no_longer_than_its_timeout(notes: Notes) -> None:
    assert notes.ask("POST", "/whole/now", b"").body == b'{"n":1}\n{"n":2}\n'
    notes.backend.go.clear()
    late = notes.ask("POST", "/whole/wait", b"")
    notes.backend.go.set()
    assert (late.status, late.json["message"]) == (504, "Endpoint request timed out")


def test_an_endpoint_that_is_not_there_fails(notes: Notes, client: Callable[[str], Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    api = client("apigateway")
    made = api.import_rest_api(body=json.dumps(document(notes.pool["Arn"], notes.function, port)))["id"]
    api.create_deployment(restApiId=made, stageName="v1")
    host = f"{made}.execute-api.{REGION}.localhost"
    answer = notes.ask("POST", "/v1/stream/x", b"", Host=host)
    assert (answer.status, answer.json["message"]) == (504, "Network error communicating with endpoint")
    api.delete_rest_api(restApiId=made)
    assert notes.ask("POST", "/v1/stream/x", b"", Host=host).status == 403


def test_only_what_is_deployed_counts(notes: Notes) -> None:
    resources = {each["path"]: each["id"] for each in notes.api.get_resources(restApiId=notes.id, limit=500)["items"]}
    method = {"restApiId": notes.id, "resourceId": resources["/hello"], "httpMethod": "GET"}
    notes.api.put_integration_response(**method, statusCode="200", responseTemplates={"application/json": '{"new": 1}'})
    assert notes.ask("GET", "/hello").json == {"hello": "GET", "to": "you"}
    notes.deploy()
    assert notes.ask("GET", "/hello").json == {"new": 1}
    notes.api.delete_method(restApiId=notes.id, resourceId=resources["/notes/all"], httpMethod="GET")
    assert notes.ask("GET", "/notes/all").json == {"literal": True}
    notes.deploy()
    assert notes.ask("GET", "/notes/all").status == 404


def test_a_stage_takes_no_more_than_its_rate(notes: Notes) -> None:
    notes.patch_stage(("/~1hello/GET/throttling/burstLimit", "0"), ("/~1hello/GET/throttling/rateLimit", "0"))
    answer = notes.ask("GET", "/hello")
    assert (answer.status, answer.json["message"]) == (429, "Too Many Requests")
    assert notes.ask("OPTIONS", "/hello").status == 204
