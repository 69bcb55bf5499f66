"""A server that answers phones, without anything of ours behind it: it hears loud frames, waits for
silence, and answers with a tone. Its latency is counted in the caller's own frames."""

import asyncio
import base64
import json
import math
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.server import ServerConnection, serve

from audio import mulaw
from audio.pcm import Audio
from loadtest.utterance import Utterance, utterance_of

SILENT_FRAMES = 10
TONE = (8_000 * np.sin(np.arange(4_000) * 2 * np.pi * 440 / 8_000)).astype(np.int16)  # 0.5 s
LEADING_SILENCE = np.zeros(800, dtype=np.int16)


def voice(seconds: float = 0.4) -> Utterance:
    """A tone with silence around it, as a caller's utterance."""
    samples = np.tile(TONE, 4)[: int(seconds * 8_000)]
    return utterance_of(Audio(np.concatenate([LEADING_SILENCE, samples, LEADING_SILENCE]), 8_000))


@dataclass
class Answering:
    """How calls are answered, and what arrived."""

    greeting: bool = False
    texts: bool = True
    answers: int = 1_000
    close_after: int | None = None
    silent_frames: int = SILENT_FRAMES
    dry_frames: int | None = None
    """How long the caller's buffer is left dry between phrases; None: all are sent at once."""
    heeds_barge_in: bool = True
    replies: tuple[str, ...] = ("It is", "Berlin.")
    outcome: str = "answered"
    odd_frames: list[str] = field(default_factory=list)
    received: list[dict[str, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    known: list["Known"] = field(default_factory=list["Known"])

    async def __call__(self, socket: Any) -> None:
        await Conversation(self, socket).run()
        self.ended.set()

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.received if frame["event"] == kind]


FRAME_S = 0.02


@dataclass
class Known:
    """What the server itself knows of a turn: when its caller's voice began, as the number of
    the first loud frame, and when the server answered it or, after a barge-in, sent `clear`."""

    conversation: "Conversation"
    began: int
    cleared_s: float | None = None
    answered_s: float | None = None

    def since_voice_s(self, at_s: float) -> float:
        """From the first sample of `voice()`. The frame on its way for the shortest time tells
        when the caller's line began."""
        return at_s - self.conversation.line_began_s - self.began * FRAME_S


class Conversation:
    def __init__(self, how: Answering, socket: Any) -> None:
        self.how, self.socket = how, socket
        self.sid = ""
        self.turn, self.silent, self.talking = 0, 0, False
        self.unheard: list[str] = []
        self.to_play: list[str] = []
        self.dry = 0
        self.frames, self.line_began_s = 0, math.inf
        self.known = Known(self, 0)

    async def run(self) -> None:
        async for message in self.socket:
            frame = json.loads(message)
            self.how.received.append(frame)
            match frame["event"]:
                case "start":
                    self.sid = frame["streamSid"]
                    for odd in self.how.odd_frames:
                        await self.socket.send(odd)
                    if self.how.greeting:
                        await self.play("0.0.0", TONE)
                case "media":
                    self.frames += 1
                    began_s = time.monotonic() - self.frames * FRAME_S
                    self.line_began_s = min(self.line_began_s, began_s)
                    await self.hear(mulaw.decode(base64.b64decode(frame["media"]["payload"])))
                case "mark":
                    await self.marked(frame["mark"]["name"])
                case "stop":
                    return
            if self.how.close_after is not None and len(self.how.received) > self.how.close_after:
                await self.socket.close(1013, "full")
                return

    async def hear(self, samples: np.ndarray) -> None:
        if np.max(np.abs(samples)) > 1_000:
            if not self.talking:
                self.known = Known(self, self.frames - 1)
                self.how.known.append(self.known)
                if self.unheard and self.how.heeds_barge_in:
                    await self.interrupted()
            self.talking, self.silent = True, 0
            return
        self.silent += 1
        if self.to_play and not self.unheard and not self.talking:
            self.dry += 1
            if self.dry >= (self.how.dry_frames or 0):
                await self.phrase()
        if self.talking and self.silent == self.how.silent_frames:
            self.talking = False
            self.turn += 1
            if self.turn <= self.how.answers:
                await self.answer()

    async def interrupted(self) -> None:
        self.unheard.clear()
        self.to_play.clear()
        self.known.cleared_s = time.monotonic()
        await self.send("clear")
        await self.parley(type="turn", turn=self.turn, outcome="interrupted", stages_ms={})

    async def answer(self) -> None:
        await self.parley(type="transcript", turn=self.turn, text="half", final=False)
        await self.parley(type="transcript", turn=self.turn, text="hello there", final=True)
        if self.how.outcome == "empty":
            await self.parley(type="turn", turn=self.turn, outcome="empty", stages_ms={})
            return
        self.to_play = list(self.how.replies)
        self.known.answered_s = time.monotonic()
        while self.to_play:
            await self.phrase()
            if self.how.dry_frames is not None:
                return

    async def phrase(self) -> None:
        index = len(self.how.replies) - len(self.to_play)
        words, self.dry = self.to_play.pop(0), 0
        await self.parley(type="phrase", turn=self.turn, phrase=index, text=words)
        await self.play(f"{self.turn}.0.{index}", TONE)

    async def play(self, mark: str, samples: np.ndarray) -> None:
        payload = base64.b64encode(mulaw.encode(samples)).decode()
        await self.send("media", media={"payload": payload})
        await self.send("mark", mark={"name": mark})
        self.unheard.append(mark)

    async def marked(self, name: str) -> None:
        if name in self.unheard:
            self.unheard.remove(name)
            if not self.unheard and not self.to_play and self.turn:
                stages = {"endpoint": 200.0, "first_audio": 250.0}
                await self.parley(
                    type="turn", turn=self.turn, outcome=self.how.outcome, stages_ms=stages
                )

    async def parley(self, **body: Any) -> None:
        if self.how.texts:
            await self.send("parley", parley=body)

    async def send(self, event: str, **body: Any) -> None:
        await self.socket.send(json.dumps({"event": event, "streamSid": self.sid, **body}))


@asynccontextmanager
async def media_server(how: Answering) -> AsyncGenerator[str]:
    """The stream alone: its URL."""

    async def answer(socket: ServerConnection) -> None:
        assert socket.request
        how.headers = dict(socket.request.headers.raw_items())
        await how(socket)

    async with serve(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"ws://127.0.0.1:{port}/twilio/media"


class _Socket:
    """Starlette's socket with websockets' manners."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self.send, self.close = socket.send_text, socket.close

    async def __aiter__(self) -> AsyncGenerator[str]:
        try:
            while True:
                yield await self._socket.receive_text()
        except WebSocketDisconnect:
            return


@dataclass
class Stack:
    """A whole stack's HTTP face: health, webhook and stream."""

    how: Answering
    waiting_for: dict[str, str] = field(default_factory=dict)
    busy: str | None = None
    status: int = 200
    public_host: str | None = None
    forms: list[dict[str, str]] = field(default_factory=list)
    voice_headers: dict[str, str] = field(default_factory=dict)
    query: str = ""

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/health", self.health),
                Route("/twilio/voice", self.voice, methods=["POST"]),
                WebSocketRoute("/twilio/media", self.media),
            ]
        )

    async def health(self, _: Request) -> Response:
        body = {"waiting_for": self.waiting_for}
        return JSONResponse(body, status_code=503 if self.waiting_for else 200)

    async def voice(self, request: Request) -> Response:
        self.forms.append({key: str(value) for key, value in (await request.form()).items()})
        self.voice_headers, self.query = dict(request.headers), request.url.query
        host = self.public_host or request.url.netloc
        scheme = "wss" if self.public_host else "ws"
        said = f"<Say>{self.busy}</Say><Hangup/>"
        stream = f'<Connect><Stream url="{scheme}://{host}/twilio/media">'
        stream += '<Parameter name="agent" value="default"/></Stream></Connect>'
        twiml = f"<Response>{said if self.busy else stream}</Response>"
        return Response(twiml, status_code=self.status, media_type="text/xml")

    async def media(self, socket: WebSocket) -> None:
        await socket.accept()
        self.how.headers = dict(socket.headers)
        await self.how(_Socket(socket))


@asynccontextmanager
async def stack_server(stack: Stack) -> AsyncGenerator[str]:
    """The whole face: its URL."""
    config = uvicorn.Config(
        stack.app(), port=0, log_level="error", lifespan="off", ws="websockets-sansio"
    )
    server = uvicorn.Server(config)
    config.load()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(server._serve())
        while not server.started:
            assert not running.done()
            await asyncio.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
