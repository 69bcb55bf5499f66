"""The app with the scripted engines behind it, under uvicorn: failing or hanging on demand."""

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

from openai import OpenAI

from configs.schema import Stack
from deployments.engines.scripted import Replies, Script, Tone
from deployments.engines.scripted_chat import chat_completions
from ingress.app import create_app
from ingress.backends import BackendError, Backends
from ingress.security import Secrets
from tests.ingress.line import Counts
from tests.ingress.server import TIMEOUT_S, Client, serving

KEY = "key-of-sixteen-characters"
WEATHER = {"tool": "get_weather", "arguments": {"city": "Berlin"}}
SETTINGS: dict[str, Any] = {
    "stt": {"engine": "scripted", "transcripts": ["What is the capital of Germany?"]},
    "llm": {"engine": "scripted", "replies": ["You said: {last}", WEATHER, "It is {tool_result}."]},
    "tts": {"engine": "scripted"},
    "agents": {"default": {"prompt": "Be brief.", "limits": {"retries": 0}}},
}


class Engines:
    """The three seams over the scripted engines. `failure` is raised before a piece, `breaks`
    after the first; `stalls` waits for ever before a piece, `hangs` after the first, and `aborted`
    is set when that is given up."""

    def __init__(self, stack: Stack) -> None:
        self._script, self._replies = Script(stack.stt), Replies(stack.llm)
        self._tone, self._voices = Tone(stack.tts), stack.tts.voices
        self.failure: BackendError | None = None
        self.breaks: BackendError | None = None
        self.stalls = self.hangs = False
        self.begun, self.aborted = threading.Event(), threading.Event()
        self.asked: list[Any] = []

    async def _disturbed(self, pieces: AsyncIterator[Any]) -> AsyncIterator[Any]:
        if self.failure:
            raise self.failure
        if self.stalls:
            await self._for_ever()
        async for piece in pieces:
            yield piece
            if self.breaks:
                raise self.breaks
            if self.hangs:
                await self._for_ever()

    async def _for_ever(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.aborted.set()

    def recorded(self, recording, options, *, deadline_s):
        self.asked.append((recording, options, deadline_s))
        return self._disturbed(
            self._script.recorded(recording.samples.tobytes(), recording.rate_hz)
        )

    def chat(self, body, *, deadline_s):
        self.asked.append((body, deadline_s))
        return self._disturbed(chat_completions(self._replies, body))

    def synthesize(self, phrase, voice, *, deadline_s):
        self.asked.append((phrase, voice, deadline_s))
        return self._disturbed(self._tone.synthesize(phrase, voice.speed))

    async def voices(self, *, deadline_s):
        return self._voices

    async def transcribe(self, speech, *, language, final, deadline_s):
        return None

    async def reply(self, messages, options, *, first_token_s, deadline_s):
        yield "Yes."

    @property
    def backends(self) -> Backends:
        return Backends(self, self, self)


def built(*, keys: tuple[str, ...] = (), **sections: Any):
    """The app and its engines."""
    stack = Stack.model_validate(SETTINGS | sections)
    engines = Engines(stack)
    app = create_app(
        stack,
        engines.backends,
        Counts(),
        secrets=Secrets(api_keys=keys),
        proxy="haproxy",
        replica="r1",
    )
    return app, engines


@contextmanager
def served(**settings: Any) -> Iterator[tuple[Client, Engines]]:
    """A plain client, once the app is ready."""
    app, engines = built(**settings)
    with serving(app) as client:
        while client.get("/health").status_code != 200:
            pass
        engines.asked.clear()
        yield client, engines


@contextmanager
def raw_post(client: Client, path: str, body: Any) -> Iterator[socket.socket]:
    """A request whose answer nobody reads; the client leaves when the block ends."""
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    address = client.base_url.host, client.base_url.port
    with socket.create_connection(address, TIMEOUT_S) as raw:
        raw.sendall(head.encode() + content)
        yield raw


def strict(client: Client, key: str = KEY) -> OpenAI:
    """OpenAI's own client, which checks every answer against its types and tries nothing again."""
    return OpenAI(
        base_url=f"{client.base_url}/v1",
        api_key=key,
        max_retries=0,
        http_client=client,
        _strict_response_validation=True,
    )
