"""pipecat's OpenAIRealtimeLLMService in a pipeline whose transport is the caller, in real time. Its
agent speaks first, as in pipecat's own examples. Runs in .venv-peers."""
# pyright: reportMissingImports=false, reportUntypedBaseClass=false, reportUntypedFunctionDecorator=false

import asyncio
import sys
import time
from typing import Any

import numpy as np
from loguru import logger
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    ErrorFrame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMRunFrame,
    StartFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSTextFrame,
)
from pipecat.observers.base_observer import BaseObserver
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.services.openai.realtime.events import (
    AudioConfiguration,
    AudioInput,
    InputAudioTranscription,
    SessionProperties,
    TurnDetection,
)
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner

from audio.pcm import Audio
from tests.clients.caller import RATE_HZ, TOOL, WEATHER, Caller, beside, run


class Earpiece(BaseOutputTransport):
    """Plays in real time, into the caller's ear."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(TransportParams(audio_out_enabled=True))
        self._caller, self._played_until_s = caller, 0.0

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: Any) -> bool:
        samples = np.frombuffer(frame.audio, np.int16)
        self._caller.hear(samples)
        now_s = time.monotonic()
        self._played_until_s = max(now_s, self._played_until_s) + len(samples) / RATE_HZ
        await asyncio.sleep(self._played_until_s - now_s)
        return True


class Observer(BaseObserver):
    """What the service tells the pipeline, and who cut whom off."""

    def __init__(self, caller: Caller, llm: Any) -> None:
        super().__init__(observe_every_push=False)
        self._caller, self._llm = caller, llm
        self._text, self._speaking, self._received_s = "", False, 0.0

    async def on_push_frame(self, data: Any) -> None:
        report, frame = self._caller.report, data.frame
        match frame:
            case TranscriptionFrame():
                report.said.append(frame.text)
            case TTSStartedFrame():
                self._caller.begin_answer()
                self._received_s = 0.0
            case TTSAudioRawFrame() if data.source is self._llm:
                self._received_s += len(frame.audio) / 2 / RATE_HZ
            case TTSTextFrame():
                self._text += frame.text
            case LLMFullResponseEndFrame() if data.source is self._llm:
                self._end_answer()
            case BotStartedSpeakingFrame() | BotStoppedSpeakingFrame():
                self._speaking = isinstance(frame, BotStartedSpeakingFrame)
                self._finish()
            case InterruptionFrame() if self._speaking:
                report.answers[-1].cut_off = True
            case ErrorFrame():
                report.errors.append(frame.error)
            case _:
                return
        report.events += 1
        self._caller.noticed()

    def _end_answer(self) -> None:
        """A response that only called a tool has no text."""
        if self._text:
            self._caller.report.answers[-1].text, self._text = self._text.strip(), ""
            self._finish()

    def _finish(self) -> None:
        """An answer is done when all of it has come and has been played, but for pipecat's last
        chunk of less than 40 ms."""
        for answer in self._caller.report.answers[-1:]:
            played = answer.seconds > self._received_s - 0.04
            answer.done = bool(answer.text) and played and not answer.cut_off


def service(caller: Caller, url: str, key: str) -> Any:
    """With a tool that knows the weather."""
    hears = AudioInput(transcription=InputAudioTranscription(), turn_detection=TurnDetection())
    llm = OpenAIRealtimeLLMService(
        api_key=key,
        base_url=f"{url.replace('http', 'ws', 1)}/realtime",
        settings=OpenAIRealtimeLLMService.Settings(
            model="default",
            system_instruction="Be brief.",
            session_properties=SessionProperties(audio=AudioConfiguration(input=hears)),
        ),
    )

    async def weather(call: Any) -> None:
        caller.report.tool = {"name": call.function_name, **call.arguments}
        await call.result_callback(WEATHER)

    llm.register_function(TOOL["name"], weather)
    return llm


def schema_of(tool: dict[str, Any]) -> Any:
    given = tool["parameters"]
    return FunctionSchema(tool["name"], tool["description"], given["properties"], given["required"])


async def converse(caller: Caller, url: str, key: str, sentences: list[Audio]) -> None:
    llm = service(caller, url, key)
    tools = ToolsSchema([schema_of(tool) for tool in caller.tools])
    pair = LLMContextAggregatorPair(LLMContext([], tools=tools))
    items: list[str] = []

    @llm.event_handler("on_conversation_item_created")
    async def created(_service: Any, item_id: str, item: Any) -> None:
        if item.role == "assistant":
            items.append(item_id)

    worker = PipelineWorker(
        Pipeline([pair.user(), llm, Earpiece(caller), pair.assistant()]),
        params=PipelineParams(audio_in_sample_rate=RATE_HZ, audio_out_sample_rate=RATE_HZ),
        observers=[Observer(caller, llm)],
        enable_rtvi=False,
    )

    async def speak() -> None:
        async for frame in caller.frames():
            await worker.queue_frame(InputAudioRawFrame(frame.tobytes(), RATE_HZ, 1))

    async def ask(_text: str) -> None:
        caller.say(sentences[0])

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    async with beside(runner.run()):
        await worker.queue_frame(LLMRunFrame())
        async with beside(speak()):
            await caller.hold_dialogue(sentences, ask, greeted=True)
            cut_off = await llm.retrieve_conversation_item(items[1])
            caller.report.kept = cut_off.content[0].transcript
        await worker.cancel()


if __name__ == "__main__":
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    run(converse, __doc__ or "")
