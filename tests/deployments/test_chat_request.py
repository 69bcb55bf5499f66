"""A conversation as OpenAI's chat API has it."""

import pytest

from conversation.history import Message
from conversation.tools import Tool, ToolCall
from deployments.engines.chat import chat_message, chat_request
from ingress.backends import ReplyOptions

WEATHER = Tool("weather", "of a city", '{"type": "object", "properties": {}}')


def test_a_call_and_its_result_are_told() -> None:
    call = ToolCall("c1", "weather", '{"city": "Berlin"}')
    assert chat_message(Message("assistant", "", calls=(call,))) == {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "weather", "arguments": '{"city": "Berlin"}'},
            }
        ],
    }
    result = Message("tool", "sunny", call_id="c1")
    assert chat_message(result) == {"role": "tool", "tool_call_id": "c1", "content": "sunny"}


@pytest.mark.parametrize("choice", ["auto", "none", "required"])
def test_tools_are_offered(choice: str) -> None:
    request = chat_request("m", [], ReplyOptions(tools=(WEATHER,), tool_choice=choice))
    function = {
        "name": "weather",
        "description": "of a city",
        "parameters": {"type": "object", "properties": {}},
    }
    assert request["tools"] == [{"type": "function", "function": function}]
    assert request["tool_choice"] == choice


def test_one_tool_is_demanded_by_its_name() -> None:
    request = chat_request("m", [], ReplyOptions(tools=(WEATHER,), tool_choice="weather"))
    assert request["tool_choice"] == {"type": "function", "function": {"name": "weather"}}


def test_without_tools_nothing_is_said_of_them() -> None:
    assert not {"tools", "tool_choice"} & set(chat_request("m", [], ReplyOptions()))
