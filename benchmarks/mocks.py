"""Model servers without models: OpenAI's three endpoints with fixed latencies, and a log of what
was asked. `python -m benchmarks.mocks PORT`, on loopback.

Cheap, since hundreds of calls on the other core ask it: each answer is made once and then only
scheduled, at absolute times. It counts its own lateness: a late mock measures itself.
"""

import argparse
import asyncio
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

import httptools
import numpy as np
import orjson
import uvloop

STT_MS = 100.0
FIRST_TOKEN_MS = 150.0
TOKENS_PER_S = 60.0
TTS_MS = 100.0
MS_PER_WORD = 250
"""Of the speech. A sentence of eight words takes 2 s to say."""

SPEECH_HZ = 24_000
PIECE_BYTES = 24_000
"""Half a second: pipecat's own synthesizer waits for as much (its CHUNK_SECONDS)."""

LEVEL, TONE_HZ = 9_000, 440

HEARD = "What is the weather like today?"
REPLIES = {
    "sentences": "I can help you with that right now. The weather today is going to be warm.",
    "clauses": "Sure, I can help with that right now. The weather today is going to be warm.",
}
"""By the model that is asked for. A word is a token, its space behind it; each sentence has eight.
Every bot is given the first one, which no cutter of phrases divides before its sentences end; the
second is for the one row that shows a short first phrase."""

FIRST_SENTENCE_WORDS = 8

Step = tuple[float, bytes]
"""Seconds after the whole request is here, and what goes out then."""


def serial_floor_ms(silence_ms: float, words: int = FIRST_SENTENCE_WORDS) -> float:
    """From the caller's last sample to the first of the answer if each stage waits for the one
    before and nothing else takes time: silence, transcript, `words` tokens, speech."""
    return silence_ms + STT_MS + FIRST_TOKEN_MS + 1_000 * words / TOKENS_PER_S + TTS_MS


@dataclass(slots=True)
class Log:
    """What was asked since the last reset, each with `time.monotonic` (which all processes of a
    machine share), and how late each answer went out, in seconds."""

    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    late_s: "array[float]" = field(default_factory=lambda: array("d"))
    aborted: int = 0

    def told(self) -> bytes:
        late = np.percentile(np.array(self.late_s or [0.0]) * 1_000, (50, 99, 100))
        names = ("p50", "p99", "max")
        late_ms = dict(zip(names, late.tolist(), strict=True))
        return orjson.dumps({"asked": self.asked, "aborted": self.aborted, "late_ms": late_ms})


class Connection(asyncio.Protocol):
    """One client's keep-alive connection. A client that leaves aborts its answer."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._url, self._body = b"", bytearray()
        self._next: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's do not inherit

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._next:
            self._next.cancel()
            self._log.aborted += 1

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            if self._transport:
                self._transport.close()

    def on_message_begin(self) -> None:
        self._url, self._body = b"", bytearray()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        steps = answer(self._url.decode(), bytes(self._body), self._log)
        self._schedule(time.monotonic(), iter(steps))

    def _schedule(self, began_s: float, steps: Iterator[Step]) -> None:
        step = next(steps, None)
        if step is None:
            self._next = None
            return
        after_s, sent = step
        due_s = began_s + after_s
        wait_s = max(0.0, due_s - time.monotonic())  # uvloop's own time is whole milliseconds
        self._next = self._loop.call_later(wait_s, self._send, began_s, due_s, sent, steps)

    def _send(self, began_s: float, due_s: float, sent: bytes, steps: Iterator[Step]) -> None:
        self._log.late_s.append(time.monotonic() - due_s)
        if self._transport:
            self._transport.write(sent)
            self._schedule(began_s, steps)


def answer(path: str, body: bytes, log: Log) -> tuple[Step, ...]:
    """The steps of an answer to a request; the log remembers what was asked."""
    match path.rpartition("/v1")[2]:
        case "/audio/transcriptions":
            log.asked.append({"at": time.monotonic(), "what": "stt", "bytes": len(body)})
            return transcript()
        case "/chat/completions":
            asked = orjson.loads(body)
            if not asked.get("stream"):
                return whole(400, b'{"error": {"message": "ask for a stream"}}')
            kept = {key: asked.get(key) for key in ("model", "messages", "max_tokens")}
            log.asked.append({"at": time.monotonic(), "what": "llm", **kept})
            return tokens(str(asked["model"]))
        case "/audio/speech":
            said = str(orjson.loads(body)["input"])
            log.asked.append({"at": time.monotonic(), "what": "tts", "text": said})
            return speech(len(said.split()))
        case "/models":
            return whole(200, b'{"object": "list", "data": []}')
        case "/log":
            return whole(200, log.told())
        case "/reset":
            log.asked, log.late_s, log.aborted = [], array("d"), 0
            return whole(200, b"{}")
        case _:
            return whole(404, b"{}")


@cache
def transcript() -> tuple[Step, ...]:
    ((_, sent),) = whole(200, orjson.dumps({"text": HEARD}))
    return ((STT_MS / 1_000, sent),)


@cache
def tokens(model: str) -> tuple[Step, ...]:
    """Server-sent events, one a token; an unknown model gives the first reply."""
    words = REPLIES.get(model, REPLIES["sentences"]).split()
    steps: list[Step] = []
    for number, word in enumerate(words):
        head = started("text/event-stream") if not number else b""
        delta = {"role": "assistant", "content": f"{word} "}
        steps.append((_token_s(number), head + chunk(event(delta, None))))
    end = chunk(event({}, "stop") + b"data: [DONE]\n\n") + chunk(b"")
    return (*steps, (_token_s(len(words)), end))


@cache
def speech(words: int) -> tuple[Step, ...]:
    """s16le of a tone as long as the words, all of it at once."""
    samples = np.arange(words * MS_PER_WORD * SPEECH_HZ // 1_000)
    tone = (LEVEL * np.cos(2 * np.pi * TONE_HZ * samples / SPEECH_HZ)).astype("<i2").tobytes()
    pieces = [chunk(tone[at : at + PIECE_BYTES]) for at in range(0, len(tone), PIECE_BYTES)]
    return ((TTS_MS / 1_000, b"".join((started("audio/pcm"), *pieces, chunk(b"")))),)


def _token_s(number: int) -> float:
    return FIRST_TOKEN_MS / 1_000 + number / TOKENS_PER_S


def event(delta: dict[str, str], ended: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": ended}
    kind = "chat.completion.chunk"
    body = {"id": "mock", "object": kind, "created": 0, "model": "mock", "choices": [choice]}
    return b"data: " + orjson.dumps(body) + b"\n\n"


def whole(status: int, body: bytes) -> tuple[Step, ...]:
    head = f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\n"
    return ((0.0, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body),)


def started(content_type: str) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n"
    return f"{head}Transfer-Encoding: chunked\r\n\r\n".encode()


def chunk(body: bytes) -> bytes:
    return f"{len(body):x}\r\n".encode() + body + b"\r\n"


async def serve(port: int) -> None:
    log = Log()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(log), "127.0.0.1", port
    )
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mocks", description=__doc__)
    parser.add_argument("port", type=int)
    uvloop.run(serve(parser.parse_args().port))
