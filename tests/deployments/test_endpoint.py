"""Replies of an OpenAI-compatible language model, from a server of our own on a free port."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from configs.schema import OpenAI
from conversation.fallbacks import FailureClass
from conversation.history import Message
from conversation.tools import ToolCall
from deployments.engines.endpoint import EndpointLanguageModel, client_of
from ingress.backends import BackendError, ReplyOptions, Usage
from tests.deployments.endpoint_server import Answer, serving

LONG_S = 30.0
ARRIVED_S = 5.0
"""A deadline by which the request has reached the server, on a busy machine too: else there is no
connection to be closed."""

MESSAGES = [Message("system", "You are Sam."), Message("user", "Hi"), Message("assistant", "Hello")]


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
        assert await reply(section, options) == [" It is Berlin."], "they came together"
    assert asked == {
        "key": "Bearer the-key",
        "model": "m-1",
        "messages": [
            {"role": "system", "content": "You are Sam."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
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


async def test_text_passes_before_the_error_that_came_with_it() -> None:
    async def answer(request: Request) -> Response:
        body = chunk("It") + 'data: {"error": {"message": "out of memory", "code": 429}}\n\n'
        return StreamingResponse(iter([body]), media_type="text/event-stream")

    came: list[str] = []
    async with serving(answer) as section, client_of(section, None) as client:
        pieces = EndpointLanguageModel(client, "m").reply(
            MESSAGES, ReplyOptions(), first_token_s=LONG_S, deadline_s=LONG_S
        )
        with pytest.raises(BackendError, match="out of memory") as caught:
            async for piece in pieces:
                came.append(piece)
    assert came == ["It"]
    assert caught.value.failure is FailureClass.RATE_LIMIT


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


async def test_a_reply_ends_with_done_and_its_connection_serves_the_next() -> None:
    ports: list[int] = []

    async def events() -> AsyncIterator[str]:
        yield chunk("It")
        yield "data: [DONE]\n\n"
        await asyncio.sleep(0)  # the response's own end comes in a packet of its own

    async def answer(request: Request) -> Response:
        assert request.client
        ports.append(request.client.port)
        return StreamingResponse(events(), media_type="text/event-stream")

    async with serving(answer) as section, client_of(section, None) as client:
        model = EndpointLanguageModel(client, "m")
        for _ in range(3):
            pieces = model.reply(MESSAGES, ReplyOptions(), first_token_s=LONG_S, deadline_s=LONG_S)
            assert [piece async for piece in pieces] == ["It"]
    assert len(set(ports)) == 1


async def test_a_server_that_goes_on_after_done_loses_its_connection() -> None:
    gone = asyncio.Event()
    answer = await hanging_after(chunk("It") + "data: [DONE]\n\n", gone)
    async with serving(answer) as section, client_of(section, None) as client:
        pieces = EndpointLanguageModel(client, "m").reply(
            MESSAGES, ReplyOptions(), first_token_s=LONG_S, deadline_s=LONG_S
        )
        assert [piece async for piece in pieces] == ["It"]
        await asyncio.wait_for(gone.wait(), LONG_S)


@pytest.mark.parametrize(
    ("text", "deadlines"),
    [("", {"first_token_s": ARRIVED_S}), (chunk("It"), {"deadline_s": ARRIVED_S})],
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


async def test_a_call_and_the_usage_are_pieces_too() -> None:
    part = {"index": 0, "id": "c1", "function": {"name": "weather", "arguments": '{"city":'}}
    rest = {"index": 0, "function": {"arguments": ' "Köln"}'}}
    events = [{"choices": [{"delta": {"tool_calls": [each]}}]} for each in (part, rest)]
    events.append({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}})

    async def answer(request: Request) -> Response:
        body = "".join(f"data: {json.dumps(each)}\n\n" for each in events)
        return StreamingResponse(iter([body, "data: [DONE]\n\n"]), media_type="text/event-stream")

    async with serving(answer) as section:
        call = ToolCall("c1", "weather", '{"city": "Köln"}')
        assert await reply(section, ReplyOptions()) == [call, Usage(7, 3)]


async def chat(section: OpenAI, deadline_s: float = LONG_S, **body: Any) -> list[Any]:
    async with client_of(section, "the-key") as client:
        model = EndpointLanguageModel(client, section.model)
        return [item async for item in model.chat({"model": "x"} | body, deadline_s=deadline_s)]


async def test_a_chat_is_passed_on_whole_but_for_the_model() -> None:
    async def answer(request: Request) -> Response:
        return JSONResponse({"asked": await request.json()})

    async with serving(answer) as section:
        [item] = await chat(section, messages=[], odd={"a": 1})
    assert item == {"asked": {"model": "m-1", "messages": [], "odd": {"a": 1}}}


async def test_a_chats_events_are_passed_on_complete() -> None:
    raw = (chunk("Grüße") + ": still here\n\n" + chunk("x") + "data: [DONE]\n\n").encode()

    async def answer(request: Request) -> Response:
        async def cut() -> AsyncIterator[bytes]:
            for at in range(0, len(raw), 7):
                yield raw[at : at + 7]
                await asyncio.sleep(0)

        return StreamingResponse(cut(), media_type="text/event-stream")

    async with serving(answer) as section:
        items = await chat(section, messages=[], stream=True)
    assert "".join(items) == chunk("Grüße") + chunk("x") + "data: [DONE]\n\n"
    assert all(item.startswith("data: ") and item.endswith("\n\n") for item in items)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_chat_that_is_refused_is_invalid(stream: bool) -> None:
    async def answer(request: Request) -> Response:
        return JSONResponse({"error": {"message": "no messages"}}, status_code=400)

    async with serving(answer) as section:
        with pytest.raises(BackendError, match="no messages") as caught:
            await chat(section, stream=stream)
    assert caught.value.failure is FailureClass.INVALID


async def test_an_error_instead_of_a_chat_is_raised() -> None:
    async def answer(request: Request) -> Response:
        return JSONResponse({"error": {"message": "overloaded"}})

    async with serving(answer) as section:
        with pytest.raises(BackendError, match="overloaded"):
            await chat(section)


async def test_a_chat_has_a_deadline() -> None:
    never = asyncio.Event()

    async def answer(request: Request) -> Response:
        await never.wait()
        return Response()

    async with serving(answer) as section:
        with pytest.raises(BackendError) as caught:
            await chat(section, deadline_s=0.1)
        never.set()
    assert caught.value.failure is FailureClass.TIMEOUT
