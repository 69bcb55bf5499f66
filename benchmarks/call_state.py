"""What one call keeps in memory, counted by Python's own allocator (tracemalloc) in this process.

The call is the ingress's own (`ingress.call.Call`, with codec, hearing, tasks and all), on scripted
engines, its line an in-memory queue. Counted is everything that is still allocated once many calls
have talked and fallen silent, by the source file that allocated it; shared things are taken off by
counting from after one call, and so is what this package allocated for the callers' ends.
"""

import asyncio
import base64
import gc
import json
import sys
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any

from audio import mulaw
from audio.pcm import Audio
from audio.voice_activity import SileroModel
from benchmarks.recordings import Recording
from configs.schema import (
    ScriptedLanguageModel,
    ScriptedSynthesizer,
    ScriptedTranscriber,
    Stack,
)
from conversation.endpointing import Thresholds
from conversation.history import Message
from deployments.engines.scripted import Replies, Script, Tone
from deployments.engines.scripted_chat import chat_completions
from ingress.agents import agent_of, conversation_of
from ingress.app import replica_of
from ingress.backends import (
    Backends,
    Piece,
    RecordingOptions,
    ReplyOptions,
    Segment,
    Speech,
    Transcript,
    Voice,
)
from ingress.call_log import CallLog
from ingress.hearing import Hearing
from ingress.protocols.codec import Wire
from ingress.protocols.twilio import Start
from ingress.replica import Replica
from ingress.security import Secrets
from ingress.twilio_media import new_call

REPLY = " ".join(["That is a good question, and here is an answer of the usual length to it."] * 2)
SILENT_S = 1
LONGEST = Thresholds(max_utterance_s=28, silence_ms=10_000)
"""The most that `configs.schema.Listening` allows."""
FRAMES_PER_LOOK = 10
STREAM = "MZ" + "0" * 32


class _Scripted:
    """The three seams at once, in this process."""

    def __init__(self) -> None:
        self._script = Script(ScriptedTranscriber(engine="scripted"))
        self._replies = Replies(ScriptedLanguageModel(engine="scripted", replies=(REPLY,)))
        self._tone = Tone(ScriptedSynthesizer(engine="scripted"))

    async def transcribe(
        self, speech: Audio, *, language: str, final: bool, deadline_s: float
    ) -> Transcript | None:
        return Transcript(await self._script.transcribe(speech.samples.tobytes()))

    def reply(
        self,
        messages: Sequence[Message],
        options: ReplyOptions,
        *,
        first_token_s: float,
        deadline_s: float,
    ) -> AsyncIterator[Piece]:
        return self._replies.reply(messages, options)

    def chat(
        self, body: dict[str, Any], *, deadline_s: float
    ) -> AsyncIterator[str | dict[str, Any]]:
        return chat_completions(self._replies, body)

    def synthesize(self, phrase: str, voice: Voice, *, deadline_s: float) -> AsyncIterator[Speech]:
        return self._tone.synthesize(phrase, voice.speed)

    def recorded(
        self, recording: Audio, options: RecordingOptions, *, deadline_s: float
    ) -> AsyncIterator[Segment]:
        return self._script.recorded(recording.samples.tobytes(), recording.rate_hz)

    async def voices(self, *, deadline_s: float) -> tuple[str, ...]:
        return ()


class _Unmeasured:
    def count(self, name: str, **tags: str) -> None: ...
    def gauge(self, name: str, value: float) -> None: ...
    def observe(self, name: str, value: float, **tags: str) -> None: ...


class _Line:
    """A caller's end without a socket: echoes marks at once, and counts the turns that ended."""

    def __init__(self) -> None:
        self.inbox: asyncio.Queue[str] = asyncio.Queue()
        self.turns: asyncio.Queue[None] = asyncio.Queue()

    async def messages(self) -> AsyncIterator[str]:
        while True:
            yield await self.inbox.get()

    async def send(self, message: Wire) -> None:
        assert isinstance(message, str)
        frame = json.loads(message)
        if frame["event"] == "mark":
            self.inbox.put_nowait(message)
        elif frame["event"] == "parley" and frame["parley"]["type"] == "turn":
            self.turns.put_nowait(None)

    def say(self, payload: bytes) -> None:
        for at in range(0, len(payload), mulaw.FRAME_BYTES):
            chunk = base64.b64encode(payload[at : at + mulaw.FRAME_BYTES]).decode()
            frame = {"event": "media", "streamSid": STREAM, "media": {"payload": chunk}}
            self.inbox.put_nowait(json.dumps(frame))


async def bytes_by_file(stack: Stack, said: Recording, turns: int, count: int) -> dict[str, float]:
    """Bytes that one more open call keeps, on the average over `count`, after `turns` turns, most
    first. The buffer of what the caller said is `hearing.py`'s. Raises TimeoutError."""
    scripted = _Scripted()
    backends = Backends(scripted, scripted, scripted)
    replica = replica_of(stack, backends, _Unmeasured(), Secrets())
    tracemalloc.start()
    try:
        async with asyncio.TaskGroup() as tasks:
            work = [tasks.create_task(_talked(replica, tasks, said, turns))]
            await asyncio.wait(work)
            before = _snapshot()
            work += [tasks.create_task(_talked(replica, tasks, said, turns)) for _ in range(count)]
            await asyncio.wait(work)
            after = _snapshot()
            for one in work:
                (await one).cancel()
        found = after.compare_to(before, "filename")
        sizes = {one.traceback[0].filename: one.size_diff / count for one in found}
        return {name: size for name, size in sizes.items() if size and _of_the_server(name)}
    finally:
        tracemalloc.stop()


async def _talked(
    replica: Replica, tasks: asyncio.TaskGroup, said: Recording, turns: int
) -> asyncio.Task[None]:
    """A call that has had its turns and is still open."""
    line = _Line()
    start = Start.model_validate(
        {
            "streamSid": STREAM,
            "callSid": "CA" + "0" * 32,
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8_000, "channels": 1},
            "customParameters": {"parley_events": "1"},
        }
    )
    _, agent = agent_of(replica.stack, None, None)
    conversation = conversation_of(replica.stack, agent, start.parameters)
    call = new_call(replica, start, agent, conversation, CallLog("benchmark"))
    running = tasks.create_task(call.run(line.messages(), line.send))
    silence = bytes([mulaw.SILENCE]) * SILENT_S * mulaw.RATE_HZ
    async with asyncio.timeout(120):
        if agent.greeting:
            await line.turns.get()
        for _ in repeat(None, turns):
            line.say(said.utterance.payload + silence)
            await line.turns.get()
    return running


def buffer_bytes(said: Recording, seconds: int = 60) -> int:
    """The most that one line's hearing keeps while a caller speaks without a pause for as long as
    `seconds`, with the longest utterance that may be configured."""
    speech = mulaw.decode(said.utterance.payload)
    model = SileroModel()
    tracemalloc.start()
    try:
        most, hearing = 0, Hearing(model, LONGEST)
        for frame_number, begins in enumerate(range(0, seconds * mulaw.RATE_HZ, mulaw.FRAME_BYTES)):
            at = begins % (len(speech) - mulaw.FRAME_BYTES)
            for _ in hearing.push(Audio(speech[at : at + mulaw.FRAME_BYTES], mulaw.RATE_HZ)):
                pass
            if frame_number % FRAMES_PER_LOOK == 0:
                most = max(most, _allocated_by(sys.modules[Hearing.__module__].__file__))
        return most
    finally:
        tracemalloc.stop()


def _allocated_by(filename: str | None) -> int:
    only = tracemalloc.Filter(inclusive=True, filename_pattern=str(filename))
    found = tracemalloc.take_snapshot().filter_traces([only]).statistics("filename")
    return sum(one.size for one in found)


def _snapshot() -> tracemalloc.Snapshot:
    gc.collect()
    return tracemalloc.take_snapshot()


def _of_the_server(filename: str) -> bool:
    return Path(filename).parent != Path(__file__).parent and filename != tracemalloc.__file__
