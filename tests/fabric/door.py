"""A local cloud with a door into its data plane: `door.py PORT` serves the control plane on PORT and prints the address of an HTTP
server that sends each request on with localcloud.dataplane.route.send.

A request names its origin, region, host and port in X-Door-Origin, -Region, -Host, -Port. The answer has the hops so far in X-Door-Hops;
where no answer comes, it is a 599 whose body is the reason.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import signal
import socket
import sys
import threading
from typing import Any

import waitress
from aiohttp import web

from localcloud import record, server
from localcloud.dataplane.messages import Blocked, Broken, Request
from localcloud.dataplane.route import send

NO_ANSWER = 599


async def pass_on(request: web.Request) -> web.StreamResponse:
    told = {key: request.headers.get(f"X-Door-{key}", "") for key in ("Origin", "Region", "Host", "Port")}
    headers = [(key, value) for key, value in request.headers.items() if not key.startswith("X-Door-")]
    asked = Request(request.method, request.raw_path, headers, await request.read())
    try:
        answer = await send(told["Origin"], told["Region"], told["Host"], int(told["Port"]), asked)
    except Blocked as blocked:
        return web.Response(status=NO_ANSWER, text=blocked.reason, headers={"X-Door-Hops": shown(blocked.hops)})
    response = web.StreamResponse(status=answer.status)
    for key, value in answer.headers:
        response.headers.add(key, value)
    response.headers["X-Door-Hops"] = shown(answer.hops)
    await response.prepare(request)
    try:
        async for piece in answer.body:
            await response.write(piece)
    except Broken:
        if request.transport is not None:
            request.transport.abort()
        return response
    except BaseException:
        await answer.body.aclose()  # type: ignore[attr-defined]
        raise
    await response.write_eof()
    return response


def shown(hops: list[Any]) -> str:
    return json.dumps([dataclasses.asdict(hop) for hop in hops])


async def serve(listener: socket.socket) -> None:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", pass_on)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    await asyncio.Event().wait()


def main() -> None:
    door = socket.create_server(("127.0.0.1", 0))
    control = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    threading.Thread(target=lambda: asyncio.run(serve(door)), daemon=True).start()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    modules = server.prepare()
    serving = waitress.create_server(server.Application(record.Record()), sockets=[control], threads=server.THREADS)
    signal.signal(signal.SIGTERM, server.end)
    print(f"http://127.0.0.1:{door.getsockname()[1]}", flush=True)
    try:
        serving.run()
    finally:
        server.finish(modules)


if __name__ == "__main__":
    main()
