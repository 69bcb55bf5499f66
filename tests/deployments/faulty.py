"""Deployments that fail on demand, for the tests of the handles: each does what it is told by the
words that reach it."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np
import ray
from ray import serve

from audio.pcm import Audio
from conversation.fallbacks import FailureClass
from conversation.history import Message
from ingress.backends import BackendError, RecordingOptions, ReplyOptions, Segment, Speech, Word


@ray.remote(num_cpus=0)
class Ledger:
    """What happened inside the replicas, so that a test can wait for it."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._entries: list[str] = []

    async def write(self, entry: str) -> None:
        async with self._changed:
            self._entries.append(entry)
            self._changed.notify_all()

    async def read(self, entry: str) -> None:
        """Return once the entry is there."""
        async with self._changed:
            await self._changed.wait_for(lambda: entry in self._entries)


@serve.deployment(
    num_replicas=2,
    max_ongoing_requests=10,
    health_check_period_s=1,
    ray_actor_options={"num_cpus": 0.1},
)
class Faulty:
    def __init__(self, ledger: Any) -> None:
        self._ledger = ledger

    async def transcribe(
        self, pcm: bytes, rate_hz: int, *, language: str, final: bool
    ) -> str | None:
        await self._do(language)
        return f"{len(pcm)} bytes at {rate_hz}, {language}" if final else None

    async def reply(self, messages: Sequence[Message], options: ReplyOptions) -> AsyncIterator[str]:
        yield str(os.getpid())
        await self._do(messages[-1].text)
        yield f"{messages[-1].text} {options.temperature}"

    async def chat_completions(self, body: dict[str, Any]) -> AsyncIterator[str | dict[str, Any]]:
        if body.get("stream"):
            yield "data: {}\n\n"
        await self._do(body["messages"][-1]["content"])
        yield "data: [DONE]\n\n" if body.get("stream") else body

    async def synthesize(self, phrase: str, voice: str, speed: float) -> AsyncIterator[Speech]:
        await self._do(voice)
        audio = Audio(np.arange(10, dtype=np.int16), 24_000)
        yield Speech(audio, (Word(phrase, 0.0, 0.1 / speed),))

    async def recorded(
        self, pcm: bytes, rate_hz: int, options: RecordingOptions
    ) -> AsyncIterator[Segment]:
        yield Segment(f"{len(pcm)} bytes at {rate_hz}", 0.0, 1.0, options.language)
        await self._do(options.language)
        yield Segment("the end", 1.0, 2.0, options.language)

    async def voices(self) -> list[str]:
        await self._do("en")
        return ["anna", "bert"]

    async def _do(self, what: str) -> None:
        match what.split(":"):
            case ["value"]:
                raise ValueError("this cannot be\nreally")
            case ["runtime"]:
                raise RuntimeError("out of memory")
            case ["backend"]:
                raise BackendError(FailureClass.AUTH, "no such key")
            case ["die"]:
                os._exit(1)
            case ["hang", entry]:
                await self._hang(entry)

    async def _hang(self, entry: str) -> None:
        try:
            self._ledger.write.remote(f"{entry} begun")  # not awaited: that would be cancelled
            await asyncio.Event().wait()
        finally:
            self._ledger.write.remote(f"{entry} cancelled")
