"""AWS's clients of a local cloud without a server in between: requests go straight to its WSGI application.

Clients(application).client("ec2", "us-east-1").describe_vpcs()
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote, urlsplit

import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.config import Config

HOST = "localcloud"


class Clients:
    """Clients that neither try again nor check parameters: that is the application's to do."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self.application = application
        self.session = botocore.session.Session()
        self.session.set_credentials("localcloud", "localcloud")
        self.clients: dict[tuple[str, str], Any] = {}

    def client(self, service: str, region: str = "us-east-1") -> Any:
        if (service, region) not in self.clients:
            made = self.session.create_client(
                service,
                region_name=region,
                endpoint_url=f"http://{HOST}",
                config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
            )
            made.meta.events.register("before-send", self.send)
            self.clients[service, region] = made
        return self.clients[service, region]

    def send(self, request: Any, **_more: Any) -> AWSResponse:
        url = urlsplit(request.url)
        body = request.body or b""
        body = body.read() if hasattr(body, "read") else body
        body = body.encode() if isinstance(body, str) else bytes(body)
        headers = {
            key: each.decode() if isinstance(each, bytes) else str(each) for key, each in request.headers.items()
        }
        environ = {
            "REQUEST_METHOD": request.method,
            "PATH_INFO": unquote(url.path),
            "RAW_URI": url.path,
            "QUERY_STRING": url.query,
            "SERVER_NAME": HOST,
            "HTTP_HOST": HOST,
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": headers.get("Content-Type", ""),
            **{f"HTTP_{key.upper().replace('-', '_')}": each for key, each in headers.items()},
        }
        answered: list[Any] = []

        def start(status: str, fields: list[tuple[str, str]], exc_info: Any = None) -> None:
            answered[:] = [int(status.split()[0]), dict(fields)]

        content = b"".join(self.application(environ, start))
        return AWSResponse(request.url, answered[0], answered[1], Raw(content))


class Raw(io.BytesIO):
    """A body as botocore reads one."""

    def stream(self, **_options: Any) -> Iterable[bytes]:
        yield self.read()
