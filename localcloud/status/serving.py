"""Serves the page at the data plane's address, its files and its JSON below /_localcloud/status/.

    state       what is deployed and how it fares
    requests    the newest requests and their hops

Both are made on a thread when somebody asks, kept for a second, and sent again only when they differ from what the browser has.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import json
import logging
import math
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from localcloud.dataplane.journeys import Journeys
from localcloud.dataplane.picture import PICTURES
from localcloud.status import described, reports
from localcloud.status.state import state

FOLDER = Path(__file__).with_name("page")
PREFIX = "/_localcloud/status/"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
SHOWN_REQUESTS = 100
KEPT_SECONDS = 1.0
RECENT_SECONDS = 2.0  # how old the picture may be while the control plane keeps changing
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' {control}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": "no-cache",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "localcloud",
    "X-Content-Type-Options": "nosniff",
}
log = logging.getLogger("localcloud")


class Kept:
    """A JSON text that is made anew, on one thread however many ask, when it is older than a second. To be used on one event loop."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make
        self.lock = asyncio.Lock()
        self.at = -math.inf
        self.text = b""
        self.tag = ""

    async def current(self) -> tuple[bytes, str]:
        async with self.lock:
            if time.monotonic() - self.at > KEPT_SECONDS:
                self.text = await asyncio.to_thread(lambda: json.dumps(self.make()).encode())
                self.tag = f'"{hashlib.sha256(self.text).hexdigest()[:32]}"'
                self.at = time.monotonic()
            return self.text, self.tag


class Page:
    """endpoint: the control plane's address. A browser signs in there, by the name of this machine that it opened the page with."""

    def __init__(self, endpoint: str, journeys: Journeys) -> None:
        self.port = urlsplit(endpoint).port
        self.files = {each.name: each for each in FOLDER.iterdir() if each.suffix in TYPES}
        self.texts = {
            "state": Kept(lambda: {"control": self.port, **state(PICTURES.recent(RECENT_SECONDS), described.read())}),
            "requests": Kept(lambda: reports.requests(journeys.newest(SHOWN_REQUESTS))),
        }

    def has(self, path: str) -> bool:
        return path == "/" or path.startswith(PREFIX)

    async def answer(self, incoming: web.BaseRequest) -> web.Response:
        name = incoming.path.removeprefix(PREFIX) if incoming.path != "/" else "index.html"
        host = own_name(incoming.headers.get("Host", ""))
        headers = {**HEADERS, "Content-Security-Policy": POLICY.format(control=f"http://{host}:{self.port}")}
        if not host:
            return said(421, "This page is for whoever sits at this machine: open it by its address.")
        if incoming.method not in ("GET", "HEAD"):
            return said(405, "This page can only be read.")
        if name in self.files:
            file = self.files[name]
            content = await asyncio.to_thread(file.read_bytes)
            return web.Response(body=content, content_type=TYPES[file.suffix], charset="utf-8", headers=headers)
        if name not in self.texts:
            return said(404, "There is no such part of the page.")
        try:
            text, tag = await self.texts[name].current()
        except Exception:  # a fault here must not take the data plane with it, nor be hidden
            log.exception("the status page's %s", name)
            return said(500, "The local cloud could not describe itself; its log says why.")
        headers["ETag"] = tag
        if incoming.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=text, content_type="application/json", headers=headers)


def said(status: int, message: str) -> web.Response:
    return web.json_response({"message": message}, status=status, headers=HEADERS)


def own_name(host: str) -> str:
    """The name in a Host header where it is an address, or this machine's own; any other may be somebody else's that leads here.

    https://developer.mozilla.org/en-US/docs/Glossary/DNS_rebinding
    """
    name = re.sub(r":\d*$", "", host.lower())
    if name == "localhost" or re.fullmatch(r"([a-z0-9-]+\.)+localhost", name):
        return name
    try:
        ipaddress.ip_address(name[1:-1] if name.startswith("[") and name.endswith("]") else name)
    except ValueError:
        return ""
    return name
