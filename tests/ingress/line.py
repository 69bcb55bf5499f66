"""One call in a test: Twilio's end of it, without sockets, and scripted back-ends.

Recorded speech goes through the real mu-law, voice activity and endpointing. The script waits for
what came out, never for seconds; audio is fed as fast as it is taken.
"""

import asyncio
import base64
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from audio import mulaw
from audio.pcm import Audio
from audio.resampling import resample
from audio.voice_activity import SileroModel
from configs.agents import Agent
from configs.schema import Stack
from ingress.agents import conversation_of
from ingress.backends import BackendError, Backends, Speech, Transcript, Word
from ingress.call import Call
from ingress.call_log import CallLog
from ingress.hearing import Hearing, thresholds_of
from ingress.judging import TurnJudge
from ingress.lines import FixedLines
from ingress.protocols.twilio import TwilioCodec
from ingress.retrying import retrying
from ingress.surroundings import Surroundings

DATA = Path(__file__).parent.parent / "data"
SILERO = SileroModel()
SILENCE_FRAME = bytes([mulaw.SILENCE]) * mulaw.FRAME_BYTES


def recorded(name: str = "librivox-0880.wav") -> Audio:
    samples, rate_hz = soundfile.read(DATA / name, dtype="int16")
    return resample(Audio(samples, rate_hz), mulaw.RATE_HZ)


SPEECH = mulaw.encode(recorded().samples)
WORD = mulaw.encode(recorded().samples[4_000:9_600])  # 0.7 s


def stack_of(agent: Agent, **listening: Any) -> Stack:
    scripted = {"engine": "scripted"}
    return Stack(
        stt=scripted, llm=scripted, tts=scripted, agents={"default": agent}, listening=listening
    )


class Counts:
    """Metrics that remember."""

    def __init__(self) -> None:
        self.counted: list[tuple[str, dict[str, str]]] = []
        self.observed: list[tuple[str, float, dict[str, str]]] = []
        self.gauges: dict[str, float] = {}

    def count(self, name: str, **tags: str) -> None:
        self.counted.append((name, tags))

    def gauge(self, name: str, value: float) -> None:
        self.gauges[name] = value

    def observe(self, name: str, value: float, **tags: str) -> None:
        self.observed.append((name, value, tags))

    def of(self, name: str) -> list[dict[str, str]]:
        return [tags for counted, tags in self.counted if counted == name]


class Models:
    """The three seams, scripted. A text may be an exception, to be raised in its place; `hold`
    is an event that a reply waits for after its first token."""

    def __init__(
        self,
        *,
        transcripts: list[Any] | None = None,
        replies: list[Any] | None = None,
        hold: asyncio.Event | None = None,
        phrase_s: float = 0.1,
        hears_partials: bool = False,
    ) -> None:
        self.phrase_s, self.hears_partials, self.partials = phrase_s, hears_partials, 0
        self.transcripts = itertools.cycle(transcripts or ["hello"])
        self.replies = itertools.cycle(replies or ["It is one. It is two then. It is three now."])
        self.hold, self.speech_fails = hold, False
        self.heard: list[Audio] = []
        self.prompts: list[list[tuple[str, str]]] = []
        self.options: list[Any] = []
        self.spoken: list[str] = []
        self.aborted = 0

    async def transcribe(self, speech, *, language, final, deadline_s):
        if not final and not self.hears_partials:
            return None
        self.partials += not final
        self.heard.append(speech)
        text = next(self.transcripts)
        if isinstance(text, Exception):
            raise text
        await asyncio.sleep(0)
        return Transcript(text)

    async def reply(self, messages, options, *, first_token_s, deadline_s):
        self.prompts.append([(m.role, m.text) for m in messages])
        self.options.append(options)
        text, done = next(self.replies), False
        try:
            for part in text if isinstance(text, list) else [text]:
                if isinstance(part, Exception):
                    raise part
                for index, token in enumerate(part.split(" ")):
                    yield token + " "
                    if self.hold and index == 2:
                        await self.hold.wait()
            done = True
        finally:
            self.aborted += not done

    async def synthesize(self, phrase, voice, *, deadline_s):
        if self.speech_fails:
            raise BackendError(self.speech_fails, "no voice")
        self.spoken.append(phrase)
        await asyncio.sleep(0)
        texts = phrase.split()
        each_s = self.phrase_s / len(texts)
        words = tuple(Word(t, i * each_s, (i + 1) * each_s) for i, t in enumerate(texts))
        sound = np.full(round(self.phrase_s * 24_000), 9_000, np.int16)
        yield Speech(Audio(sound, 24_000), words)

    async def voices(self, *, deadline_s):
        return ("af_heart", "am_michael")

    @property
    def backends(self) -> Backends:
        return Backends(self, self, self)


class Line:
    """Twilio's end. Used as a context: `async with Line(...) as line`."""

    def __init__(
        self,
        models: Models | None = None,
        agent: Agent | None = None,
        *,
        lines: FixedLines | None = None,
        echo_marks: bool = True,
        now_s: Callable[[], float] = time.monotonic,
        texts: bool = True,
        judge: TurnJudge | None = None,
        parameters: dict[str, str] | None = None,
        listening: dict[str, Any] | None = None,
    ) -> None:
        self.models = models or Models()
        agent = agent or Agent(prompt="Be brief.", phrase_markers=False)
        self.metrics = Counts()
        self.frames: list[dict[str, Any]] = []
        self.marks: list[str] = []  # sent to us and not yet echoed
        self.echo_marks = echo_marks
        self._inbox: asyncio.Queue[Any] = asyncio.Queue()
        stack = stack_of(agent, **{"partial_every_ms": 0, **(listening or {})})
        around = Surroundings(
            retrying(self.models.backends, agent.limits.retries, self.metrics, CallLog("CA1")),
            lines or FixedLines(),
            self.metrics,
            now_s,
            partial_every_ms=stack.listening.partial_every_ms,
            judge=judge,
        )
        self.call = Call(
            TwilioCodec("MZ1", texts=texts),
            Hearing(SILERO, thresholds_of(stack.listening)),
            agent,
            conversation_of(stack, agent, parameters or {}),
            around,
            CallLog("CA1"),
        )

    async def __aenter__(self) -> "Line":
        self._running = asyncio.create_task(self.call.run(self._messages(), self._receive))
        return self

    async def __aexit__(self, kind: Any, *_: Any) -> None:
        if kind is None:
            await self.hang_up()
        else:
            self._running.cancel()

    async def _messages(self) -> AsyncIterator[str]:
        while (message := await self._inbox.get()) is not None:
            yield message

    async def _receive(self, message: str) -> None:
        frame = json.loads(message)
        self.frames.append(frame)
        if frame["event"] == "mark":
            self.marks.append(frame["mark"]["name"])
        if frame["event"] == "clear" or (self.echo_marks and frame["event"] == "mark"):
            self.echo()

    def echo(self, count: int | None = None) -> None:
        """Send marks back, as when their audio has played or was cleared."""
        for name in self.marks[:count]:
            self.send({"event": "mark", "mark": {"name": name}})
        del self.marks[:count]

    def send(self, body: dict[str, Any] | str) -> None:
        text = body if isinstance(body, str) else json.dumps({"streamSid": "MZ1", **body})
        self._inbox.put_nowait(text)

    def play(self, sound: bytes) -> None:
        for at in range(0, len(sound), mulaw.FRAME_BYTES):
            payload = base64.b64encode(sound[at : at + mulaw.FRAME_BYTES]).decode()
            self.send({"event": "media", "media": {"payload": payload, "track": "inbound"}})

    def silence(self, ms: int = 800) -> None:
        self.play(SILENCE_FRAME * (ms // 20))

    def say(self, sound: bytes = SPEECH) -> None:
        self.silence(200)
        self.play(sound)
        self.silence()

    def texts(self, kind: str) -> list[dict[str, Any]]:
        parley = [frame["parley"] for frame in self.frames if frame["event"] == "parley"]
        return [body for body in parley if body["type"] == kind]

    @property
    def played_s(self) -> float:
        """Seconds of sound that were sent, `clear` or not."""
        frames = [frame["media"]["payload"] for frame in self.frames if frame["event"] == "media"]
        return sum(len(base64.b64decode(payload)) for payload in frames) / mulaw.RATE_HZ

    def count(self, event: str) -> int:
        return sum(frame["event"] == event for frame in self.frames)

    @property
    def outcomes(self) -> list[str]:
        return [body["outcome"] for body in self.texts("turn")]

    @property
    def history(self) -> list[tuple[str, str]]:
        return [(message.role, message.text) for message in self.call.state.history]

    async def until(self, met: Callable[["Line"], Any]) -> None:
        async with asyncio.timeout(20):
            while not met(self):
                if self._running.done():
                    self._running.result()
                    raise AssertionError(f"the call ended first: {self.frames[-3:]}")
                await asyncio.sleep(0.005)

    async def turns(self, number: int) -> None:
        """Wait until so many turns are closed."""
        await self.until(lambda line: len(line.outcomes) >= number)

    async def hang_up(self) -> None:
        self._inbox.put_nowait(None)
        async with asyncio.timeout(20):
            await self._running

    async def ended(self) -> None:
        """Wait until the server ends the call."""
        async with asyncio.timeout(20):
            await self._running
