"""LiveKit Agents 1.8.9 behind Twilio's protocol: its AgentSession in this process, without a room,
WebRTC or a process a job (none of which would make it cheaper). Runs in .venv-peers."""
# pyright: reportMissingImports=false, reportUntypedFunctionDecorator=false
# pyright: reportUntypedBaseClass=false, reportUnusedFunction=false

import asyncio
import base64
import json
import logging
import time
from typing import Any

import numpy as np
from fastapi import FastAPI, WebSocket
from livekit import rtc
from livekit.agents import Agent, AgentSession, inference, utils
from livekit.agents.voice.io import AudioInput, AudioOutput, AudioOutputCapabilities
from livekit.agents.voice.transcription.synchronizer import TranscriptSynchronizer
from livekit.plugins import openai

from audio import mulaw
from benchmarks.peers.listening import options, serve

PROMPT = "You are a helpful phone agent."


class Line(AudioInput):
    """What the caller says."""

    def __init__(self) -> None:
        super().__init__(label="telephone")
        self.frames: Any = utils.aio.Chan()

    async def __anext__(self) -> Any:
        return await self.frames.__anext__()

    def hear(self, payload: str) -> None:
        samples = mulaw.decode(base64.b64decode(payload))
        self.frames.send_nowait(rtc.AudioFrame(samples.tobytes(), mulaw.RATE_HZ, 1, len(samples)))


class Earpiece(AudioOutput):
    """What the caller hears: sent as it comes, played in real time from its first frame on."""

    def __init__(self, socket: WebSocket, stream_sid: str) -> None:
        super().__init__(
            label="telephone",
            sample_rate=mulaw.RATE_HZ,
            capabilities=AudioOutputCapabilities(pause=False),
        )
        self._socket, self._stream_sid = socket, stream_sid
        self._seconds, self._began = 0.0, 0.0
        self._ending: asyncio.TimerHandle | None = None
        self._clearing: set[asyncio.Task[None]] = set()

    async def capture_frame(self, frame: Any) -> None:
        await super().capture_frame(frame)
        if not self._seconds:
            self._began = time.time()
            self.on_playback_started(created_at=self._began)
        self._seconds += frame.duration
        payload = mulaw.encode(np.frombuffer(frame.data, dtype=np.int16))
        await self._send("media", media={"payload": base64.b64encode(payload).decode()})

    def flush(self) -> None:
        super().flush()
        if self._seconds:
            left_s = max(0.0, self._seconds - (time.time() - self._began))
            loop = asyncio.get_running_loop()
            self._ending = loop.call_later(left_s, self._played, self._seconds, False)

    def clear_buffer(self) -> None:
        if self._seconds:
            self._clearing.add(task := asyncio.ensure_future(self._send("clear")))
            task.add_done_callback(self._clearing.discard)
            self._played(min(time.time() - self._began, self._seconds), True)

    def _played(self, seconds: float, interrupted: bool) -> None:
        if self._ending:
            self._ending.cancel()
        self._ending, self._seconds = None, 0.0
        self.on_playback_finished(playback_position=seconds, interrupted=interrupted)

    async def _send(self, event: str, **body: Any) -> None:
        message = {"event": event, "streamSid": self._stream_sid, **body}
        await self._socket.send_text(json.dumps(message))


def application(models: str, silence_s: float, warmup: bool, synchronized: bool) -> FastAPI:
    app = FastAPI()

    @app.websocket("/ws")
    async def media(socket: WebSocket) -> None:
        await socket.accept()
        while (message := json.loads(await socket.receive_text()))["event"] != "start":
            pass
        session, line = session_of(models, silence_s, warmup), Line()
        session.input.audio = line
        earpiece = Earpiece(socket, message["start"]["streamSid"])
        if synchronized:
            both = TranscriptSynchronizer(next_in_chain_audio=earpiece, next_in_chain_text=None)
            session.output.audio, session.output.transcription = both.audio_output, both.text_output
        else:
            session.output.audio = earpiece
        await session.start(Agent(instructions=PROMPT))
        try:
            async for text in socket.iter_text():
                message = json.loads(text)
                if message["event"] == "media":
                    line.hear(message["media"]["payload"])
        finally:
            await session.aclose()

    return app


def session_of(models: str, silence_s: float, warmup: bool) -> Any:
    """Turns end with the voice detector's silence; the rest is LiveKit's default, preemptive
    generation included. Without `warmup` it listens for barge-ins from the first second of a call
    (its default waits for 3 s, for an echo canceller that a telephone line has not)."""
    at = {"base_url": models, "api_key": "none"}
    return AgentSession(
        stt=openai.STT(model="whisper-1", **at),
        llm=openai.LLM(model="sentences", **at),
        tts=openai.TTS(model="tts-1", voice="alloy", response_format="pcm", **at),
        vad=inference.VAD(min_silence_duration=silence_s),
        turn_handling={
            "turn_detection": "vad",
            "endpointing": {"mode": "fixed", "min_delay": 0.0, "max_delay": 3.0},
            "interruption": {"mode": "vad"},
            "preemptive_generation": {"enabled": True},
        },
        **({} if warmup else {"aec_warmup_duration": None}),
    )


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--no-warmup", action="store_true")
    parser.add_argument("--synchronized", action="store_true", help="as its rooms do")
    given = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    made = application(given.models, given.silence_s, not given.no_warmup, given.synchronized)
    serve(made, given.port)
