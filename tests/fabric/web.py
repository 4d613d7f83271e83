"""What an instance runs: `web.py ADDRESS PORT` answers /health, /web/who, /web/lines?count=&pace= (a line each pace seconds;
gate=FILE: after the first one it waits for the file), /web/silent (after a minute), and echoes /web/echo."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from aiohttp import web


async def health(_request: web.Request) -> web.Response:
    return web.Response(status=int(os.environ.get("HEALTH", "200")))


async def who(_request: web.Request) -> web.Response:
    return web.json_response({key: os.environ.get(key) for key in ("INSTANCE", "GREETING")} | {"pid": os.getpid()})


async def echo(request: web.Request) -> web.Response:
    body = await request.text()
    headers = [[key, value] for key, value in request.headers.items()]
    return web.json_response({"method": request.method, "target": request.raw_path, "headers": headers, "body": body})


async def silent(_request: web.Request) -> web.Response:
    await asyncio.sleep(60)
    return web.Response()


async def lines(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await answer.prepare(request)
    count, pace = int(request.query.get("count", "10")), float(request.query.get("pace", "0"))
    gate = request.query.get("gate")
    for number in range(count):
        await answer.write(json.dumps({"number": number, "pid": os.getpid()}).encode() + b"\n")
        await asyncio.sleep(pace)
        while gate and not Path(gate).exists():
            await asyncio.sleep(0.02)
    await answer.write_eof()
    return answer


def application() -> web.Application:
    made = web.Application()
    made.router.add_get("/health", health)
    made.router.add_get("/web/who", who)
    made.router.add_get("/web/lines", lines)
    made.router.add_get("/web/silent", silent)
    made.router.add_route("*", "/web/echo", echo)
    return made


if __name__ == "__main__":
    web.run_app(application(), host=sys.argv[1], port=int(sys.argv[2]), print=None, access_log=None)
