"""The local cloud without a server: boto3's clients talk to the application in this process."""

from __future__ import annotations

import functools
import io
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from localcloud import server
from localcloud.record import Record

_applications: list[server.Application] = []


def application() -> server.Application:
    if not _applications:
        server.prepare()
        _applications.append(server.Application(Record()))
    return _applications[0]


@functools.cache
def client(service: str, region: str = "us-east-1") -> Any:
    made = boto3.client(
        service,
        region_name=region,
        endpoint_url="http://localcloud",
        aws_access_key_id="localcloud",
        aws_secret_access_key="localcloud",
    )
    made.meta.events.register("before-send", send)
    return made


class Raw(io.BytesIO):
    def stream(self, **_options: Any) -> Any:
        yield self.read()


def send(request: Any, **_more: Any) -> AWSResponse:
    url = urlsplit(request.url)
    body = request.body or b""
    if hasattr(body, "read"):
        body = body.read()
    body = body.encode() if isinstance(body, str) else bytes(body)
    headers = {
        key: value.decode() if isinstance(value, bytes) else str(value) for key, value in request.headers.items()
    }
    environ = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": unquote(url.path),
        "RAW_URI": url.path,
        "QUERY_STRING": url.query,
        "SERVER_NAME": "localcloud",
        "HTTP_HOST": "localcloud",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "CONTENT_LENGTH": str(len(body)),
        **{f"HTTP_{key.upper().replace('-', '_')}": value for key, value in headers.items()},
    }
    if "Content-Type" in headers:
        environ["CONTENT_TYPE"] = headers["Content-Type"]
    caught: list[Any] = []

    def start(status: str, answered: list[tuple[str, str]], exc_info: Any = None) -> Any:
        caught[:] = [int(status.split()[0]), dict(answered)]

    content = b"".join(application()(environ, start))
    return AWSResponse(request.url, caught[0], caught[1], Raw(content))


def refused(code: str, words: str, call: Any, /, **parameters: Any) -> None:
    """The call is refused with this code, in a message that holds these words."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    assert words in error["Message"], error
