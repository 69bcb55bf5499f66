"""livekit-plugins-openai's RealtimeModel as a client of Parley, without a room: its session driven
as LiveKit's own agent drives it. Runs in .venv-peers."""
# pyright: reportMissingImports=false, reportUntypedFunctionDecorator=false

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import numpy as np
from livekit import rtc
from livekit.plugins import openai

from benchmarks.peers.realtime_asking import WIDE_HZ, Asking, main


async def hold(caller: Asking, url: str, talk: Callable[[], Awaitable[None]]) -> None:
    async with aiohttp.ClientSession() as http, asyncio.TaskGroup() as tasks:
        model = openai.realtime.RealtimeModel(
            model="default", base_url=url, api_key="none", http_session=http
        )
        session = model.session()

        async def play(messages: Any) -> None:
            async for message in messages:
                async for frame in message.audio_stream:
                    caller.hear(np.frombuffer(frame.data, np.int16))

        def generated(event: Any) -> None:
            tasks.create_task(play(event.message_stream))

        async def speak() -> None:
            async for frame in caller.frames():
                session.push_audio(rtc.AudioFrame(frame.tobytes(), WIDE_HZ, 1, len(frame)))

        session.on("generation_created", generated)
        speaking = tasks.create_task(speak())
        await talk()
        speaking.cancel()
        await session.aclose()


if __name__ == "__main__":
    main(hold, __doc__ or "")
