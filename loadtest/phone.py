"""One simulated Twilio call over Media Streams. Owns the socket, the pace and the line's clock;
what is said and when is the caller's script (`loadtest.script`, or a test).

    async with dial(url, start) as phone:
        spoken = await phone.say(utterance)
        begins = await phone.audible(after=spoken.voiced_until)
        await phone.silent(500)

The line's time is counted in samples at 8 kHz since `start`. A frame of 20 ms leaves when its last
sample was spoken, silence between utterances for ever.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from audio import mulaw
from audio.pcm import Samples
from loadtest import media_streams
from loadtest.first_audio import RATE_HZ, first_audible
from loadtest.media_streams import FRAME_SAMPLES, Start
from loadtest.playout import Playout
from loadtest.utterance import Utterance

FRAME_S = FRAME_SAMPLES / RATE_HZ
LATE_MS = 20.0
"""A frame more than one frame late: the caller's own fault, not the server's."""

_SILENT_FRAME = bytes([mulaw.SILENCE]) * FRAME_SAMPLES
_HURRIED_SILENCE = 2 * RATE_HZ

T = TypeVar("T")


class CallEnded(Exception):
    """The server closed the socket while something was still awaited."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the server closed the call: {code} {reason}".rstrip())
        self.code, self.reason = code, reason


@dataclass(frozen=True, slots=True)
class Spoken:
    """Where on the line an utterance lies: its first sample, and just behind the last voiced."""

    begins: int
    voiced_until: int


@dataclass(frozen=True, slots=True)
class Text:
    """A `parley` frame, and the sample of the line at which it came."""

    at: int
    body: dict[str, Any]


class Phone:
    """A call under way. Made by `dial`."""

    def __init__(self, socket: ClientConnection, start: Start, pace: float) -> None:
        self.start, self.stream_sid = start, f"MZ{secrets.token_hex(16)}"
        self.playout = Playout()
        self.texts: list[Text] = []
        self.faults: list[str] = []
        """What Twilio would have refused."""
        self.late_frames, self.latest_ms = 0, 0.0
        self.marks: list[str] = []
        """Names of the marks that were sent back."""
        self.clears = 0
        self._socket, self._pace = socket, pace
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()
        self._sequence, self._sent = 0, 0
        self._to_say = bytearray()
        self._hurry_until = 0
        self._ended: CallEnded | None = None
        self._news = asyncio.Event()

    @property
    def now(self) -> int:
        """The sample of the line that is being spoken and heard."""
        if not self._pace:
            return self._sent
        return int((self._loop.time() - self._began_s) / self._pace * RATE_HZ)

    async def until(self, happened: Callable[[], T | None]) -> T:
        """Wait until `happened()` gives something; it is asked at every frame and message. Raises
        CallEnded."""
        while (result := happened()) is None:
            if self._ended:
                raise self._ended
            await self._news.wait()
        return result

    async def say(self, utterance: Utterance) -> Spoken:
        """Speak, behind what is already being said; ends when the last frame has left."""
        begins = self._sent + len(self._to_say)
        self._to_say += utterance.payload
        ends = begins + len(utterance.payload)
        self._hurry_until = ends + _HURRIED_SILENCE
        await self.until(lambda: True if self._sent >= ends else None)
        return Spoken(begins, begins + utterance.voiced_until)

    async def audible(self, after: int) -> int:
        """Wait for the first audible sample at or after `after` to play: its place on the line."""
        return await self.until(self.sound_from(after))

    def sound_from(self, after: int) -> Callable[[], int | None]:
        """What `audible` waits for, to be asked again and again, for waits of one's own."""
        searched = after

        def found() -> int | None:
            nonlocal searched
            sound = self.playout.heard(searched, self.now)
            if (index := first_audible(sound)) is not None:
                return searched + index
            searched = max(searched, self.now - FRAME_SAMPLES)
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
        """Wait for a `parley` text of a kind that came at or after `since`. A final transcript's
        kind is "transcript"; partial ones are passed over."""
        return await self.until(lambda: next(iter(self.texts_of(kind, since)), None))

    def texts_of(self, kind: str, since: int = 0) -> list[dict[str, Any]]:
        """All of a kind so far; of transcripts only final ones."""
        bodies = [text.body for text in self.texts if text.at >= since]
        return [body for body in bodies if body.get("type") == kind and body.get("final", True)]

    async def ended(self) -> CallEnded:
        """Wait until the server closes the call."""
        return await self.until(lambda: self._ended)

    async def press(self, digit: str) -> None:
        await self._send("dtmf", dtmf={"track": "inbound_track", "digit": digit})

    async def hang_up(self) -> None:
        """Say `stop`, as Twilio does when the caller hangs up, and close."""
        sids = {"accountSid": self.start.account_sid, "callSid": self.start.call_sid}
        await self._send("stop", stop=sids)
        await self._socket.close()

    def drop(self) -> None:
        """Vanish, without a word or a close frame."""
        self._socket.transport.abort()

    def heard(self) -> Samples:
        """Everything the caller has heard, silence included: int16 of shape (n,), 8 kHz."""
        return self.playout.heard(0, self.now)

    async def open(self) -> None:
        await self._write(media_streams.CONNECTED)
        self._began_s = self._loop.time()
        await self._send("start", start=self.start.body(self.stream_sid))

    async def talk(self) -> None:
        """Send the line's frames, one every 20 ms, until the call ends."""
        while not self._ended:
            await self._frame_due()
            frame = bytes(self._to_say[:FRAME_SAMPLES]) or _SILENT_FRAME
            del self._to_say[:FRAME_SAMPLES]
            await self._send("media", media=media_streams.media(frame, self._sent))
            self._sent += FRAME_SAMPLES
            await self._echo(self.playout.due(self.now))
            self._tell()

    async def listen(self) -> None:
        """Take what the server sends until the call ends."""
        try:
            async for message in self._socket:
                await self._received(message)
                self._tell()
        except ConnectionClosed:
            pass
        self._ended = CallEnded(self._socket.close_code or 1006, self._socket.close_reason or "")
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _frame_due(self) -> None:
        if not self._pace:
            hurried = self._to_say or self.playout.buffered(self._sent)
            await asyncio.sleep(0 if hurried or self._sent < self._hurry_until else FRAME_S)
            return
        due_s = self._began_s + (self._sent / RATE_HZ + FRAME_S) * self._pace
        await asyncio.sleep(max(0.0, due_s - self._loop.time()))
        late_ms = (self._loop.time() - due_s) * 1_000
        self.late_frames += late_ms > LATE_MS
        self.latest_ms = max(self.latest_ms, late_ms)

    async def _echo(self, names: list[str]) -> None:
        for name in names:
            self.marks.append(name)
            await self._send("mark", mark={"name": name})

    async def _send(self, event: str, **body: Any) -> None:
        self._sequence += 1
        sids = {"streamSid": self.stream_sid, "sequenceNumber": str(self._sequence)}
        await self._write({"event": event, **sids, **body})

    async def _write(self, frame: dict[str, Any]) -> None:
        try:
            await self._socket.send(json.dumps(frame))
        except ConnectionClosed:  # `listen` sees it too, and tells
            self._ended = self._ended or CallEnded(self._socket.close_code or 1006, "")

    async def _received(self, message: str | bytes) -> None:
        try:
            match media_streams.read(message, self.stream_sid):
                case media_streams.Media(payload):
                    self.playout.play(mulaw.decode(payload), self.now)
                case media_streams.Mark(name):
                    self.playout.mark(name, self.now)
                    await self._echo(self.playout.due(self.now))
                case media_streams.Clear():
                    self.clears += 1
                    await self._echo(self.playout.clear(self.now))
                case media_streams.Parley(body):
                    self.texts.append(Text(self.now, body))
        except media_streams.Malformed as error:
            self.faults.append(str(error))


@asynccontextmanager
async def dial(
    url: str,
    start: Start,
    *,
    pace: float = 1.0,
    headers: dict[str, str] | None = None,
    open_timeout_s: float = 10.0,
) -> AsyncGenerator[Phone]:
    """Open a stream and hold it; the caller hangs up on leaving.

    `pace` is how long a second of the line takes: 1.0 is real time. With 0 the line's clock is
    the caller's own frames: they leave as fast as the server takes them while the caller speaks,
    for two seconds of silence after, and while something plays; else one every 20 ms. Raises
    OSError, TimeoutError and websockets' InvalidHandshake when nobody answers.
    """
    opening = connect(
        url,
        additional_headers=headers,
        compression=None,  # as Twilio
        max_size=None,
        proxy=None,
        open_timeout=open_timeout_s,
    )
    async with opening as socket:
        phone = Phone(socket, start, pace)
        try:
            async with asyncio.TaskGroup() as tasks, _line_of(phone, tasks):
                yield phone
        except BaseExceptionGroup as group:
            if len(group.exceptions) == 1:  # the script's own, seen through the task group
                raise group.exceptions[0] from None
            raise


@asynccontextmanager
async def _line_of(phone: Phone, tasks: asyncio.TaskGroup) -> AsyncGenerator[None]:
    await phone.open()
    work = [tasks.create_task(phone.listen()), tasks.create_task(phone.talk())]
    try:
        yield
    finally:
        await phone.hang_up()
        for task in work:
            task.cancel()
