"""livekit-plugins-openai's RealtimeModel: its session, driven without a room as LiveKit's own agent
drives it. Runs in .venv-peers."""
# pyright: reportMissingImports=false, reportUntypedFunctionDecorator=false

import asyncio
import json
import time
from typing import Any

import aiohttp
import numpy as np
from livekit import rtc
from livekit.agents import llm
from livekit.plugins import openai
from openai.types.realtime import ConversationItemRetrieveEvent

from audio.pcm import Audio
from tests.clients.caller import RATE_HZ, TOOL, WEATHER, Answer, Caller, beside, run


@llm.function_tool(raw_schema=TOOL)
async def get_weather(raw_arguments: dict[str, Any]) -> str:
    """Called by the client below, as an agent would."""
    return WEATHER


class Client:
    def __init__(self, session: Any, caller: Caller, tasks: asyncio.TaskGroup) -> None:
        self._session, self._caller, self._tasks = session, caller, tasks
        self._message: str | None = None
        self._began_s = 0.0
        session.on("input_audio_transcription_completed", self._heard)
        session.on("generation_created", self._generated)
        session.on("input_speech_started", self._cut_off)
        session.on("openai_server_event_received", self._received)
        session.on("error", self._failed)

    async def speak(self) -> None:
        async for frame in self._caller.frames():
            self._session.push_audio(rtc.AudioFrame(frame.tobytes(), RATE_HZ, 1, len(frame)))

    async def ask(self, text: str) -> None:
        await self._tell(llm.ChatMessage(role="user", content=[text]))

    async def _tell(self, *items: Any) -> None:
        context = self._session.chat_ctx.copy()
        context.items.extend(items)
        await self._session.update_chat_ctx(context)
        await self._session.generate_reply()

    def _heard(self, event: Any) -> None:
        if event.is_final:
            self._caller.report.said.append(event.transcript)
            self._caller.noticed()

    def _failed(self, error: Any) -> None:
        self._caller.report.errors.append(str(error))

    def _generated(self, event: Any) -> None:
        self._tasks.create_task(self._messages(event.message_stream))
        self._tasks.create_task(self._calls(event.function_stream))

    async def _messages(self, messages: Any) -> None:
        async for message in messages:
            answer = self._caller.begin_answer()
            self._message, self._began_s = message.message_id, 0.0
            assert "audio" in await message.modalities
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._play(message.audio_stream))
                text = tasks.create_task(joined(message.text_stream))
            answer.text = text.result().strip()
            answer.done = not answer.cut_off
            self._caller.noticed()

    async def _play(self, sound: Any) -> None:
        async for frame in sound:
            self._began_s = self._began_s or time.monotonic()
            self._caller.hear(np.frombuffer(frame.data, np.int16))

    def _cut_off(self, _: Any) -> None:
        """As LiveKit's agent: what was played by now stays."""
        answers = self._caller.report.answers
        if not answers or self._message is None or not self._playing(answers[-1]):
            return
        answers[-1].cut_off, answers[-1].done = True, False
        played_ms = int((time.monotonic() - self._began_s) * 1_000)
        self._session.interrupt()
        self._session.truncate(
            message_id=self._message, modalities=["audio", "text"], audio_end_ms=played_ms
        )
        self._session.send_event(
            ConversationItemRetrieveEvent(type="conversation.item.retrieve", item_id=self._message)
        )

    def _playing(self, answer: Answer) -> bool:
        return bool(self._began_s) and time.monotonic() < self._began_s + answer.seconds

    def _received(self, event: dict[str, Any]) -> None:
        self._caller.report.events += 1
        if event["type"] == "conversation.item.retrieved":
            self._caller.report.kept = event["item"]["content"][0]["transcript"]
        self._caller.noticed()

    async def _calls(self, calls: Any) -> None:
        async for call in calls:
            given = json.loads(call.arguments)
            self._caller.report.tool = {"name": call.name, **given}
            output = await get_weather(given)
            await self._tell(
                llm.FunctionCallOutput(
                    call_id=call.call_id, name=call.name, output=output, is_error=False
                )
            )


async def joined(texts: Any) -> str:
    return "".join([text async for text in texts])


async def converse(caller: Caller, url: str, key: str, sentences: list[Audio]) -> None:
    async with aiohttp.ClientSession() as http:
        model = openai.realtime.RealtimeModel(
            model="default", base_url=url, api_key=key, http_session=http
        )
        session = model.session()
        async with asyncio.TaskGroup() as tasks:
            client = Client(session, caller, tasks)
            await session.update_instructions("Be brief.")
            await session.update_tools([get_weather] if caller.tools else [])
            async with beside(client.speak()):
                await caller.hold_dialogue(sentences, client.ask)
            await session.aclose()


if __name__ == "__main__":
    run(converse, __doc__ or "")
