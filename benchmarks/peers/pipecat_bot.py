"""pipecat 1.14.0 behind Twilio's protocol, as its own examples build it. Runs in .venv-peers."""
# pyright: reportMissingImports=false, reportUntypedFunctionDecorator=false
# pyright: reportUnusedFunction=false

import json
import sys
from typing import Any

from fastapi import FastAPI, WebSocket
from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADParams
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.openai.stt import OpenAISTTService
from pipecat.services.openai.tts import OpenAITTSService
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

from benchmarks.peers.listening import options, serve

PROMPT = "You are a helpful phone agent."


def application(models: str, silence_s: float, turn: str) -> FastAPI:
    app = FastAPI()

    @app.websocket("/ws")
    async def media(socket: WebSocket) -> None:
        await socket.accept()
        transport = transport_of(socket, await started(socket))
        worker = worker_of(transport, models, user_of(silence_s, turn))

        @transport.event_handler("on_client_disconnected")
        async def left(_transport: Any, _socket: Any) -> None:
            await worker.cancel()

        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        await runner.run()

    return app


async def started(socket: WebSocket) -> dict[str, Any]:
    """The `start` object; the serializer must know the stream before it is made."""
    while (message := json.loads(await socket.receive_text()))["event"] != "start":
        pass
    return message["start"]


def transport_of(socket: WebSocket, start: dict[str, Any]) -> Any:
    serializer = TwilioFrameSerializer(
        stream_sid=start["streamSid"],
        call_sid=start["callSid"],
        params=TwilioFrameSerializer.InputParams(auto_hang_up=False),
    )
    params = FastAPIWebsocketParams(
        audio_in_enabled=True, audio_out_enabled=True, add_wav_header=False, serializer=serializer
    )
    return FastAPIWebsocketTransport(websocket=socket, params=params)


def user_of(silence_s: float, turn: str) -> Any:
    """`smart` leaves the default in place, the bundled smart-turn model; `timeout` ends the turn
    with the voice detector's own silence."""
    params = LLMUserAggregatorParams(
        vad_analyzer=SileroVADAnalyzer(params=VADParams(stop_secs=silence_s))
    )
    if turn == "timeout":
        stop = SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.0)
        params.user_turn_strategies = UserTurnStrategies(stop=[stop])
    return params


def worker_of(transport: Any, models: str, user: Any) -> Any:
    at = {"api_key": "none", "base_url": models}
    stt = OpenAISTTService(**at, settings=OpenAISTTService.Settings(model="whisper-1"))
    llm = OpenAILLMService(**at, settings=OpenAILLMService.Settings(model="sentences"))
    tts = OpenAITTSService(**at, settings=OpenAITTSService.Settings(model="kokoro", voice="alloy"))
    pair = LLMContextAggregatorPair(
        LLMContext([{"role": "system", "content": PROMPT}]), user_params=user
    )
    line = [transport.input(), stt, pair.user(), llm, tts, transport.output(), pair.assistant()]
    params = PipelineParams(audio_in_sample_rate=8_000, audio_out_sample_rate=24_000)
    return PipelineWorker(Pipeline(line), params=params, enable_rtvi=False)


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--turn", choices=("smart", "timeout"), default="smart")
    given = parser.parse_args()
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    serve(application(given.models, given.silence_s, given.turn), given.port)
