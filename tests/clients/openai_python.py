"""openai-python's `client.realtime.connect`. Every event is also checked against the library's own
types, strictly."""

import base64
import json
import time
from typing import Any

import numpy as np
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeFunctionToolParam, RealtimeServerEvent
from pydantic import TypeAdapter, ValidationError

from audio.pcm import Audio
from tests.clients.caller import RATE_HZ, WEATHER, Answer, Caller, beside, run

STRICT: TypeAdapter[RealtimeServerEvent] = TypeAdapter(RealtimeServerEvent)


class Client:
    def __init__(self, connection: AsyncRealtimeConnection, caller: Caller) -> None:
        self._connection, self._caller = connection, caller
        self._answers: dict[str, Answer] = {}
        self._playing: tuple[str, float] | None = None
        """The item whose sound is heard, and since when."""

    async def speak(self) -> None:
        async for frame in self._caller.frames():
            audio = base64.b64encode(frame.tobytes()).decode()
            await self._connection.input_audio_buffer.append(audio=audio)

    async def write(self, text: str) -> None:
        await self._connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": text}],
            }
        )
        await self._connection.response.create()

    async def listen(self) -> None:
        report = self._caller.report
        while True:
            raw = await self._connection.recv_bytes()
            report.events += 1
            try:
                STRICT.validate_json(raw, strict=True)
            except ValidationError as error:
                report.errors.append(f"{raw[:300]!r} is no event: {error}"[:2_000])
            await self._take(self._connection.parse_event(raw))
            self._caller.noticed()

    async def _take(self, event: Any) -> None:
        report = self._caller.report
        match event.type:
            case "conversation.item.input_audio_transcription.completed":
                report.said.append(event.transcript)
            case "response.output_item.added" if event.item.type == "message":
                self._answers[event.item.id] = self._caller.begin_answer()
            case "response.output_audio.delta":
                self._playing = self._playing or (event.item_id, time.monotonic())
                self._caller.hear(np.frombuffer(base64.b64decode(event.delta), np.int16))
            case "response.output_audio_transcript.done":
                self._answers[event.item_id].text = event.transcript
            case "input_audio_buffer.speech_started":
                await self._cut_off()
            case "response.output_item.done" if event.item.type == "function_call":
                await self._call_tool(event.item)
            case "response.done":
                self._finish(event.response)
            case "conversation.item.retrieved":
                report.kept = event.item.content[0].transcript
            case "error":
                report.errors.append(event.error.message)
            case _:
                pass

    def _finish(self, response: Any) -> None:
        for item in response.output:
            if item.id in self._answers:
                self._answers[item.id].done = response.status == "completed"
                self._answers[item.id].cut_off = response.status == "cancelled"
        if response.status == "completed":
            self._playing = None

    async def _cut_off(self) -> None:
        """Tell what was heard of the answer, as a good client does, and ask what is left of it."""
        if self._playing is None:
            return
        item_id, since_s = self._playing
        heard_ms = min(time.monotonic() - since_s, self._answers[item_id].seconds) * 1_000
        self._playing = None
        await self._connection.conversation.item.truncate(
            item_id=item_id, content_index=0, audio_end_ms=int(heard_ms)
        )
        await self._connection.conversation.item.retrieve(item_id=item_id)

    async def _call_tool(self, call: Any) -> None:
        self._caller.report.tool = {"name": call.name, **json.loads(call.arguments)}
        await self._connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": call.call_id, "output": WEATHER}
        )
        await self._connection.response.create()


async def converse(caller: Caller, url: str, key: str, sentences: list[Audio]) -> None:
    tools = [RealtimeFunctionToolParam(type="function", **tool) for tool in caller.tools]
    client = AsyncOpenAI(base_url=url, api_key=key)
    async with client.realtime.connect(model="default") as connection:
        await connection.session.update(
            session={
                "type": "realtime",
                "output_modalities": ["audio"],
                "tools": [*tools],
                "audio": {
                    "input": {
                        "format": {"type": "audio/pcm", "rate": RATE_HZ},
                        "transcription": {"model": "whisper-1"},
                        "turn_detection": {"type": "server_vad"},
                    }
                },
            }
        )
        talk = Client(connection, caller)
        async with beside(talk.listen()), beside(talk.speak()):
            await caller.hold_dialogue(sentences, talk.write)


if __name__ == "__main__":
    run(converse, __doc__ or "")
