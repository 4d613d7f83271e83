"""The last hop: HTTP to a process, whose answer streams on as it comes. One client an event loop, with connections kept open."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
import yarl
from multidict import CIMultiDict

from localcloud.dataplane.clock import CLOCK
from localcloud.dataplane.messages import Answer, Broken, Headers, Request

CONNECT_SECONDS = (
    10.0  # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
)
KEEP_SECONDS = 30.0
# What is said about one connection and not about the message: https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1
OF_A_CONNECTION = frozenset(
    ("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade")
)
# What the client would add by itself.
NOTHING_ADDED = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")


class Failed(Exception):
    """No answer: the connection was refused, or closed before the answer's head. Its text says which."""


@dataclass(frozen=True)
class Patience:
    """Who closes a connection on which nothing moves for so many seconds."""

    seconds: float
    who: str

    @property
    def lasts(self) -> float:
        return CLOCK.lasts(self.seconds)


class Idle(Exception):
    """Nothing came for as long as one of those in between waits."""

    def __init__(self, patience: Patience) -> None:
        super().__init__(f"{patience.who} closes connections that are idle for {patience.seconds:g} s")
        self.patience = patience


class Body:
    """The rest of an answer, piece by piece as it arrives."""

    def __init__(self, response: aiohttp.ClientResponse, patience: Patience | None, name: str) -> None:
        self.response = response
        self.patience = patience
        self.name = name
        self.ending: list[Callable[[], None]] = []
        self.ended = False

    def at_end(self, what: Callable[[], None]) -> None:
        """Called once, however the body ends."""
        self.ending.append(what)

    def __aiter__(self) -> Body:
        return self

    async def __anext__(self) -> bytes:
        if self.ended:
            raise StopAsyncIteration
        try:
            async with asyncio.timeout(self.patience.lasts if self.patience else None):
                piece = await self.response.content.readany()
        except TimeoutError:
            self.end(close=True)
            assert self.patience is not None
            raise Broken(str(Idle(self.patience))) from None
        except aiohttp.ClientError as error:
            self.end(close=True)
            raise Broken(f"{self.name} closed the connection before the answer's end") from error
        except BaseException:
            self.end(close=True)
            raise
        if not piece:
            self.end(close=False)
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        self.end(close=True)

    def end(self, *, close: bool) -> None:
        if self.ended:
            return
        self.ended = True
        if close:
            self.response.close()
        else:
            self.response.release()
        for what in self.ending:
            what()


class Sessions:
    """A client belongs to the event loop that made it."""

    def __init__(self) -> None:
        self.made: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, aiohttp.ClientSession] = (
            weakref.WeakKeyDictionary()
        )

    def get(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        session = self.made.get(loop)
        if session is None:
            session = self.made[loop] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_SECONDS),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return session

    async def close(self) -> None:
        """Of the running loop."""
        session = self.made.pop(asyncio.get_running_loop(), None)
        if session is not None:
            await session.close()


SESSIONS = Sessions()


def of_the_message(headers: Headers) -> Headers:
    """Without what is said about the connection alone, by its name or by the header Connection."""
    named = {part.strip().lower() for key, value in headers if key.lower() == "connection" for part in value.split(",")}
    return [(key, value) for key, value in headers if key.lower() not in OF_A_CONNECTION | named]


async def fetch(base: str, request: Request, name: str, patience: Patience | None = None) -> Answer:
    """Sends a request to a process. base: its URL; name: whom errors name. Raises Failed or Idle."""
    headers: CIMultiDict[str] = CIMultiDict(of_the_message(request.headers))
    headers.popall("Content-Length", None)
    try:
        async with asyncio.timeout(patience.lasts if patience else None):
            response = await SESSIONS.get().request(
                request.method,
                yarl.URL(base.rstrip("/") + request.target, encoded=True),
                headers=headers,
                data=request.body or None,
                allow_redirects=False,
                skip_auto_headers=NOTHING_ADDED,
            )
    except TimeoutError as error:
        if patience is None or isinstance(error, aiohttp.ServerTimeoutError):
            raise Failed(f"{name} does not answer") from error
        raise Idle(patience) from None
    except aiohttp.ClientConnectorError as error:
        raise Failed(f"{name} refuses the connection") from error
    except aiohttp.ClientError as error:
        raise Failed(f"{name} closed the connection without an answer") from error
    fields = [(key.decode("latin-1"), value.decode("latin-1")) for key, value in response.raw_headers]
    return Answer(response.status, of_the_message(fields), Body(response, patience, name))


async def connect(base: str, name: str) -> None:
    """Opens a connection to a process and closes it; raises Failed."""
    url = yarl.URL(base)
    try:
        _, writer = await asyncio.open_connection(url.host, url.port)
    except OSError as error:
        raise Failed(f"{name} refuses the connection") from error
    writer.close()


class Whole:
    """A body that is there already."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __aiter__(self) -> Whole:
        return self

    async def __anext__(self) -> bytes:
        content, self.content = self.content, b""
        if not content:
            raise StopAsyncIteration
        return content

    async def aclose(self) -> None:
        self.content = b""
