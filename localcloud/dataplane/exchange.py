"""What is known of a request on its way through an API: what `$context`, `$stageVariables` and `method.request` stand for.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

from __future__ import annotations

import base64
import datetime
import os
import re
import time
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from localcloud import ACCOUNT
from localcloud.dataplane.messages import Headers, Hop, Request

# In texts: a variable's name ends where a sentence or JSON goes on, so a dot, a colon or a hyphen alone is not part of it.
CONTEXT = re.compile(r"\$context((?:\.\w+(?:[:-]\w+)*)+)")
STAGE = re.compile(r"\$stageVariables\.(\w+)")
STAGE_IN_URI = re.compile(r"\$\{stageVariables\.(\w+)\}")


class Failure(Exception):
    """What API Gateway answers by itself, with a gateway response of this type.

    status: where it is another than the type's own; reason: why, for whoever looks at the local cloud.
    """

    def __init__(self, kind: str, message: str = "", *, status: int | None = None, reason: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.status = status
        self.reason = reason


@dataclass
class Exchange:
    """One request of a deployed stage. `picture` is what the stage serves, see localcloud.services.apigateway.picture()."""

    region: str
    api_id: str
    stage: str
    picture: dict[str, Any]
    request: Request
    path: str = "/"  # below the stage, as sent
    deployment_id: str = ""
    stage_variables: dict[str, str] = field(default_factory=dict)
    method_settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    access_log: dict[str, str] | None = None
    source_ip: str = "127.0.0.1"
    protocol: str = "HTTP/1.1"
    resource: str = ""
    method: dict[str, Any] = field(default_factory=dict)
    path_parameters: dict[str, str] = field(default_factory=dict)  # decoded
    claims: dict[str, str] | None = None
    told: dict[str, str] = field(default_factory=dict)  # further variables of $context, by their dotted names
    hops: list[Hop] = field(default_factory=list)
    began: float = field(default_factory=time.time)
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    extended_id: str = field(default_factory=lambda: base64.b64encode(os.urandom(11)).decode())
    trace_id: str = ""

    def __post_init__(self) -> None:
        self.trace_id = f"Root=1-{int(self.began):x}-{uuid.uuid4().hex[:24]}"

    @property
    def integration(self) -> dict[str, Any]:
        return self.method.get("methodIntegration") or {}

    @property
    def query(self) -> list[tuple[str, str]]:
        """Decoded, in the order in which it was sent."""
        return parse_qsl(self.request.target.partition("?")[2], keep_blank_values=True)

    @property
    def domain(self) -> str:
        return f"{self.api_id}.execute-api.{self.region}.amazonaws.com"

    @property
    def media_type(self) -> str:
        """Of the body; JSON where the client does not say, as API Gateway takes it."""
        sent = header(self.request.headers, "content-type") or "application/json"
        return sent.partition(";")[0].strip().lower()

    def context(self) -> dict[str, Any]:
        """`requestContext` of an event, and what `$context` holds.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html#api-gateway-simple-proxy-for-lambda-input-format
        """
        began = datetime.datetime.fromtimestamp(self.began, datetime.UTC)
        identity: dict[str, str | None] = dict.fromkeys(IDENTITY)
        identity["sourceIp"] = self.source_ip
        identity["userAgent"] = header(self.request.headers, "user-agent")
        found: dict[str, Any] = {
            "resourceId": self.picture.get("resource_ids", {}).get(self.resource, ""),
            "resourcePath": self.resource,
            "httpMethod": self.request.method,
            "extendedRequestId": self.extended_id,
            "requestTime": f"{began:%d/%b/%Y:%H:%M:%S +0000}",
            "path": f"/{self.stage}{self.path}",
            "accountId": ACCOUNT,
            "protocol": self.protocol,
            "stage": self.stage,
            "domainPrefix": self.api_id,
            "requestTimeEpoch": int(self.began * 1000),
            "requestId": self.request_id,
            "identity": identity,
            "domainName": self.domain,
            "deploymentId": self.deployment_id,
            "apiId": self.api_id,
        }
        if self.claims is not None:
            found["authorizer"] = {"claims": self.claims}
        return found

    def variable(self, name: str) -> str | None:
        """A variable of $context by its dotted name, as text; None where there is none."""
        if name in self.told:
            return self.told[name]
        if name.startswith("authorizer.claims."):
            return (self.claims or {}).get(name.removeprefix("authorizer.claims."))
        found: Any = self.context()
        for step in name.split("."):
            found = found.get(step) if isinstance(found, dict) else None
        return None if found is None or isinstance(found, dict) else str(found)

    def with_stage_variables(self, text: str) -> str:
        """A URI or an id in which ${stageVariables.name} stands.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/aws-api-gateway-stage-variables-reference.html
        """
        return STAGE_IN_URI.sub(lambda match: self.stage_variables.get(match[1], ""), text)


IDENTITY = (
    "cognitoIdentityPoolId", "accountId", "cognitoIdentityId", "caller", "sourceIp", "principalOrgId", "accessKey",
    "cognitoAuthenticationType", "cognitoAuthenticationProvider", "userArn", "userAgent", "user",
)  # fmt: skip


def header(headers: Headers, name: str) -> str | None:
    """The last value of a header: the one that API Gateway takes where there are several."""
    found = [value for key, value in headers if key.lower() == name]
    return found[-1] if found else None
