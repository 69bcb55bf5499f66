"""What one call costs an ingress core, part by part: `python -m benchmarks.per_call`.

CPU time of this process alone, without sockets to the caller: the line's frames through the codec
and the voice activity, the requests of a turn against `benchmarks.mocks` in a process of its own,
and a reply's sound on its way out. Medians of interleaved rounds; what a machine's other work does
to them is beside it, as the least and the most.
"""

import asyncio
import base64
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import orjson
import uvloop
from pydantic import HttpUrl
from rich.console import Console
from rich.table import Table

from audio import mulaw
from audio.pcm import Audio
from audio.resampling import resample
from audio.voice_activity import SileroModel, VoiceActivity
from benchmarks.recordings import clips
from configs.schema import OpenAI
from conversation.history import Message
from deployments.engines.endpoint import (
    EndpointLanguageModel,
    EndpointSynthesizer,
    EndpointTranscriber,
    client_of,
)
from ingress.backends import ReplyOptions, Voice
from ingress.playout import Playout
from ingress.protocols.twilio import TwilioCodec

ROUNDS = 7
AT_ONCE = 16
TURN_EVERY_S = 7.0
VOICED_S = 2.0
"""Of each turn: what a caller says. The rest is silence on the line, and the agent's reply."""

PARTIALS = 4
PHRASES = 2
LONG_S = 30.0
STREAM = "MZ" + "0" * 32


@dataclass(frozen=True, slots=True)
class Part:
    """`per_turn` of it are needed a turn; `work` does some, and tells how many."""

    name: str
    per_turn: float
    work: Callable[[], Awaitable[int]]


def main() -> None:
    uvloop.run(measure(Console()))


async def measure(console: Console) -> None:
    with mocks() as url:
        section = OpenAI(engine="openai", base_url=HttpUrl(url), model="sentences")
        async with client_of(section, None) as one:
            parts = [*line(), *way_out(), *turn(one)]
            taken: dict[str, list[float]] = {part.name: [] for part in parts}
            for _ in range(ROUNDS):
                for part in parts:
                    began_s = time.process_time()
                    count = await part.work()
                    taken[part.name].append((time.process_time() - began_s) / count * 1e6)
    table = Table("part", "us each", "least", "most", "a turn", "% of a core a call")
    whole = 0.0
    for part in parts:
        us = sorted(taken[part.name][1:])  # the first round warms up
        share = median(us) * part.per_turn / TURN_EVERY_S / 1e4
        whole += share
        figures = [f"{value:.1f}" for value in (median(us), us[0], us[-1], part.per_turn)]
        table.add_row(part.name, *figures, f"{share:.3f}")
    table.add_row("all", "", "", "", "", f"{whole:.3f}")
    console.print(table)


def line() -> Iterator[Part]:
    """The caller's frames, of 20 ms."""
    clip = clips()[0].utterance.payload
    frames = [clip[at : at + 160] for at in range(0, len(clip) - 159, 160)]
    messages = [message(frame) for frame in frames]
    sounds = [mulaw.decode(frame) for frame in frames]
    quiet = [np.zeros(160, np.int16)] * len(frames)
    codec, model = TwilioCodec(STREAM, texts=False), SileroModel()

    async def decode() -> int:
        return sum(len(list(codec.decode(each))) for each in messages)

    def heard(line: list[Any]) -> Callable[[], Awaitable[int]]:
        async def hear() -> int:
            activity = VoiceActivity(model)
            for samples in line:
                activity.push(samples)
            return len(line)

        return hear

    frames_a_turn, voiced = TURN_EVERY_S * 50, VOICED_S * 50
    yield Part("media frame decoded", frames_a_turn, decode)
    yield Part("voice activity, sound", voiced, heard(sounds))
    yield Part("voice activity, quiet", frames_a_turn - voiced, heard(quiet))


def way_out() -> Iterator[Part]:
    """A phrase's sound, from 24 kHz to the telephone's, paced and encoded."""
    spoken = resample(Audio(mulaw.decode(clips()[0].utterance.payload)[:16_000], 8_000), 24_000)

    async def out() -> int:
        playout = Playout(1, mulaw.RATE_HZ, 0.2, shut=False)
        codec = TwilioCodec(STREAM, texts=False)
        number = playout.begin("two seconds")
        playout.add(number, spoken)
        playout.end(number)
        for tenth in range(25):
            for output in playout.due(tenth / 10, 0):
                list(codec.encode(output))
        return 1

    yield Part("phrase of 2 s paced and encoded", PHRASES, out)


def turn(client: Any) -> Iterator[Part]:
    """A turn's requests; the mocks' reply has 16 tokens, and a phrase's speech takes 2 s."""
    transcriber = EndpointTranscriber(client, "sentences")
    model = EndpointLanguageModel(client, "sentences")
    synthesizer = EndpointSynthesizer(client, "sentences")
    speech = Audio(mulaw.decode(clips()[0].utterance.payload)[:16_000], 8_000)
    messages = [Message("system", "You are Sam. " * 40)]
    messages += [Message(role, "Hello there.") for role in ("user", "assistant") * 6]
    messages.append(Message("user", "What is the weather like today?"))

    async def transcribe() -> int:
        await transcriber.transcribe(speech, language="en", final=True, deadline_s=LONG_S)
        return 1

    async def reply() -> int:
        pieces = model.reply(messages, ReplyOptions(), first_token_s=LONG_S, deadline_s=LONG_S)
        return await drained(pieces)

    async def say() -> int:
        words = "I can help you with that right now."
        return await drained(synthesizer.synthesize(words, Voice("af_heart"), deadline_s=LONG_S))

    def at_once(work: Callable[[], Awaitable[int]]) -> Callable[[], Awaitable[int]]:
        async def several() -> int:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(AT_ONCE):
                    tasks.create_task(work())  # pyright: ignore[reportArgumentType]
            return AT_ONCE

        return several

    yield Part("transcript", 1 + PARTIALS, at_once(transcribe))
    yield Part("reply of 16 tokens", 1, at_once(reply))
    yield Part("phrase of 2 s synthesised", PHRASES, at_once(say))


async def drained(pieces: AsyncIterator[Any]) -> int:
    return len([piece async for piece in pieces])


def message(frame: bytes) -> str:
    payload = base64.b64encode(frame).decode()
    media = {"track": "inbound", "chunk": "1", "timestamp": "20", "payload": payload}
    body = {"event": "media", "sequenceNumber": "2", "media": media, "streamSid": STREAM}
    return orjson.dumps(body).decode()


@contextmanager
def mocks() -> Generator[str, None, None]:
    """The mock model servers on a free port; gives their address."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    served = subprocess.Popen([sys.executable, "-m", "benchmarks.mocks", str(port)])
    try:
        for _ in range(100):
            with closing(socket.socket()) as asked:
                if not asked.connect_ex(("127.0.0.1", port)):
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        served.terminate()
        served.wait()


if __name__ == "__main__":
    main()
