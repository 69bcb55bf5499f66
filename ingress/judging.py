"""Asks at a pause whether the caller's sentence is complete. Owns the threads, not the model."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from audio.pcm import Samples


class TurnJudge:
    """Shared by the calls of a replica. `model` gives the probability that the speaker of int16
    samples of shape (n,) at 8 kHz has finished (`audio.turn_completion`); it takes some 36 ms."""

    def __init__(self, model: Callable[[Samples], float], threshold: float, threads: int) -> None:
        self._model, self._threshold = model, threshold
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="turn-judge")

    async def complete(self, speech: Samples) -> bool:
        loop = asyncio.get_running_loop()
        probability = await loop.run_in_executor(self._threads, self._model, speech)
        return probability >= self._threshold
