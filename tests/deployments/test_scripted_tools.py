"""Scripted tool calls, and scripted answers in the shapes of OpenAI's chat API."""

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from configs.schema import ScriptedLanguageModel, ScriptedToolCall
from conversation.fallbacks import FailureClass
from conversation.history import Message
from conversation.tools import Tool, ToolCall
from deployments.engines.scripted import Replies
from deployments.engines.scripted_chat import chat_completions
from deployments.engines.sse import ChatEvents, pieces_of
from ingress.backends import BackendError, Piece, ReplyOptions, Usage

SECTION = ScriptedLanguageModel.model_validate(
    {
        "engine": "scripted",
        "replies": [
            "Hello.",
            {"tool": "weather", "arguments": {"city": "Berlin"}},
            "It is {tool_result} there.",
            "Goodbye.",
        ],
    }
)
OFFERED = ReplyOptions(tools=(Tool("weather"), Tool("time")))
HELLO = [Message("user", "Hi"), Message("assistant", "Hello.")]
ASKED = [*HELLO, Message("user", "Weather?")]


async def pieces(messages: list[Message], options: ReplyOptions = OFFERED) -> list[Piece]:
    return [piece async for piece in Replies(SECTION).reply(messages, options)]


async def text(messages: list[Message], options: ReplyOptions = OFFERED) -> str:
    return "".join(each for each in await pieces(messages, options) if isinstance(each, str))


def answered(call: ToolCall) -> list[Message]:
    calls = Message("assistant", "", calls=(call,))
    return [*ASKED, calls, Message("tool", "sunny", call_id=call.call_id)]


def test_a_call_in_the_script_is_one_of_the_sections() -> None:
    assert SECTION.replies[1] == ScriptedToolCall(tool="weather", arguments={"city": "Berlin"})


async def test_the_script_goes_through_a_call() -> None:
    assert await text(ASKED[:1]) == "Hello."
    [call, usage] = await pieces(ASKED)
    assert isinstance(call, ToolCall)
    assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "Berlin"})
    assert usage == Usage(3, 2)
    said = answered(call)
    assert await text(said) == "It is sunny there."
    said += [Message("assistant", "It is sunny there."), Message("user", "Thanks")]
    assert await text(said) == "Goodbye."


async def test_results_that_come_together_are_one_step() -> None:
    [call, _] = await pieces(ASKED)
    assert isinstance(call, ToolCall)
    both = [*answered(call), Message("tool", "noon", call_id="other")]
    assert await text(both) == "It is noon there."


async def test_each_call_has_an_id_of_its_own() -> None:
    [one, _], [other, _] = await pieces(ASKED), await pieces(ASKED)
    assert isinstance(one, ToolCall)
    assert isinstance(other, ToolCall)
    assert one.call_id != other.call_id


@pytest.mark.parametrize(
    "options",
    [
        ReplyOptions(),
        ReplyOptions(tools=(Tool("time"),)),
        ReplyOptions(tools=(Tool("weather"),), tool_choice="none"),
    ],
    ids=["no tools", "another", "none wished"],
)
async def test_a_tool_that_is_not_offered_is_said(options: ReplyOptions) -> None:
    assert await text(ASKED, options) == "I was not offered the tool weather."


async def test_the_usage_counts_words() -> None:
    assert (await pieces(ASKED[:1]))[-1] == Usage(1, 1)


WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {}}}
USER = {"role": "user", "content": "Hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
TOLD = [
    {"role": "developer", "content": "Be kind."},
    USER,
    {"role": "user", "content": [{"type": "text", "text": "Weather?"}]},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
]


async def items(**body: Any) -> list[Any]:
    return [item async for item in chat_completions(Replies(SECTION), {"model": "m"} | body)]


async def test_a_whole_answer_has_openais_shape() -> None:
    [answer] = await items(messages=TOLD, tools=[WEATHER])
    completion = ChatCompletion.model_validate(answer)
    assert completion.model == "m"
    assert completion.choices[0].finish_reason == "stop"
    assert completion.choices[0].message.content == "It is sunny there."
    assert completion.usage
    assert completion.usage.total_tokens == 5 + 4


async def test_a_whole_answer_may_be_a_call() -> None:
    [answer] = await items(messages=TOLD[:3], tools=[WEATHER])
    assert ChatCompletion.model_validate(answer).choices[0].finish_reason == "tool_calls"
    [call, _] = list(pieces_of(answer))
    assert isinstance(call, ToolCall)
    assert call.name == "weather"


@pytest.mark.parametrize("with_usage", [True, False])
async def test_events_have_openais_shape(with_usage: bool) -> None:
    options = {"include_usage": with_usage}
    events = await items(messages=TOLD[:3], tools=[WEATHER], stream=True, stream_options=options)
    assert events.pop() == "data: [DONE]\n\n"
    chunks = [
        ChatCompletionChunk.model_validate_json(event.removeprefix("data:")) for event in events
    ]
    assert len({chunk.id for chunk in chunks}) == 1
    ends = [choice.finish_reason for chunk in chunks for choice in chunk.choices]
    assert ends == [None, None, "tool_calls"]
    assert [bool(chunk.usage) for chunk in chunks] == [False] * 3 + [True] * with_usage
    stream = ChatEvents()
    came = [*stream.push("".join(events).encode()), *stream.push(b"data: [DONE]\n\n")]
    assert [type(piece) for piece in came] == [ToolCall, Usage][: 1 + with_usage]


async def test_a_reply_is_no_longer_than_asked_for() -> None:
    [answer] = await items(messages=TOLD, max_completion_tokens=2)
    usage = Usage(5, 2, cut_short=True)
    assert list(pieces_of(answer)) == ["It is", usage]
    asked = {"stream": True, "stream_options": {"include_usage": True}}
    events = await items(messages=TOLD, max_completion_tokens=2, **asked)
    assert list(ChatEvents().push("".join(events).encode())) == ["It is", usage]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role"),
        ({"messages": [USER], "max_tokens": 0}, "max_tokens"),
        ({"messages": [USER], "tools": [{"type": "function"}]}, "tools.0.function"),
    ],
)
async def test_a_wrong_body_is_named(body: dict[str, Any], path: str) -> None:
    with pytest.raises(BackendError, match=f"^invalid: {path}: ") as caught:
        await items(**body)
    assert caught.value.failure is FailureClass.INVALID
