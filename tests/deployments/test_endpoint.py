"""The OpenAI-compatible seams, against a server of our own on a free port."""

import asyncio
import io
import json
import socket
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from typing import Any

import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from audio.pcm import Audio
from configs.schema import OpenAI
from conversation.fallbacks import FailureClass
from conversation.history import Message
from deployments.engines.endpoint import (
    EndpointLanguageModel,
    EndpointSynthesizer,
    EndpointTranscriber,
    client_of,
    whole_samples,
)
from ingress.backends import BackendError, ReplyOptions, Voice

LONG_S = 30.0
MESSAGES = [Message("system", "You are Sam."), Message("user", "Hi"), Message("assistant", "Hello")]
Answer = Callable[[Request], Awaitable[Response]]


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[OpenAI]:
    """A server that answers every POST with `answer`."""
    app = FastAPI()
    app.add_api_route("/v1/{path:path}", answer, methods=["POST"])
    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=0))
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            port = listening.getsockname()[1]
            yield OpenAI(engine="openai", base_url=f"http://127.0.0.1:{port}/v1", model="m-1")
        finally:
            server.should_exit = True
            await running


async def reply(section: OpenAI, options: ReplyOptions, **deadlines: float) -> list[str]:
    waits = {"first_token_s": LONG_S, "deadline_s": LONG_S} | deadlines
    async with client_of(section, "the-key") as client:
        model = EndpointLanguageModel(client, section.model)
        return [piece async for piece in model.reply(MESSAGES, options, **waits)]


def chunk(text: str) -> str:
    return f"data: {json.dumps({'choices': [{'index': 0, 'delta': {'content': text}}]})}\n\n"


async def failure_of_reply(answer: Answer, **deadlines: float) -> FailureClass:
    async with serving(answer) as section:
        with pytest.raises(BackendError) as caught:
            await reply(section, ReplyOptions(), **deadlines)
    return caught.value.failure


async def test_a_reply_streams_and_falsy_values_travel() -> None:
    asked: dict[str, Any] = {}

    async def answer(request: Request) -> Response:
        asked.update(await request.json(), key=request.headers["authorization"])
        body = chunk("") + chunk(" It is") + chunk(" Berlin.") + "data: [DONE]\n\n"
        return StreamingResponse(iter([body]), media_type="text/event-stream")

    async with serving(answer) as section:
        options = ReplyOptions(temperature=0, frequency_penalty=0, stop=("\n",))
        assert await reply(section, options) == [" It is", " Berlin."]
    assert asked == {
        "key": "Bearer the-key",
        "model": "m-1",
        "messages": [
            {"role": "system", "content": "You are Sam."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello"},
        ],
        "stream": True,
        "max_tokens": 256,
        "temperature": 0,
        "top_p": 1,
        "frequency_penalty": 0,
        "presence_penalty": 0,
        "stop": ["\n"],
    }


async def test_a_whole_answer_is_one_piece() -> None:
    async def answer(request: Request) -> Response:
        assert "stream" not in await request.json()
        message = {"role": "assistant", "content": " It is Berlin."}
        return JSONResponse({"choices": [{"index": 0, "message": message}]})

    async with serving(answer) as section:
        assert await reply(section, ReplyOptions(stream=False)) == [" It is Berlin."]


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (400, FailureClass.INVALID),
        (401, FailureClass.AUTH),
        (404, FailureClass.INVALID),
        (408, FailureClass.TIMEOUT),
        (429, FailureClass.RATE_LIMIT),
        (500, FailureClass.SERVER),
        (503, FailureClass.SERVER),
    ],
)
async def test_a_status_has_its_class_and_is_asked_once(status: int, failure: FailureClass) -> None:
    asked = 0

    async def answer(request: Request) -> Response:
        nonlocal asked
        asked += 1
        return JSONResponse({"error": {"message": "no"}}, status_code=status)

    assert await failure_of_reply(answer) is failure
    assert asked == 1


async def test_an_error_within_the_stream_is_the_servers() -> None:
    async def answer(request: Request) -> Response:
        body = chunk("It") + 'data: {"error": {"message": "out of memory"}}\n\n'
        return StreamingResponse(iter([body]), media_type="text/event-stream")

    assert await failure_of_reply(answer) is FailureClass.SERVER


async def test_a_stream_that_is_no_json_is_the_servers() -> None:
    async def answer(request: Request) -> Response:
        return StreamingResponse(iter(["data: <html>\n\n"]), media_type="text/event-stream")

    assert await failure_of_reply(answer) is FailureClass.SERVER


async def test_a_stream_that_breaks_off_is_the_networks() -> None:
    async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9999\r\n\r\n"
            + chunk("It").encode()
        )
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(broken, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        section = OpenAI(engine="openai", base_url=f"http://127.0.0.1:{port}/v1", model="m-1")
        with pytest.raises(BackendError) as caught:
            await reply(section, ReplyOptions())
    assert caught.value.failure is FailureClass.NETWORK


async def test_nobody_listening_is_the_networks() -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        section = OpenAI(engine="openai", base_url=f"http://127.0.0.1:{port}/v1", model="m-1")
        with pytest.raises(BackendError) as caught:
            await reply(section, ReplyOptions())
    assert caught.value.failure is FailureClass.NETWORK


async def hanging_after(text: str, gone: asyncio.Event) -> Answer:
    async def events() -> AsyncIterator[str]:
        try:
            yield text
            await asyncio.Event().wait()
        finally:
            gone.set()

    async def answer(request: Request) -> Response:
        return StreamingResponse(events(), media_type="text/event-stream")

    return answer


@pytest.mark.parametrize(
    ("text", "deadlines"),
    [("", {"first_token_s": 0.2}), (chunk("It"), {"deadline_s": 0.5})],
    ids=["first token", "whole"],
)
async def test_a_missed_deadline_closes_the_connection(
    text: str, deadlines: dict[str, float]
) -> None:
    gone = asyncio.Event()
    answer = await hanging_after(text, gone)
    async with serving(answer) as section:
        with pytest.raises(BackendError) as caught:
            await reply(section, ReplyOptions(), **deadlines)
        assert caught.value.failure is FailureClass.TIMEOUT
        await asyncio.wait_for(gone.wait(), LONG_S)


async def test_closing_the_reply_closes_the_connection() -> None:
    gone = asyncio.Event()
    answer = await hanging_after(chunk("It"), gone)
    async with serving(answer) as section, client_of(section, None) as client:
        pieces = EndpointLanguageModel(client, "m").reply(
            MESSAGES, ReplyOptions(), first_token_s=LONG_S, deadline_s=LONG_S
        )
        assert await anext(pieces) == "It"
        await pieces.aclose()  # type: ignore[attr-defined]
        await asyncio.wait_for(gone.wait(), LONG_S)


async def test_an_utterance_goes_as_a_wav() -> None:
    heard: dict[str, Any] = {}

    async def answer(request: Request) -> Response:
        async with request.form() as form:
            data = await form["file"].read()  # type: ignore[union-attr]
            heard.update({k: form[k] for k in ("model", "language", "response_format")})
        with wave.open(io.BytesIO(data)) as file:
            heard.update(rate=file.getframerate(), pcm=file.readframes(file.getnframes()))
        return JSONResponse({"text": " What is the capital of Germany? "})

    speech = Audio(np.arange(-400, 400, dtype=np.int16), 8_000)
    async with serving(answer) as section, client_of(section, "k") as client:
        said = await EndpointTranscriber(client, "w").transcribe(
            speech, language="en", final=True, deadline_s=LONG_S
        )
    assert said is not None and said.text == "What is the capital of Germany?"
    assert heard.pop("pcm") == speech.samples.tobytes()
    assert heard == {"model": "w", "language": "en", "response_format": "json", "rate": 8_000}


async def test_a_late_transcript_is_a_timeout() -> None:
    async def answer(request: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    speech = Audio(np.zeros(800, np.int16), 8_000)
    async with serving(answer) as section, client_of(section, "k") as client:
        with pytest.raises(BackendError) as caught:
            await EndpointTranscriber(client, "w").transcribe(
                speech, language="en", final=True, deadline_s=0.2
            )
    assert caught.value.failure is FailureClass.TIMEOUT


async def test_speech_streams_as_pcm_at_24_khz() -> None:
    samples = np.arange(-1_000, 1_000, dtype=np.int16)
    asked: dict[str, Any] = {}

    async def answer(request: Request) -> Response:
        asked.update(await request.json())
        pcm = samples.tobytes()
        return StreamingResponse(iter([pcm[:1_001], pcm[1_001:]]), media_type="audio/pcm")

    async with serving(answer) as section, client_of(section, "k") as client:
        stretches = EndpointSynthesizer(client, "t").synthesize(
            "It is Berlin.", Voice("alloy", 1.25), deadline_s=LONG_S
        )
        got = [stretch.audio async for stretch in stretches]
    assert np.array_equal(np.concatenate([audio.samples for audio in got]), samples)
    assert {audio.rate_hz for audio in got} == {24_000}
    assert asked == {
        "model": "t",
        "voice": "alloy",
        "input": "It is Berlin.",
        "response_format": "pcm",
        "speed": 1.25,
    }


async def test_an_unknown_voice_is_invalid() -> None:
    async def answer(request: Request) -> Response:
        return JSONResponse({"error": {"message": "no voice named x"}}, status_code=400)

    async with serving(answer) as section, client_of(section, "k") as client:
        with pytest.raises(BackendError, match="no voice named x") as caught:
            async for _ in EndpointSynthesizer(client, "t").synthesize(
                "Hi.", Voice("x"), deadline_s=LONG_S
            ):
                pass
    assert caught.value.failure is FailureClass.INVALID


async def test_a_sample_cut_in_two_is_put_together() -> None:
    pcm = np.arange(-50, 50, dtype=np.int16).tobytes()

    async def chunks(size: int) -> AsyncIterator[bytes]:
        for start in range(0, len(pcm), size):
            yield pcm[start : start + size]

    for size in (1, 3, 7, 200):
        got = [samples async for samples in whole_samples(chunks(size))]
        assert np.concatenate(got).tobytes() == pcm


async def test_no_key_sends_none_of_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "somebody-elses")
    sent: list[str] = []

    async def answer(request: Request) -> Response:
        sent.append(request.headers["authorization"])
        return JSONResponse({"text": ""})

    async with serving(answer) as section, client_of(section, None) as client:
        await EndpointTranscriber(client, "w").transcribe(
            Audio(np.zeros(80, np.int16), 8_000), language="en", final=True, deadline_s=LONG_S
        )
    assert sent == ["Bearer none"]
