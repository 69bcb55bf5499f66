"""A call over a WebSocket, whatever its protocol: messages in, texts out, and how it ends.

Owns the close code and the reason that the peer is given.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

from fastapi import WebSocket, WebSocketDisconnect
from starlette.websockets import WebSocketState

from ingress.call_log import CallLog
from ingress.metrics import Metrics
from ingress.protocols.codec import INTERNAL, ProtocolError, Wire
from ingress.protocols.outputs import SERVER_STOPS, Closed

NORMAL, GOING_AWAY = 1000, 1001


class SocketCall:
    """One accepted socket. `log` may be replaced once the call has a name."""

    def __init__(self, socket: WebSocket, metrics: Metrics, log: CallLog) -> None:
        self._socket, self._metrics, self.log = socket, metrics, log
        self._close = NORMAL, ""

    async def answer(self, hold: Callable[["SocketCall"], Awaitable[str]]) -> None:
        """Hold one call, whose outcome `hold` tells, and close its socket with a code that says
        how it ended."""
        code, reason, outcome = NORMAL, "", "refused"
        try:
            outcome = await hold(self)
            code, reason = self._close
        except* ProtocolError as group:
            code, reason = worst(group)
            self.log.warning("closed", code=code, reason=reason)
        except* WebSocketDisconnect:
            self.log.info("disconnected")
        except* Exception as group:
            code, reason, outcome = INTERNAL, "internal error", "failed"
            self.log.crash(group)
        self._metrics.count("parley_calls_total", outcome=outcome)
        with suppress(WebSocketDisconnect, RuntimeError, OSError):  # the peer may have closed first
            await self._socket.close(code, shortened(reason))

    async def messages(self) -> AsyncIterator[str | bytes]:
        """Until the socket is closed."""
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            yield message.get("text") or message.get("bytes") or ""

    async def send(self, message: Wire) -> None:
        """Everything goes over the socket, as text: the codec's sound is within its messages."""
        if isinstance(message, Closed):
            self._close = GOING_AWAY if message.reason == SERVER_STOPS else NORMAL, message.reason
            return
        assert isinstance(message, str)
        if self._socket.application_state is not WebSocketState.DISCONNECTED:
            with suppress(WebSocketDisconnect):  # the peer has gone: `messages` ends
                await self._socket.send_text(message)


def shortened(reason: str) -> str:
    """At most 123 bytes: a control frame holds 125, two of them the code (RFC 6455, 5.5)."""
    return reason.encode()[:123].decode(errors="ignore")


def worst(group: BaseExceptionGroup[ProtocolError]) -> tuple[int, str]:
    error = group.exceptions[0]
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error.code, error.reason
