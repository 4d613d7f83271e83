"""Services that an account's policies refuse wholly, as those of learner accounts do: LOCALCLOUD_DENY=amplify,cognito-idp.

The names are botocore's. Read when the cloud starts.
"""

from __future__ import annotations

import os

from localcloud import protocol
from localcloud.rules import Call, Refusal, rule

SOURCE = "https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html"
# How a service calls it. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
CODES = {"ec2": "UnauthorizedOperation", "s3": "AccessDenied", "query": "AccessDenied", "rest-xml": "AccessDenied"}
# Services with JSON bodies answer 400 (https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/CommonErrors.html).
STATUS = {"json": 400}


def denied(listed: str) -> list[str]:
    services = [name.strip() for name in listed.split(",") if name.strip()]
    for service in services:
        if protocol.service_model(service) is None:
            raise ValueError(f"LOCALCLOUD_DENY names '{service}', which is no service; write it as botocore does")
    return services


def deny(call: Call) -> None:
    model = protocol.service_model(call.service)
    kind = str(model.protocol) if model else ""
    action = f"{call.service}:{call.operation}"
    raise Refusal(
        CODES.get(call.service) or CODES.get(kind, "AccessDeniedException"),
        f"User: arn:aws:sts::{call.account}:assumed-role/learner/session is not authorized to perform: {action} "
        f"because no identity-based policy allows the {action} action",
        STATUS.get(kind, 403),
    )


def install() -> None:
    for service in denied(os.environ.get("LOCALCLOUD_DENY", "")):
        model = protocol.service_model(service)
        assert model is not None
        rule(service, *model.operation_names, source=SOURCE)(deny)
