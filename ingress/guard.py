"""What stands before every route under /v1: who may ask, how much may be sent, how many at once,
and what ends a request whose client has gone. Owns no route and no decision of `ingress.access`.

A middleware and not a dependency, since FastAPI reads a body before it asks its dependencies.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from configs.schema import Api
from ingress.access import Access
from ingress.rest.errors import ApiError, error_response
from ingress.rest.streaming import BrokenOff

MAX_JSON_BYTES = 1_000_000
"""Of every body but an upload: some 250,000 tokens of chat, parsed in 10 ms between the frames of
the calls."""

UPLOADS = "/v1/audio/transcriptions"
SESSIONS = ("/v1/realtime", "/v1/realtime/calls")
"""What a client secret opens; a session has its place among the calls."""
REALTIME = "/v1/realtime/"

BODY_S = 120.0
"""Our choice: 25 MB over a line of 2 Mbit/s."""

PEER_S = 10.0
"""A peer that does not read for so long is gone, as on a call."""


class Guard:
    """ASGI middleware. Leaves the `Grant` in `scope["state"]["grant"]`: `request.state.grant`,
    `websocket.state.grant`."""

    def __init__(
        self, app: ASGIApp, access: Access, api: Api, wall_s: Callable[[], float] = time.time
    ) -> None:
        self._app, self._access, self._api, self._wall_s = app, access, api, wall_s
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = path_of(scope)
        if scope["type"] == "lifespan" or not path.startswith("/v1/"):
            await self._app(scope, receive, send)
            return
        try:
            self._admit(scope, path)
        except ApiError as error:
            await refuse(error, scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
        elif scope["method"] == "POST" and not path.startswith(REALTIME):
            await self._counted(scope, receive, send)
        else:
            await self._bounded(scope, receive, send)

    def _admit(self, scope: Scope, path: str) -> None:
        headers = Headers(scope=scope)
        realtime = path in SESSIONS
        grant = self._access.grant(headers, self._wall_s(), realtime=realtime)
        scope.setdefault("state", {})["grant"] = grant
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._max_bytes(path):
            raise too_large(self._max_bytes(path))

    def _max_bytes(self, path: str) -> int:
        return round(self._api.max_body_mb * 1e6) if path == UPLOADS else MAX_JSON_BYTES

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._running >= self._api.max_requests:
            busy = ApiError(
                429,
                f"{self._running} requests are under way, and this replica takes no more",
                code="rate_limit_exceeded",
                headers={"Retry-After": "1"},
            )
            await refuse(busy, scope, receive, send)
            return
        self._running += 1
        try:
            await self._bounded(scope, receive, send)
        finally:
            self._running -= 1

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(receive, send, self._max_bytes(path_of(scope)))
        async with asyncio.TaskGroup() as tasks:
            work = tasks.create_task(as_task(self._app, scope, exchange), name="request")
            watch = tasks.create_task(exchange.cancel_when_gone(work), name="peer")
            work.add_done_callback(lambda _: watch.cancel())


class Exchange:
    """One request's body and answer, as its route sees them: bounded, and with deadlines."""

    def __init__(self, receive: Receive, send: Send, max_bytes: int) -> None:
        self._receive, self._send, self._max_bytes = receive, send, max_bytes
        self._due = asyncio.get_running_loop().time() + BODY_S
        self._bytes = 0
        self._whole, self._gone = asyncio.Event(), asyncio.Event()
        self._answered = False

    async def receive(self) -> Message:
        """Raises ApiError 408 and 413 while the body comes."""
        if self._whole.is_set():
            await self._gone.wait()
            return {"type": "http.disconnect"}
        try:
            async with asyncio.timeout_at(self._due):
                message = await self._receive()
        except TimeoutError:
            raise ApiError(408, f"the body did not come within {BODY_S:g} s") from None
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._max_bytes:
            raise too_large(self._max_bytes)
        if message["type"] == "http.disconnect":
            self._gone.set()
        if not message.get("more_body"):
            self._whole.set()
        return message

    async def send(self, message: Message) -> None:
        try:
            async with asyncio.timeout(PEER_S):
                await self._send(message)
        except TimeoutError:
            self._gone.set()
        ends = message["type"] == "http.response.body" and not message.get("more_body")
        self._answered = self._answered or ends

    async def cancel_when_gone(self, work: asyncio.Task[None]) -> None:
        """So that no model works for a client that no longer waits."""
        await self._whole.wait()
        async with asyncio.TaskGroup() as tasks:
            leaving = tasks.create_task(self._hear_leaving())
            await self._gone.wait()
            leaving.cancel()
        if not self._answered:
            work.cancel()

    async def _hear_leaving(self) -> None:
        while not self._gone.is_set():
            if (await self._receive())["type"] == "http.disconnect":
                self._gone.set()


async def as_task(app: ASGIApp, scope: Scope, exchange: Exchange) -> None:
    """A connection whose answer is not whole is closed by the server."""
    with suppress(BrokenOff):
        await app(scope, exchange.receive, exchange.send)


async def refuse(error: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer in the route's place; a WebSocket is never accepted."""
    if scope["type"] == "http":
        await error_response(error)(scope, receive, send)
        return
    websocket = WebSocket(scope, receive, send)
    if "websocket.http.response" in scope.get("extensions", {}):
        await websocket.send_denial_response(error_response(error))
    else:
        await websocket.close(reason=str(error.detail))


def path_of(scope: Scope) -> str:
    """The path that the routes see."""
    return scope.get("path", "").removeprefix(scope.get("root_path", ""))


def too_large(max_bytes: int) -> ApiError:
    told = f"a body of more than {max_bytes / 1e6:g} MB"
    return ApiError(413, told, code="request_too_large")
