"""The data plane's HTTP server: an event loop on a thread of the local cloud's process.

An API's stage is at http://127.0.0.1:PORT/execute-api/API/STAGE/…, from everywhere, and at
http://API.execute-api.REGION.localhost:PORT/STAGE/…, from browsers, which take every name below localhost for this machine.
At http://127.0.0.1:PORT/ is the status page.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import threading

from aiohttp import web
from multidict import CIMultiDict

from localcloud.dataplane.failures import pieces
from localcloud.dataplane.gateway import PAYLOAD_BYTES, Call, Gateway
from localcloud.dataplane.journeys import Journeys
from localcloud.dataplane.messages import Answer, Broken, Request
from localcloud.status.serving import Page

PREFIX = "/execute-api/"
HOST = re.compile(
    r"(?P<api>[a-z0-9]+)\.execute-api\.(?P<region>[a-z0-9-]+)\.(?:localhost|amazonaws\.com)(?::\d+)?", re.I
)
LINE_BYTES = 64 * 1024  # of a request's head: more than API Gateway takes, so that it is API Gateway that refuses
STOP_SECONDS = 10
log = logging.getLogger("localcloud")


class DataPlane:
    """Serves on a bound socket from start() to stop(). `endpoint`: the control plane's address, for functions."""

    def __init__(self, listener: socket.socket, endpoint: str, journeys: Journeys) -> None:
        self.listener = listener
        self.endpoint = endpoint
        self.journeys = journeys
        self.ready = threading.Event()
        self.fault: BaseException | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.over: asyncio.Event | None = None
        self.gateway: Gateway | None = None
        self.page = Page(endpoint, journeys)
        self.thread = threading.Thread(target=self.run, name="data plane", daemon=True)

    @property
    def url(self) -> str:
        host, port = self.listener.getsockname()[:2]
        return f"http://{host}:{port}"

    def start(self) -> None:
        self.thread.start()
        self.ready.wait()
        if self.fault:
            raise self.fault
        log.info("deployed APIs are served at %s%sAPI/STAGE/, the status page at %s/", self.url, PREFIX, self.url)

    def stop(self) -> None:
        if self.loop and self.over:
            self.loop.call_soon_threadsafe(self.over.set)
        self.thread.join(STOP_SECONDS)

    def run(self) -> None:
        try:
            asyncio.run(self.serve())
        except BaseException as error:  # whoever starts it hears of it
            self.fault = error
            log.exception("the data plane ended")
        finally:
            self.ready.set()

    async def serve(self) -> None:
        self.loop, self.over = asyncio.get_running_loop(), asyncio.Event()
        self.gateway = Gateway(self.endpoint, self.journeys)
        server = web.Server(
            self.handle,
            handler_cancellation=True,  # a client that goes away ends what is done for it
            access_log=None,
            auto_decompress=False,
            max_line_size=LINE_BYTES,
            max_field_size=LINE_BYTES,
        )
        runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=1)
        await runner.setup()
        await web.SockSite(runner, self.listener, backlog=1024).start()
        self.ready.set()
        try:
            await self.over.wait()
        finally:
            await runner.cleanup()
            await self.gateway.close()

    async def handle(self, incoming: web.BaseRequest) -> web.StreamResponse:
        assert self.gateway is not None
        call = await call_of(incoming)
        replies = Replies(incoming)
        if call is None:
            if self.page.has(incoming.path):
                return await self.page.answer(incoming)
            text = f'{{"message":"There is nothing here. APIs are at {PREFIX}API/STAGE/"}}'.encode()
            await replies.deliver(Answer(404, [("Content-Type", "application/json")], pieces(text)), False)
        else:
            try:
                await self.gateway.serve(call, replies.deliver)
            except Broken as broken:
                log.info("%s %s was cut off: %s", call.request.method, call.path, broken)
                if incoming.transport:
                    incoming.transport.abort()
        assert replies.response is not None
        return replies.response


class Replies:
    """Sends one answer to its client."""

    def __init__(self, incoming: web.BaseRequest) -> None:
        self.incoming = incoming
        self.response: web.StreamResponse | None = None

    async def deliver(self, answer: Answer, streams: bool) -> None:
        headers = CIMultiDict([*answer.headers, ("Server", "localcloud")])
        if not streams:
            content = b"".join([chunk async for chunk in answer.body])
            self.response = web.Response(status=answer.status, headers=headers, body=content)
            if len(content) and not self.incoming.content.is_eof():
                self.response.force_close()  # the rest of a body that was too large is not read
            await self.response.prepare(self.incoming)
            await self.response.write_eof()
            return
        self.response = web.StreamResponse(status=answer.status, headers=headers)
        await self.response.prepare(self.incoming)
        async for chunk in answer.body:
            await self.response.write(chunk)
        await self.response.write_eof()


async def call_of(incoming: web.BaseRequest) -> Call | None:
    """What a request is for; None where its address is not that of an API."""
    target = incoming.raw_path
    path = target.partition("?")[0]
    region = None
    if found := HOST.fullmatch(incoming.headers.get("Host", "")):
        api_id, region, rest = found["api"].lower(), found["region"].lower(), path.lstrip("/")
    elif path.startswith(PREFIX):
        api_id, _, rest = path.removeprefix(PREFIX).partition("/")
    else:
        return None
    stage, slash, below = rest.partition("/")
    headers = [(name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in incoming.raw_headers]
    request = Request(incoming.method, target, headers, await body_of(incoming))
    peer = incoming.transport.get_extra_info("peername") if incoming.transport else None
    version = incoming.version
    return Call(
        request,
        api_id,
        stage,
        slash + below,
        region,
        source_ip=peer[0] if peer else "127.0.0.1",
        protocol=f"HTTP/{version.major}.{version.minor}",
    )


async def body_of(incoming: web.BaseRequest) -> bytes:
    """The body, read until it is larger than API Gateway takes."""
    if incoming.headers.get("Expect", "").lower() == "100-continue" and incoming.transport:
        incoming.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    content = bytearray()
    async for chunk in incoming.content.iter_any():
        content += chunk
        if len(content) > PAYLOAD_BYTES:
            break
    return bytes(content)
