"""The WebRTC calls of one replica: from the offer to the hang-up.

Owns their lives, which outlast the requests that began them. What a call says and hears is
`ingress.call`'s, how it travels `ingress.webrtc.peer`'s.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from ingress.call import Call
from ingress.call_log import CallLog
from ingress.protocols.codec import POLICY, ProtocolError
from ingress.replica import Replica
from ingress.rest.errors import ApiError
from ingress.socket_calls import worst
from ingress.webrtc.offer import BadOffer, reached_by, read_offer
from ingress.webrtc.peer import Peer
from ingress.webrtc.ports import NoPort, Ports

CONNECT_WITHIN_S = 15.0
"""For ICE, DTLS and the data channel together: our choice, what a caller would wait in silence."""

READY_WITHIN_S = 10.0

Sessions = Sequence[Mapping[str, Any]]

NewCall = Callable[[str, str, Sessions, CallLog, Callable[[], float]], Call]
"""Of the call's id, the model's name (empty: any), the session as asked for, part by part, the log,
and how many seconds of sound the call was given so far. Raises ApiError."""


@dataclass(frozen=True, slots=True)
class Begun:
    """`over` is done when the call is."""

    call_id: str
    answer: str
    over: asyncio.Task[None]

    async def wait(self) -> None:
        """Until the call is over; leaving off does not end it."""
        await asyncio.wait([self.over])


class WebRtcCalls:
    """Runs calls while `open`; then they are cancelled."""

    def __init__(self, replica: Replica, new_call: NewCall) -> None:
        self._replica, self._new_call = replica, new_call
        self._settings = replica.stack.webrtc
        self._calls: dict[str, Call] = {}

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[None]:
        running: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as self._tasks:
            self._running = running
            yield
            for task in running:
                task.cancel()

    async def begin(self, offer: str, model: str, sessions: Sessions) -> Begun:
        """Answer an SDP offer; the call goes on by itself. Raises ApiError 400 for the offer, 503
        when there is no place, no port or no model yet."""
        call_id = f"rtc_{secrets.token_hex(16)}"
        log = CallLog(call_id)
        try:
            return await self._begin(call_id, log, offer, model, sessions)
        except ApiError as error:
            log.warning("refused", status=error.status_code, reason=str(error.detail))
            self._replica.metrics.count("parley_calls_total", outcome="refused")
            raise

    async def _begin(
        self, call_id: str, log: CallLog, offer: str, model: str, sessions: Sessions
    ) -> Begun:
        await self._check_room()
        peer = Peer(Ports(self._settings.port_min, self._settings.port_max))
        call = self._new_call(call_id, model, sessions, log, lambda: peer.heard_s)
        if not self._replica.admission.reserve(call_id, self._replica.now_s()):
            raise busy()
        async with AsyncExitStack() as place:
            place.enter_context(self._replica.admission.hold(call_id, call))
            place.push_async_callback(peer.close)
            answer = await self._answer(peer, offer)
            self._calls[call_id] = call
            place.callback(self._calls.pop, call_id)
            work = self._hold(place.pop_all(), peer, call, log)
            over = self._tasks.create_task(work, name=call_id)
        self._running.add(over)
        over.add_done_callback(self._running.discard)
        return Begun(call_id, answer, over)

    def hang_up(self, call_id: str) -> bool:
        """Whether there was such a call."""
        if call := self._calls.get(call_id):
            call.end("hung up by request")
        return call is not None

    async def _check_room(self) -> None:
        replica = self._replica
        if not await replica.readiness.within(READY_WITHIN_S):
            loading = ", ".join(replica.readiness.waiting_for)
            raise unavailable(f"still loading: {loading}", "loading")
        if replica.admission.full:
            raise busy()

    async def _answer(self, peer: Peer, offer: str) -> str:
        try:
            answer = await peer.answer(read_offer(offer))
        except BadOffer as error:
            raise ApiError(400, str(error), code="invalid_offer", param="sdp") from None
        except NoPort as error:
            raise unavailable(str(error), "no_port") from None
        address = self._settings.public_address
        return reached_by(answer, str(address)) if address else answer

    async def _hold(self, place: AsyncExitStack, peer: Peer, call: Call, log: CallLog) -> None:
        """One call to its end, however it ends, its hanging up included: the place is free again,
        and other calls go on."""
        outcome = "failed"
        try:
            async with place:
                await talk(peer, call)
            outcome = "completed"
        except* ProtocolError as group:
            code, reason = worst(group)
            log.warning("closed", code=code, reason=reason)
        except* Exception as group:
            log.crash(group)
        self._replica.metrics.count("parley_calls_total", outcome=outcome)
        log.info("ended")


async def talk(peer: Peer, call: Call) -> None:
    """Raises ProtocolError, alone or in a group."""
    await connect(peer)
    await call.run(peer.messages(), peer.send)
    await peer.last_words()


async def connect(peer: Peer) -> None:
    try:
        async with asyncio.timeout(CONNECT_WITHIN_S):
            await peer.connected()
    except TimeoutError:
        raise ProtocolError(POLICY, f"no connection within {CONNECT_WITHIN_S:g} s") from None


def busy() -> ApiError:
    return unavailable("all lines are busy: try again in a moment", "server_busy")


def unavailable(message: str, code: str) -> ApiError:
    return ApiError(503, message, code=code, headers={"Retry-After": "2"})
