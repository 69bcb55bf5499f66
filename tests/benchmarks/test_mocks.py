"""The mock model servers, over real sockets, asked by the client that our ingress uses."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import orjson
import pytest

from benchmarks import mocks
from benchmarks.mocks import HEARD, REPLIES, Connection, Log, serial_floor_ms


@asynccontextmanager
async def served() -> AsyncIterator[tuple[httpx.AsyncClient, Log]]:
    log = Log()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(log), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/v1", trust_env=False) as asks:
        yield asks, log
    server.close()
    await server.wait_closed()


async def test_a_transcript_is_as_late_as_it_is_meant_to_be_and_never_early() -> None:
    async with served() as (asks, log):
        began = time.monotonic()
        said = await asks.post("/audio/transcriptions", files={"file": b"RIFF"})
        assert said.json() == {"text": HEARD}
        assert time.monotonic() - began > mocks.STT_MS / 1_000 - 0.002
        assert [one["what"] for one in log.asked] == ["stt"]


@pytest.mark.parametrize("model", REPLIES)
async def test_a_reply_is_streamed_word_by_word(model: str) -> None:
    asked = {"model": model, "messages": [{"role": "user", "content": "?"}], "stream": True}
    words: list[str] = []
    async with served() as (asks, log):
        async with asks.stream("POST", "/chat/completions", json=asked) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data: {"):
                    delta = orjson.loads(line[6:])["choices"][0]["delta"]
                    words.append(delta.get("content", ""))
        assert "".join(words).split() == REPLIES[model].split()
        assert log.asked[0]["messages"] == asked["messages"]
        assert len(log.late_s) == len(REPLIES[model].split()) + 1


async def test_speech_is_as_long_as_its_words() -> None:
    async with served() as (asks, _):
        for words in (1, 8):
            spoken = await asks.post("/audio/speech", json={"input": "word " * words})
            seconds = len(spoken.content) / 2 / mocks.SPEECH_HZ
            assert seconds == words * mocks.MS_PER_WORD / 1_000


async def test_a_client_that_leaves_aborts_its_answer() -> None:
    async with served() as (asks, log):
        asked = {"model": "sentences", "messages": [], "stream": True}
        async with asks.stream("POST", "/chat/completions", json=asked) as answer:
            await anext(answer.aiter_bytes())
        async with asyncio.timeout(5):
            while not log.aborted:  # noqa: ASYNC110 - the log has no event, and needs none
                await asyncio.sleep(0)
        assert len(log.late_s) < len(REPLIES["sentences"].split())


async def test_what_is_not_offered_is_refused() -> None:
    async with served() as (asks, _):
        whole = await asks.post("/chat/completions", json={"model": "m", "messages": []})
        assert whole.status_code == 400
        assert (await asks.get("/nothing")).status_code == 404


async def test_the_log_begins_anew_after_a_reset() -> None:
    async with served() as (asks, _):
        await asks.post("/audio/speech", json={"input": "a"})
        told = (await asks.get("/log")).json()
        assert len(told["asked"]) == 1
        assert 0 <= told["late_ms"]["p50"] <= told["late_ms"]["max"]
        await asks.get("/reset")
        assert (await asks.get("/log")).json()["asked"] == []


def test_the_serial_floor_is_the_sum_of_its_stages() -> None:
    assert round(serial_floor_ms(200)) == 683
    assert serial_floor_ms(200, words=1) < serial_floor_ms(200)
