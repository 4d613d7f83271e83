"""Access logs: a line a request, in the stage's own format, in the group that it names.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from concurrent.futures import ThreadPoolExecutor

from moto.logs.models import logs_backends

from localcloud import ACCOUNT
from localcloud.dataplane.exchange import CONTEXT, Exchange

GROUP = re.compile(r"arn:aws[a-z-]*:logs:(?P<region>[a-z0-9-]+):\d{12}:log-group:(?P<name>[^:]+)(:\*)?")
QUOTED = "error.messageString"  # has its quotes already
log = logging.getLogger("localcloud")


class AccessLogs:
    """Writes on a thread of its own, one line after the other: nobody waits for a log."""

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(1, "access log")

    def close(self) -> None:
        self.thread.shutdown(wait=True)

    def write(self, exchange: Exchange) -> None:
        settings = exchange.access_log or {}
        found = GROUP.fullmatch(settings.get("destinationArn") or "")
        if found and settings.get("format"):
            stream = hashlib.md5(f"{exchange.api_id}/{exchange.stage}".encode(), usedforsecurity=False).hexdigest()
            self.thread.submit(put, found["region"], found["name"], stream, line(settings["format"], exchange))


def line(form: str, exchange: Exchange) -> str:
    """A variable that has no value is a hyphen."""

    def value(match: re.Match[str]) -> str:
        name = match[1].lstrip(".")
        found = exchange.variable(name)
        if found is None:
            return "-"
        return found if name == QUOTED else json.dumps(found, ensure_ascii=False)[1:-1]

    return CONTEXT.sub(value, form)


def put(region: str, group: str, stream: str, text: str) -> None:
    try:
        logs = logs_backends[ACCOUNT][region]
        if group not in logs.groups:  # deleted since: API Gateway does not make it again
            return
        if stream not in logs.groups[group].streams:
            logs.create_log_stream(group, stream)
        logs.put_log_events(group, stream, [{"timestamp": int(time.time() * 1000), "message": text}])
    except Exception:  # a line that cannot be written must not end the writing of others
        log.exception("access log %s", group)
