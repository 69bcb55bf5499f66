"""Whether every model has answered once, and what is still loading. Owns the warm-up."""

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np

from audio.pcm import Audio
from configs.schema import Stack
from conversation.history import Message
from ingress.backends import BackendError, Backends, ReplyOptions, closing
from ingress.call_log import logger
from ingress.lines import FixedLines

PARTS: tuple[str, ...] = ("transcriber", "language model", "synthesizer")

ATTEMPT_S = 120.0
"""A model that is still being loaded keeps its first request waiting; each attempt may take so
long before `/health` says why."""

PAUSE_S = 1.0


class Readiness:
    """`waiting_for` maps what is not ready to why; `ready` is set once that is empty. `voices` are
    those of the synthesizer, empty where nobody tells them."""

    def __init__(self) -> None:
        self.waiting_for = dict.fromkeys(PARTS, "loading")
        self.ready = asyncio.Event()
        self.voices: tuple[str, ...] = ()

    def ready_part(self, part: str) -> bool:
        """Whether one of `PARTS` has answered."""
        return part not in self.waiting_for

    async def within(self, seconds: float) -> bool:
        """Wait until ready, for so long at most."""
        try:
            async with asyncio.timeout(seconds):
                await self.ready.wait()
        except TimeoutError:
            return False
        return True

    async def warm_up(self, stack: Stack, backends: Backends, lines: FixedLines) -> None:
        """Ask each model for one answer, again until it gives one; then keep the fixed lines."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._until_done("transcriber", lambda: _transcribe(stack, backends)))
            tasks.create_task(self._until_done("language model", lambda: _reply(backends)))
            tasks.create_task(
                self._until_done("synthesizer", lambda: self._speak(stack, backends, lines))
            )
        self.ready.set()

    async def _speak(self, stack: Stack, backends: Backends, lines: FixedLines) -> None:
        await lines.prepare(stack, backends, deadline_s=ATTEMPT_S)
        self.voices = await backends.synthesizer.voices(deadline_s=ATTEMPT_S)

    async def _until_done(self, part: str, ask: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await ask()
            except BackendError as error:
                if self.waiting_for[part] != str(error):
                    logger.warning("%s is not ready: %s", part, error)
                self.waiting_for[part] = str(error)
                await asyncio.sleep(PAUSE_S)
            else:
                logger.info("%s is ready", part)
                del self.waiting_for[part]
                return


async def _transcribe(stack: Stack, backends: Backends) -> None:
    """In every agent's language: a model may not know one."""
    second = Audio(np.zeros(8_000, np.int16), 8_000)
    for language in sorted({agent.language for agent in stack.agents.values()}):
        await backends.transcriber.transcribe(
            second, language=language, final=True, deadline_s=ATTEMPT_S
        )


async def _reply(backends: Backends) -> None:
    tokens = backends.language_model.reply(
        [Message("user", "Hello.")],
        ReplyOptions(max_tokens=1),
        first_token_s=ATTEMPT_S,
        deadline_s=ATTEMPT_S,
    )
    async with closing(tokens) as pieces:
        async for _ in pieces:
            pass
