"""pipecat's OpenAIRealtimeLLMService as a client of Parley, in a pipeline whose transport is the
caller. Its agent speaks first, as in pipecat's own examples. Runs in .venv-peers."""
# pyright: reportMissingImports=false, reportUntypedBaseClass=false

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
from loguru import logger
from pipecat.frames.frames import InputAudioRawFrame, LLMRunFrame, StartFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner

from benchmarks.peers.realtime_asking import WIDE_HZ, Asking, main


class Earpiece(BaseOutputTransport):
    """Plays in real time, into the caller's ear."""

    def __init__(self, caller: Asking) -> None:
        super().__init__(TransportParams(audio_out_enabled=True))
        self._caller, self._played_until_s = caller, 0.0

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: Any) -> bool:
        samples = np.frombuffer(frame.audio, np.int16)
        self._caller.hear(samples)
        now_s = time.monotonic()
        self._played_until_s = max(now_s, self._played_until_s) + len(samples) / WIDE_HZ
        await asyncio.sleep(self._played_until_s - now_s)
        return True


async def hold(caller: Asking, url: str, talk: Callable[[], Awaitable[None]]) -> None:
    llm = OpenAIRealtimeLLMService(
        api_key="none",
        base_url=f"{url.replace('http', 'ws', 1)}/realtime",
        settings=OpenAIRealtimeLLMService.Settings(model="default"),
    )
    pair = LLMContextAggregatorPair(LLMContext([]))
    worker = PipelineWorker(
        Pipeline([pair.user(), llm, Earpiece(caller), pair.assistant()]),
        params=PipelineParams(audio_in_sample_rate=WIDE_HZ, audio_out_sample_rate=WIDE_HZ),
        enable_rtvi=False,
    )

    async def speak() -> None:
        async for frame in caller.frames():
            await worker.queue_frame(InputAudioRawFrame(frame.tobytes(), WIDE_HZ, 1))

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(runner.run())
        await worker.queue_frame(LLMRunFrame())
        speaking = tasks.create_task(speak())
        await caller.silence(since=0)
        await talk()
        speaking.cancel()
        await worker.cancel()
        await running


if __name__ == "__main__":
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    main(hold, __doc__ or "")
