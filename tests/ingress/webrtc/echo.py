"""A call that repeats: what the caller says, when they are silent, and every event at once. It
stands where `ingress.call.Call` does, so that the transport can be tested alone."""

import asyncio
import json
from collections import ChainMap
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import numpy as np
from fastapi import FastAPI

from audio.pcm import Audio
from audio.resampling import Resampler
from configs.agents import Agent
from configs.schema import Stack
from ingress.access import Access
from ingress.app import replica_of
from ingress.call_log import CallLog
from ingress.guard import Guard
from ingress.protocols.outputs import Clear
from ingress.replica import Replica
from ingress.rest.errors import install_errors
from ingress.security import Secrets
from ingress.webrtc.calls import Sessions, WebRtcCalls
from ingress.webrtc.loudspeaker import RATE_HZ
from ingress.webrtc.routes import routes_of
from tests.ingress.line import Counts, Models


class Echo:
    def __init__(self, model: str, session: Mapping[str, Any]) -> None:
        self.model, self.session = model, dict(session)
        self.heard: list[Audio] = []
        self.ended = asyncio.Event()
        self.over = False
        self.crash = False

    async def run(
        self,
        inbox: AsyncIterator[str | bytes | Audio],
        send: Callable[[str | Audio | Clear], Awaitable[None]],
    ) -> None:
        resampler = Resampler(16_000, RATE_HZ)
        await send(json.dumps({"type": "created", "model": self.model, "session": self.session}))
        reading = asyncio.create_task(self._read(inbox, send, resampler))
        ending = asyncio.create_task(self.ended.wait())
        await asyncio.wait([reading, ending], return_when=asyncio.FIRST_COMPLETED)
        await send(json.dumps({"type": "bye"}))
        self.over = True
        for task in (reading, ending):
            if task.done():
                task.result()
            task.cancel()

    async def _read(self, inbox: Any, send: Any, resampler: Resampler) -> None:
        async for message in inbox:
            if isinstance(message, Audio):
                assert message.rate_hz == 16_000 and message.samples.dtype == np.int16
                self.heard.append(message)
                await send(Audio(resampler.push(message.samples), RATE_HZ))
            elif (event := json.loads(message))["type"] == "clear":
                await send(Clear())
            elif event["type"] == "crash":
                raise RuntimeError("as asked")
            elif event["type"] == "play":
                tone = 9_000 * np.sin(np.arange(RATE_HZ * event["s"]) * 2 * np.pi * 440 / RATE_HZ)
                await send(Audio(tone.astype(np.int16), RATE_HZ))
            else:
                await send(json.dumps(event))

    def end(self, reason: str) -> None:
        self.ended.set()


def echoing(
    *, keys: tuple[str, ...] = (), max_calls: int = 10, **webrtc: Any
) -> tuple[FastAPI, Replica, list[Echo]]:
    """An app whose WebRTC calls are echoes, its replica and the calls so far."""
    scripted = {"engine": "scripted"}
    stack = Stack(
        stt=scripted, llm=scripted, tts=scripted, agents={"default": Agent(prompt="Be brief.")},
        ingress={"max_calls": max_calls}, webrtc=webrtc,
    )  # fmt: skip
    replica = replica_of(stack, Models().backends, Counts(), Secrets(api_keys=keys))
    replica.readiness.waiting_for.clear()
    replica.readiness.ready.set()
    calls: list[Echo] = []

    def new_call(call_id: str, model: str, sessions: Sessions, log: CallLog, _: Any) -> Any:
        calls.append(Echo(model, ChainMap(*reversed(sessions))))
        return calls[-1]

    app = FastAPI()
    install_errors(app)
    app.add_middleware(Guard, access=Access(keys), api=stack.api)
    app.include_router(routes_of(WebRtcCalls(replica, new_call)))
    return app, replica, calls
