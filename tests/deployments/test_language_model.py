"""Ray Serve LLM's deployment with the real weights, as `serve_config.yaml` has it, and with a tool
parser, without which vLLM refuses tools. The model is a base model: it calls nothing by itself, but
vLLM's grammar makes it write a call that is demanded."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray
import yaml
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from ray import serve

from configs.schema import Vllm
from conversation.fallbacks import FailureClass
from conversation.history import Message
from conversation.tools import Tool, ToolCall
from deployments.engines.sse import ChatEvents, pieces_of
from deployments.handles import LanguageModelHandle
from ingress.backends import BackendError, Piece, ReplyOptions, Usage
from tests.deployments import watched

pytestmark = [pytest.mark.models, pytest.mark.serve]

ROOT = Path(__file__).parent.parent.parent
LONG_S = 120.0
QUESTION = "What is the capital of Germany?"
ONE_LINE = ReplyOptions(temperature=0, max_tokens=64, stop=("\n",))
ENDLESS = ReplyOptions(temperature=0, max_tokens=3_000)


@pytest.fixture(scope="module")
def model(ray_cluster: int) -> Iterator[Any]:
    """A handle to the deployment."""
    config = yaml.safe_load((ROOT / "serve_config.yaml").read_text())
    args = config["applications"][0]["args"]["llm"]
    args["engine_kwargs"] |= {
        "enable_auto_tool_choice": True,
        "tool_call_parser": "pythonic",
        # A base model would else write newlines, which the grammar allows, to the end of its days.
        "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
    }
    section = Vllm.model_validate(args)
    ray.get(watched.deploy.remote(section))
    yield serve.get_deployment_handle(watched.DEPLOYMENT, app_name=watched.APP)
    serve.delete(watched.APP)


def reply(model: Any, text: str, options: ReplyOptions) -> AsyncIterator[Piece]:
    messages = [Message("system", "A phone call between a caller and an agent.")]
    return LanguageModelHandle(model).reply(
        [*messages, Message("user", text)], options, first_token_s=LONG_S, deadline_s=LONG_S
    )


async def texts(pieces: AsyncIterator[Piece]) -> list[str]:
    return [piece async for piece in pieces if isinstance(piece, str)]


async def until_unfinished(model: Any, requests: int) -> None:
    async with asyncio.timeout(LONG_S):
        while await model.unfinished.remote() != requests:  # noqa: ASYNC110 (another process)
            await asyncio.sleep(0.05)


async def test_it_answers_token_by_token_and_stops_at_the_line(model: Any) -> None:
    pieces = await texts(reply(model, QUESTION, ONE_LINE))
    assert len(pieces) > 1
    assert "Berlin" in "".join(pieces)
    assert "\n" not in "".join(pieces)


async def test_a_whole_answer_is_the_same_in_one_piece(model: Any) -> None:
    whole = ReplyOptions(temperature=0, max_tokens=64, stop=("\n",), stream=False)
    [text] = await texts(reply(model, QUESTION, whole))
    assert text == "".join(await texts(reply(model, QUESTION, ONE_LINE)))


@pytest.mark.parametrize("stream", [True, False])
async def test_the_usage_comes_last_and_knows_the_prefix_cache(model: Any, stream: bool) -> None:
    options = replace(ONE_LINE, stream=stream)
    await texts(reply(model, QUESTION, options))
    *said, usage = [piece async for piece in reply(model, QUESTION, options)]
    assert all(isinstance(piece, str) for piece in said)
    assert isinstance(usage, Usage)
    assert 0 < usage.cached_tokens < usage.input_tokens
    assert 0 < usage.output_tokens < 64


CITY = {
    "type": "object",
    "properties": {"city": {"enum": ["Berlin", "Paris"]}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = Tool("weather", "The weather in a city.", json.dumps(CITY))


@pytest.mark.parametrize("stream", [True, False])
async def test_a_call_that_is_demanded_comes(model: Any, stream: bool) -> None:
    options = ReplyOptions(
        temperature=0, max_tokens=64, stream=stream, tools=(WEATHER,), tool_choice="weather"
    )
    call, usage = [piece async for piece in reply(model, "What is the weather?", options)]
    assert isinstance(call, ToolCall)
    assert isinstance(usage, Usage)
    assert call.name == "weather"
    assert call.call_id
    assert json.loads(call.arguments)["city"] in ("Berlin", "Paris")


async def test_a_call_and_its_result_may_stand_in_the_history(model: Any) -> None:
    call = ToolCall("c1", "weather", '{"city": "Berlin"}')
    said = [
        Message("user", "What is the weather in Berlin?"),
        Message("assistant", "", calls=(call,)),
        Message("tool", "It is sunny.", call_id="c1"),
    ]
    options = replace(ONE_LINE, tools=(WEATHER,), tool_choice="none")
    handle = LanguageModelHandle(model)
    assert await texts(handle.reply(said, options, first_token_s=LONG_S, deadline_s=LONG_S))


def chat(model: Any, **body: Any) -> AsyncIterator[str | dict[str, Any]]:
    asked = {"model": "any", "messages": [{"role": "user", "content": QUESTION}], "stop": "\n"}
    body = asked | {"temperature": 0, "max_tokens": 64} | body
    return LanguageModelHandle(model).chat(body, deadline_s=LONG_S)


async def test_a_chat_is_answered_as_openais_api_has_it(model: Any) -> None:
    [answer] = [item async for item in chat(model)]
    assert isinstance(answer, dict)
    completion = ChatCompletion.model_validate(answer)
    assert completion.model == "gemma-3-270m", "the folder's name, not the path to it"
    [text, _] = pieces_of(answer)
    assert "Berlin" in str(text)
    events = [item async for item in chat(model, stream=True)]
    assert str(events[-1]).endswith("data: [DONE]\n\n")
    raw = "".join(map(str, events))
    for line in raw.removesuffix("data: [DONE]\n\n").split("\n\n")[:-1]:
        ChatCompletionChunk.model_validate_json(line.removeprefix("data: "))
    assert "".join(map(str, ChatEvents().push(raw.encode()))) == text


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"messages": 5}, "iterable"),
        ({"messages": [{"role": "user", "content": "word " * 6_000}]}, "4096"),
        ({"tools": [], "tool_choice": "auto"}, "empty array"),
        ({"tools": [5], "tool_choice": {"function": {"name": "x"}}}, "subscriptable"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": -1, "stream": True}, "temperature"),
    ],
)
async def test_a_chat_that_vllm_refuses_is_invalid(
    model: Any, body: dict[str, Any], detail: str
) -> None:
    with pytest.raises(BackendError, match=detail) as caught:
        async for _ in chat(model, **body):
            pass
    assert caught.value.failure is FailureClass.INVALID


async def test_leaving_a_chat_aborts_it_in_vllm(model: Any) -> None:
    events: Any = chat(model, stream=True, max_tokens=3_000, stop=None)
    async with aclosing(events):
        await anext(events)
        await until_unfinished(model, 1)
    await until_unfinished(model, 0)


async def test_leaving_replies_aborts_them_in_vllm(model: Any) -> None:
    async with AsyncExitStack() as replies:
        for _ in range(3):
            pieces: Any = reply(model, "Tell me a long story.", ENDLESS)
            await anext(await replies.enter_async_context(aclosing(pieces)))
        await until_unfinished(model, 3)
    await until_unfinished(model, 0)  # 3,000 tokens each would take minutes here


async def test_a_cancelled_task_aborts_its_reply_in_vllm(model: Any) -> None:
    async def listen() -> None:
        async for _ in reply(model, "Tell me a long story.", ENDLESS):
            pass

    task = asyncio.create_task(listen())
    await until_unfinished(model, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until_unfinished(model, 0)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("word " * 6_000, ONE_LINE),
        (QUESTION, ReplyOptions(temperature=-1)),
        (QUESTION, ReplyOptions(temperature=-1, stream=False)),
    ],
    ids=["too long", "bad sampling", "bad sampling, whole"],
)
async def test_what_vllm_refuses_is_invalid(model: Any, text: str, options: ReplyOptions) -> None:
    with pytest.raises(BackendError) as caught:
        async for _ in reply(model, text, options):
            pass
    assert caught.value.failure is FailureClass.INVALID
