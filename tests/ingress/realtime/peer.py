"""A Realtime client in a test, without sockets: it speaks with a recorded voice, and every event it
is sent is validated strictly by openai's own types. The models are scripted."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from audio.pcm import Audio
from audio.resampling import resample
from configs.agents import Agent
from configs.schema import Stack
from ingress.admission import Admission
from ingress.call_log import CallLog
from ingress.lines import FixedLines
from ingress.readiness import Readiness
from ingress.realtime_calls import new_call
from ingress.replica import Replica
from ingress.security import Secrets
from tests.ingress.line import SILERO, Counts, Models, recorded

OPENAIS = TypeAdapter(RealtimeServerEvent)
RATE_HZ = 24_000
FRAME_BYTES = RATE_HZ * 2 // 50
SPEECH = resample(recorded(), RATE_HZ).samples.tobytes()
TOOLS = {"engine": "scripted", "replies": ["hello", {"tool": "get_weather"}]}


def stack_of(agent: Agent, *, tools: bool, **listening: Any) -> Stack:
    scripted = {"engine": "scripted"}
    return Stack(
        stt=scripted,
        llm=TOOLS if tools else scripted,
        tts=scripted,
        agents={"default": agent, "other": agent},
        listening={"partial_every_ms": 0, **listening},
    )


def replica_of(
    stack: Stack, models: Models, now_s: Callable[[], float] = time.monotonic
) -> Replica:
    metrics = Counts()
    readiness = Readiness()
    readiness.voices = ("af_heart", "am_michael")
    return Replica(
        stack,
        models.backends,
        metrics,
        Secrets(),
        SILERO,
        FixedLines(),
        Admission(10, metrics),
        readiness,
        now_s,
    )


class Peer:
    """Used as a context: `async with Peer(...) as peer`."""

    def __init__(
        self,
        models: Models | None = None,
        agent: Agent | None = None,
        *,
        session: dict[str, Any] | None = None,
        tools: bool = True,
        sound_in_events: bool = True,
        listening: dict[str, Any] | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.models = models or Models()
        agent = agent or Agent(prompt="Be brief.", phrase_markers=False)
        stack = stack_of(agent, tools=tools, **(listening or {}))
        self.replica = replica_of(stack, self.models, now_s)
        self.events: list[dict[str, Any]] = []
        self.track: list[Any] = []  # what a WebRTC peer is sent beside events
        self._inbox: asyncio.Queue[Any] = asyncio.Queue()
        self._put = self._read = 0
        self._heard_s = 0.0  # of sound that came beside events
        self.call = new_call(
            self.replica,
            "sess_1",
            "default",
            (session or {},),
            CallLog("sess_1"),
            track_s=None if sound_in_events else lambda: self._heard_s,
        )

    async def __aenter__(self) -> "Peer":
        self._running = asyncio.create_task(self.call.run(self._messages(), self._receive))
        return self

    async def __aexit__(self, kind: Any, *_: Any) -> None:
        if kind is None:
            await self.hang_up()
        else:
            self._running.cancel()

    async def _messages(self) -> AsyncIterator[Any]:
        while (message := await self._inbox.get()) is not None:
            if isinstance(message, Audio):
                self._heard_s += message.seconds
            yield message
            self._read += 1

    async def _receive(self, message: Any) -> None:
        if not isinstance(message, str):
            self.track.append(message)
            return
        event = json.loads(message)
        if not event["type"].startswith("parley."):
            OPENAIS.validate_json(message, strict=True)
        self.events.append(event)

    def send(self, kind: str, **fields: Any) -> None:
        self.send_raw(json.dumps({"type": kind, **fields}))

    def send_raw(self, message: str | bytes | Audio) -> None:
        self._put += 1
        self._inbox.put_nowait(message)

    @property
    def all_read(self) -> bool:
        """Whether the call has dealt with everything that was sent."""
        return self._put == self._read

    def update(self, **session: Any) -> None:
        self.send("session.update", session={"type": "realtime", **session})

    def append(self, sound: bytes) -> None:
        for at in range(0, len(sound), FRAME_BYTES):
            audio = base64.b64encode(sound[at : at + FRAME_BYTES]).decode()
            self.send("input_audio_buffer.append", audio=audio)

    def silence(self, ms: int = 800) -> None:
        self.append(bytes(FRAME_BYTES * (ms // 20)))

    def say(self, sound: bytes = SPEECH) -> None:
        self.silence(200)
        self.append(sound)
        self.silence()

    def write(self, text: str, **fields: Any) -> None:
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content, **fields}
        self.send("conversation.item.create", item=item)

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] in kinds]

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    @property
    def last(self) -> dict[str, Any]:
        return self.events[-1]

    @property
    def errors(self) -> list[dict[str, Any]]:
        return [event["error"] for event in self.of("error")]

    @property
    def sound(self) -> np.ndarray[Any, Any]:
        """What was sent of the agent's voice as audio/pcm: int16 of shape (n,)."""
        deltas = [base64.b64decode(e["delta"]) for e in self.of("response.output_audio.delta")]
        return np.frombuffer(b"".join(deltas), np.int16)

    @property
    def history(self) -> list[tuple[str, str]]:
        return [(message.role, message.text) for message in self.call.state.history]

    async def until(self, met: Callable[["Peer"], Any]) -> None:
        async with asyncio.timeout(20):
            while not met(self):
                if self._running.done():
                    self._running.result()
                    raise AssertionError(f"the call ended first: {self.types}")
                await asyncio.sleep(0.005)

    async def sent(self, kind: str, number: int = 1) -> dict[str, Any]:
        """Wait until so many events of a kind have come; the last of them."""
        await self.until(lambda peer: len(peer.of(kind)) >= number)
        return self.of(kind)[number - 1]

    async def quiet(self) -> None:
        """Wait until the turn was heard."""
        await self.until(lambda peer: peer.call.state.phase == "listening")

    async def hang_up(self) -> None:
        self._inbox.put_nowait(None)
        async with asyncio.timeout(20):
            await self._running
