"""A caller's WebSocket, at the lowest cost: one per call, hundreds on a core beside the mocks.

Speaks RFC 6455 as a client that offers no extension and masks with a key of zero (a mask is there
against proxies, and a server undoes this one at the same cost), so that frames can be made before a
run. Owns one socket; knows nothing of calls.
"""

import asyncio
import base64
import os
import struct
from collections.abc import Callable
from typing import cast

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
FINAL, MASKED = 0x80, 0x80
SHORT, MIDDLE = 126, 127
"""Payload lengths that say: the length follows in 16, in 64 bits."""

NO_MASK = bytes(4)


class LineError(Exception):
    """The other end does not speak WebSocket as we do; the message says how."""


def head(opcode: int, length: int) -> bytes:
    """The header of a client's unfragmented frame."""
    first = FINAL | opcode
    if length < SHORT:
        return struct.pack("!BB", first, MASKED | length) + NO_MASK
    if length < 1 << 16:
        return struct.pack("!BBH", first, MASKED | SHORT, length) + NO_MASK
    return struct.pack("!BBQ", first, MASKED | MIDDLE, length) + NO_MASK


def text(payload: bytes) -> bytes:
    return head(TEXT, len(payload)) + payload


class Line(asyncio.Protocol):
    """`hear` is given each text message as it comes; `over` is set when the socket is gone, and
    `failed` says why if it was not asked to."""

    def __init__(
        self, host: str, path: str, hear: Callable[[bytes], None], over: asyncio.Event
    ) -> None:
        self._host, self._path, self._hear = host, path, hear
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._upgraded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._leaving = False
        self.failed: str | None = None
        self._over = over

    async def open(self, port: int, within_s: float = 10) -> None:
        """Raises TimeoutError, OSError, LineError."""
        async with asyncio.timeout(within_s):
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: self, self._host, port)
            await self._upgraded

    def send(self, frame: bytes) -> None:
        if self._transport:
            self._transport.write(frame)

    def leave(self) -> None:
        self._leaving = True
        if self._transport:
            self._transport.write(head(CLOSE, 2) + struct.pack("!H", 1000))
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's do not inherit
        key = base64.b64encode(os.urandom(16)).decode()
        lines = (
            f"GET {self._path} HTTP/1.1",
            f"Host: {self._host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        )
        self._transport.write("\r\n".join((*lines, "", "")).encode())

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if not self._leaving:
            self._fail(f"the server closed the socket ({exc})")
        self._over.set()

    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        if not self._upgraded.done():
            answer, ended, data = data.partition(b"\r\n\r\n")
            if not ended:
                self._rest = answer
                return
            if not answer.startswith(b"HTTP/1.1 101"):
                self._fail(f"no upgrade: {answer[:80]!r}")
                return
            self._upgraded.set_result(None)
        self._rest = self._frames(data)

    def _frames(self, data: bytes) -> bytes:
        """Read whole frames; what is left over."""
        at, size = 0, len(data)
        while size - at >= 2:
            length, begins = data[at + 1], at + 2
            if length == SHORT and size >= at + 4:
                (length,), begins = struct.unpack_from("!H", data, at + 2), at + 4
            elif length == MIDDLE and size >= at + 10:
                (length,), begins = struct.unpack_from("!Q", data, at + 2), at + 10
            elif length >= SHORT:
                break
            if size < begins + length:
                break
            self._frame(data[at], data[begins : begins + length])
            at = begins + length
        return data[at:]

    def _frame(self, first: int, payload: bytes) -> None:
        match first:
            case 0x81:
                self._hear(payload)
            case 0x89:
                self.send(head(PONG, len(payload)) + payload)
            case 0x88:
                self._fail(f"closed by the server: {payload[2:].decode(errors='replace')!r}")
            case _:
                self._fail(f"a frame that begins with {first:#x}; we know whole text frames")

    def _fail(self, why: str) -> None:
        self.failed = self.failed or why
        if not self._upgraded.done():
            self._upgraded.set_exception(LineError(why))
        if self._transport:
            self._transport.close()
