"""Deployments that fail on demand, for the tests of the handles: each does what it is told by the
words that reach it."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ray import serve

from audio.pcm import Audio
from conversation.fallbacks import FailureClass
from conversation.history import Message
from ingress.backends import BackendError, RecordingOptions, ReplyOptions, Segment, Speech, Word

READ_WITHIN_S = 60


class Ledger:
    """What happened inside the replicas, so that a test can wait for it: a file for each entry,
    since what a cancelled request asks of Ray is cancelled with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, entry: str) -> None:
        (self._folder / entry).touch()

    async def read(self, entry: str) -> None:
        """Return once the entry is there. Raises TimeoutError after `READ_WITHIN_S`."""
        async with asyncio.timeout(READ_WITHIN_S):
            while not (self._folder / entry).exists():  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.01)


@serve.deployment(
    num_replicas=2,
    max_ongoing_requests=10,
    health_check_period_s=1,
    ray_actor_options={"num_cpus": 0.1},
)
class Faulty:
    def __init__(self, ledger: Ledger) -> None:
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
            self._ledger.write(f"{entry} begun")
            await asyncio.Event().wait()
        finally:
            self._ledger.write(f"{entry} cancelled")
