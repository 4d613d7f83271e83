"""A browser on the client app's pages, as far as the API sees it, and what the local cloud noted of its requests."""

from __future__ import annotations

import base64
import datetime
import http.client
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore

from .playbooks import Cloud

HOME = "us-east-1"
REGIONS = (HOME, "us-west-2")
PASSWORD = "Passw0rd!"
ORIGIN = "https://main.example.amplifyapp.com"


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def id(self) -> str:
        return str(self.headers["x-amzn-RequestId"])


@dataclass
class Line:
    """One object of an answer that streams, and when it came, in seconds of the machine's clock."""

    came: float
    said: dict[str, Any]

    @property
    def produced(self) -> float:
        """When the worker says that it made it."""
        return datetime.datetime.fromisoformat(self.said["created_at"][:26] + "+00:00").timestamp()


@dataclass
class Stream:
    """An answer that streams."""

    id: str
    lines: list[Line] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(line.said["message"]["content"] for line in self.lines)

    @property
    def whole(self) -> bool:
        """It ended with its end."""
        return [line.said["done"] for line in self.lines] == [False] * (len(self.lines) - 1) + [True]


def chat(question: str, **options: Any) -> dict[str, Any]:
    turns = [{"role": "user", "content": question}]
    return {"model": "orca-mini", "messages": turns, "stream": True, **({"options": options} if options else {})}


class Browser:
    """Asks as the client app's pages do: from another origin, with a token once there is one."""

    def __init__(self, cloud: Cloud, url: str) -> None:
        self.url = urlsplit(url)
        self.token = ""
        self.email = f"{uuid.uuid4().hex}@example.com"  # another user each time
        self.cognito = boto3.client(
            "cognito-idp",
            region_name=HOME,
            endpoint_url=f"http://127.0.0.1:{cloud.port}",
            config=botocore.config.Config(signature_version=botocore.UNSIGNED),
        )

    def send(
        self, method: str, path: str, body: Any, token: str | None, **headers: str
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        sent = {
            "Origin": ORIGIN,
            "Content-Type": "application/json",
            **{k.replace("_", "-"): v for k, v in headers.items()},
        }
        if token := self.token if token is None else token:
            sent["Authorization"] = f"Bearer {token}"
        connection = http.client.HTTPConnection(self.url.hostname or "", self.url.port, timeout=120)
        connection.request(method, self.url.path + path, None if body is None else json.dumps(body), sent)
        return connection, connection.getresponse()

    def ask(self, method: str, path: str, body: Any = None, token: str | None = None, **headers: str) -> Answer:
        """The answer, which a page of another origin must be able to read, whatever it is."""
        for _ in range(30):
            connection, answer = self.send(method, path, body, token, **headers)
            content = answer.read()
            connection.close()
            if answer.status != 429:  # the stage's throttling, which these tests are fast enough to meet
                break
            time.sleep(1)
        assert answer.headers["Access-Control-Allow-Origin"] == "*", (method, path, answer.status, content)
        return Answer(answer.status, answer.headers, content)

    def stream(self, path: str, body: Any, started: Any = None) -> Stream:
        """started: called with each line as it comes."""
        connection, answer = self.send("POST", path, body, None)
        assert (answer.status, answer.getheader("Content-Type")) == (200, "application/x-ndjson"), answer.read()
        assert answer.getheader("Access-Control-Allow-Origin") == "*"
        found = Stream(answer.headers["x-amzn-RequestId"])
        try:
            for text in iter(answer.readline, b""):
                found.lines.append(Line(time.time(), json.loads(text)))
                if started:
                    started(found)
        except (OSError, http.client.HTTPException):
            pass  # what has come is told; http.client does not always notice that the end is missing
        finally:
            connection.close()
        return found

    def preflight(self, path: str, method: str) -> Answer:
        wanted = {
            "Access_Control_Request_Method": method,
            "Access_Control_Request_Headers": "authorization,content-type",
        }
        return self.ask("OPTIONS", path, token="", **wanted)

    def sign_up(self, client: str) -> None:
        attributes = [{"Name": "name", "Value": "Traveller"}]
        self.cognito.sign_up(ClientId=client, Username=self.email, Password=PASSWORD, UserAttributes=attributes)

    def sign_in(self, client: str) -> dict[str, str]:
        given = {"USERNAME": self.email, "PASSWORD": PASSWORD}
        answer = self.cognito.initiate_auth(ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given)
        return dict(answer["AuthenticationResult"])

    @property
    def claims(self) -> dict[str, Any]:
        payload = self.token.split(".")[1]
        return dict(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))

    @property
    def uid(self) -> str:
        return str(self.claims["sub"])


def noted(cloud: Cloud, request_id: str) -> dict[str, Any]:
    """What the local cloud noted of a request, once its answer has ended."""
    for _ in range(200):
        if found := [each for each in cloud.control("journeys") if each["id"] == request_id]:
            return dict(found[0])
        time.sleep(0.05)
    raise AssertionError(f"{request_id} is not among the newest requests")


def way(cloud: Cloud, request_id: str) -> list[dict[str, Any]]:
    """The hops that it took."""
    return list(noted(cloud, request_id)["hops"])
