"""A Realtime server that answers callers, without anything of ours behind it: it hears loud frames,
waits for silence, and answers with a tone. Its latency is counted in the caller's own frames."""

import base64
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

SILENT_FRAMES = 10
RATE_HZ = 24_000
PHRASE_S = 0.5
TONE = (8_000 * np.sin(np.arange(RATE_HZ // 2) * 2 * np.pi * 440 / RATE_HZ)).astype("<i2")


@dataclass
class RealtimeAnswering:
    """How calls are answered, and what arrived."""

    phrases: int = 2
    """Of a reply, each half a second of tone; they are sent at once."""
    key: str | None = None
    odd_messages: list[Any] = field(default_factory=list)
    outcome: str = "answered"
    split: bool = False
    """Whether each utterance comes as two items, answered together."""
    received: list[dict[str, Any]] = field(default_factory=list)
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.received if event["type"] == kind]


class Session:
    def __init__(self, how: RealtimeAnswering, socket: ServerConnection) -> None:
        self.how, self.socket = how, socket
        self.numbers = count(1)
        self.silent, self.talking, self.turn = 0, False, 0
        self.item = self.reply = ""
        self.playing = 0  # frames of the reply that a caller has not heard

    async def run(self) -> None:
        await self.send("session.created", session={"type": "realtime"})
        for odd in self.how.odd_messages:
            await self.socket.send(odd)
        async for message in self.socket:
            event = json.loads(message)
            self.how.received.append(event)
            match event["type"]:
                case "session.update":
                    await self.send("session.updated", session=event["session"])
                case "input_audio_buffer.append":
                    await self.hear(np.frombuffer(base64.b64decode(event["audio"]), "<i2"))
                case "conversation.item.truncate":
                    place = {
                        key: event[key] for key in ("item_id", "content_index", "audio_end_ms")
                    }
                    await self.send("conversation.item.truncated", **place)
                case "conversation.item.retrieve":
                    content = [{"type": "output_audio", "transcript": "heard of it"}]
                    item = {"id": event["item_id"], "type": "message", "content": content}
                    await self.send("conversation.item.retrieved", item=item)

    async def hear(self, samples: np.ndarray) -> None:
        assert len(samples) == RATE_HZ // 50
        if np.max(np.abs(samples)) > 1_000:
            if not self.talking:
                self.item = f"item_{next(self.numbers)}"
                await self.send("input_audio_buffer.speech_started", item_id=self.item)
                if self.playing:
                    await self.over("interrupted", self.reply)
            self.talking, self.silent = True, 0
            return
        self.silent += 1
        self.playing = max(0, self.playing - 1)
        if self.talking and self.silent == SILENT_FRAMES:
            self.talking = False
            await self.answer()
        elif self.playing == 1:
            self.playing = 0
            await self.over(self.how.outcome, self.reply)

    async def answer(self) -> None:
        if self.how.split:
            await self.understood("item_first", "well")
        await self.understood(self.item, "hello there")
        if self.how.outcome == "empty":
            await self.over("empty", None)
            return
        self.reply = f"reply_{next(self.numbers)}"
        place = {"item_id": self.reply, "response_id": "resp_1", "content_index": 0}
        for number in range(self.how.phrases):
            await self.send("response.output_audio_transcript.delta", delta=f"{number}. ", **place)
            for half in np.split(TONE, 2):
                sound = base64.b64encode(half.tobytes()).decode()
                await self.send("response.output_audio.delta", delta=sound, **place)
        await self.send("response.output_audio.done", **place)
        self.playing = int(self.how.phrases * PHRASE_S * 50) + 1

    async def understood(self, item: str, text: str) -> None:
        await self.send("input_audio_buffer.committed", item_id=item)
        done = "conversation.item.input_audio_transcription.completed"
        await self.send(done, item_id=item, transcript=text)

    async def over(self, outcome: str, reply: str | None) -> None:
        self.turn += 1
        self.playing = 0
        stages = {"endpoint": 200.0, "first_audio": 250.0}
        of = self.item if outcome != "interrupted" else self.answered_item
        await self.send("parley.turn", turn=self.turn, outcome=outcome, stages_ms=stages,
                        item_id=of, response_id=reply)  # fmt: skip

    @property
    def answered_item(self) -> str:
        """The caller's item before the one that has just begun."""
        committed = f"item_{int(self.item.rpartition('_')[2]) - 2}"
        return committed

    async def send(self, event: str, **body: Any) -> None:
        await self.socket.send(json.dumps({"type": event, "event_id": "event_1", **body}))


@asynccontextmanager
async def realtime_server(how: RealtimeAnswering) -> AsyncGenerator[str]:
    """The stack's URL: its health, and the Realtime socket."""

    def admit(socket: ServerConnection, request: Request) -> Response | None:
        how.path, how.headers = request.path, dict(request.headers.raw_items())
        if request.path == "/health":
            return socket.respond(200, "{}")
        if how.key and how.headers.get("Authorization") != f"Bearer {how.key}":
            return socket.respond(401, "this server asks for an API key\n")
        return None

    async def answer(socket: ServerConnection) -> None:
        await Session(how, socket).run()

    async with serve(answer, "127.0.0.1", 0, process_request=admit) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
