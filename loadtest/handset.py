"""What the caller holds: says utterances, hears replies, and waits for what happens. Owns the
call's state and the line's clock; `loadtest.phone` dials, `loadtest.line` has the socket,
`loadtest.wheel` the timer, and a `loadtest.wire.Wire` the protocol.

The line's time is counted in samples at 8 kHz since the call began. A frame of 20 ms leaves when
its last sample was spoken, silence between utterances for ever.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from audio.pcm import Samples
from loadtest.first_audio import RATE_HZ, first_audible
from loadtest.line import Line
from loadtest.network import Delays, Network
from loadtest.playout import Playout
from loadtest.utterance import Utterance
from loadtest.wire import FRAME_SAMPLES, Text, Wire

LATE_MS = 20.0
"""A frame more than one frame late: the caller's own fault, not the server's."""

LATEST_COUNTED_MS = 1_000

_HURRIED_SILENCE = 2 * RATE_HZ

T = TypeVar("T")


class CallEnded(Exception):
    """The server closed the socket while something was still awaited."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the server closed the call: {code} {reason}".rstrip())
        self.code, self.reason = code, reason


@dataclass(frozen=True, slots=True)
class Spoken:
    """Where on the line an utterance lies: its first sample, its first voiced one, and just
    behind the last voiced."""

    begins: int
    voiced_until: int
    voiced_from: int = 0


class Phone:
    """A call under way. Made by `loadtest.phone.held`."""

    def __init__(self, line: Line, wire: Wire, pace: float, network: Network) -> None:
        self.wire = wire
        self.late_ms = [0] * (LATEST_COUNTED_MS + 1)
        """How many frames left so many milliseconds late, the last for all that were later."""
        self.latest_ms = 0.0
        self._line, self._pace, self._network = line, pace, network
        self._began_s = time.monotonic()
        self._sent = 0
        self._to_say: deque[str] = deque()
        self._hurry_until = 0
        self._ended: CallEnded | None = None
        self._awaited: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []
        self._chance = random.Random(network.seed)
        way_s = network.jitter_ms / 1_000 * pace
        self._out = Delays(way_s, self._chance) if way_s else None
        self._in = Delays(way_s, self._chance) if way_s else None

    @property
    def playout(self) -> Playout:
        return self.wire.ear.playout

    @property
    def texts(self) -> list[Text]:
        return self.wire.ear.texts

    @property
    def faults(self) -> list[str]:
        """What a client of the protocol would have refused."""
        return self.wire.ear.faults

    @property
    def cleared(self) -> list[int]:
        """The samples of the line at which buffered speech was dropped."""
        return self.wire.ear.cleared

    @property
    def now(self) -> int:
        """The sample of the line that is being spoken and heard."""
        if not self._pace:
            return self._sent
        return int((time.monotonic() - self._began_s) / self._pace * RATE_HZ)

    def time_s(self, sample: int) -> float:
        """When a sample of the line is spoken (`time.monotonic`)."""
        return self._began_s + sample / RATE_HZ * self._pace

    @property
    def clears(self) -> int:
        return len(self.cleared)

    @property
    def late_frames(self) -> int:
        """Frames that left more than `LATE_MS` late."""
        return sum(self.late_ms[int(LATE_MS) :])

    async def until(self, happened: Callable[[], T | None]) -> T:
        """Wait until `happened()` gives something; it is asked at every frame that is spoken, and
        must not fail. Raises CallEnded."""
        if (result := happened()) is not None:
            return result
        if self._ended:
            raise self._ended
        awaited = (happened, asyncio.get_running_loop().create_future())
        self._awaited.append(awaited)
        try:
            return await awaited[1]
        finally:
            self._awaited.remove(awaited)

    async def say(self, utterance: Utterance) -> Spoken:
        """Speak, behind what is already being said; ends when the last frame has left."""
        begins = self._sent + len(self._to_say) * FRAME_SAMPLES
        self._to_say.extend(self.wire.frames(utterance))
        ends = begins + len(utterance.payload)
        self._hurry_until = ends + _HURRIED_SILENCE
        await self.until(lambda: True if self._sent >= ends else None)
        voiced_from, voiced_until = utterance.voiced_from, utterance.voiced_until
        return Spoken(begins, begins + voiced_until, begins + voiced_from)

    async def audible(self, after: int) -> int:
        """Wait for the first audible sample at or after `after` to play: its place on the line."""
        return await self.until(self.sound_from(after))

    def sound_from(self, after: int) -> Callable[[], int | None]:
        """What `audible` waits for, to be asked again and again, for waits of one's own."""
        searched = after

        def found() -> int | None:
            nonlocal searched
            now = self.now
            if self.playout.end > searched:
                sound = self.playout.heard(searched, now)
                if (index := first_audible(sound)) is not None:
                    return searched + index
            searched = max(searched, now - FRAME_SAMPLES)
            return None

        return found

    async def passed(self, at: int) -> None:
        """Wait for a sample of the line to come."""
        await self.until(lambda: True if self.now >= at else None)

    async def silent(self, ms: float, since: int = 0) -> None:
        """Wait until nothing was left to play for so long, counted from `since` at the earliest."""
        samples = int(ms * RATE_HZ / 1_000)
        await self.until(
            lambda: True if self.now >= max(self.playout.end, since) + samples else None
        )

    async def text(self, kind: str, since: int = 0) -> dict[str, Any]:
        """Wait for a text of a kind that came at or after `since`. A final transcript's
        kind is "transcript"; partial ones are passed over."""
        return await self.until(lambda: next(iter(self.texts_of(kind, since)), None))

    def texts_of(self, kind: str, since: int = 0) -> list[dict[str, Any]]:
        """All of a kind so far; of transcripts only final ones."""
        bodies = [text.body for text in self.texts if text.at >= since]
        return [body for body in bodies if body.get("type") == kind and body.get("final", True)]

    def forget(self, before: int) -> None:
        """Drop sound and texts from before a sample: a call of hours keeps its size."""
        self.wire.ear.forget(before)

    async def ended(self) -> CallEnded:
        """Wait until the server closes the call."""
        return await self.until(lambda: self._ended)

    async def hang_up(self) -> None:
        """Say so, as far as the protocol has a word for it, and close."""
        self.send(*self.wire.closing())
        await self._line.close()

    def drop(self) -> None:
        """Vanish, without a word or a close frame."""
        self._line.transport.abort()

    def heard(self) -> Samples:
        """Everything the caller has heard, silence included: int16 of shape (n,), 8 kHz."""
        return self.playout.heard(0, self.now)

    def open(self) -> None:
        """Say what the protocol begins with, and listen."""
        self.send(*self.wire.opening())
        self._line.listen(self._arrived, self._over)

    def begin(self, at_s: float) -> None:
        """Where the line's clock begins (`time.monotonic`)."""
        self._began_s = at_s

    def tick(self, due_s: float) -> None:
        """A frame is due: say it. `loadtest.wheel` calls this every 20 ms."""
        if due_s <= self._began_s or self._ended:
            return
        late_ms = (time.monotonic() - due_s) * 1_000
        self.late_ms[min(max(0, int(late_ms)), LATEST_COUNTED_MS)] += 1
        self.latest_ms = max(self.latest_ms, late_ms)
        self.frame()

    def frame(self) -> None:
        """Say the next frame, and see what has happened meanwhile."""
        frame = self._to_say.popleft() if self._to_say else None
        if not self._network.loses(self._chance):
            self.send(self.wire.speak(frame, self._sent))
        self._sent += FRAME_SAMPLES
        self.send(*self.wire.due(self.now))
        self._tell()

    async def hurry(self) -> None:
        """Say frames as fast as the server takes them, until the call ends (pace 0)."""
        while not self._ended:
            hurried = self._to_say or self.playout.buffered(self._sent)
            wait = not hurried and self._sent >= self._hurry_until
            await asyncio.sleep(FRAME_SAMPLES / RATE_HZ if wait else 0)
            self.frame()
            await self._line.drain()

    def _tell(self) -> None:
        for happened, future in self._awaited:
            if future.done():
                continue
            if (result := happened()) is not None:
                future.set_result(result)
            elif self._ended:
                future.set_exception(self._ended)

    def _over(self, code: int, reason: str) -> None:
        self._ended = self._ended or CallEnded(code, reason)
        self._tell()

    def send(self, *messages: str) -> None:
        """Messages of the wire's, in order."""
        for message in messages:
            if self._out:
                self._out.pass_on(partial(self._line.send_now, message))
            else:
                self._line.send_now(message)

    def _arrived(self, message: str | bytes) -> None:
        if self._in:
            self._in.pass_on(partial(self._received, message))
        else:
            self._received(message)

    def _received(self, message: str | bytes) -> None:
        self.send(*self.wire.received(message, self.now))
