"""A conversation as a request of OpenAI's chat API, for vLLM and for endpoints alike. Owns no
connection; what is answered is read by `deployments.engines.sse`."""

from collections.abc import Sequence
from typing import Any

import orjson

from conversation.history import Message
from conversation.tools import Tool, ToolCall
from ingress.backends import ReplyOptions

CHOICES = ("auto", "none", "required")


def chat_request(model: str, messages: Sequence[Message], options: ReplyOptions) -> dict[str, Any]:
    """The body of a POST to `/chat/completions`. Raises ValueError where a tool's parameters are
    no JSON."""
    request: dict[str, Any] = {
        "model": model,
        "messages": [chat_message(message) for message in messages],
        "max_tokens": options.max_tokens,
        "temperature": options.temperature,
        "top_p": options.top_p,
        "frequency_penalty": options.frequency_penalty,
        "presence_penalty": options.presence_penalty,
    }
    if options.stream:
        request |= {"stream": True, "stream_options": {"include_usage": True}}
    if options.stop:
        request["stop"] = list(options.stop)
    if options.tools:
        request["tools"] = [chat_tool(tool) for tool in options.tools]
        request["tool_choice"] = chat_tool_choice(options.tool_choice)
    return request


def chat_message(message: Message) -> dict[str, Any]:
    """The message as the API has it."""
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.call_id, "content": message.text}
    if message.calls:
        calls = [chat_call(call) for call in message.calls]
        return {"role": message.role, "content": message.text or None, "tool_calls": calls}
    return {"role": message.role, "content": message.text}


def chat_call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.call_id, "type": "function", "function": function}


def chat_tool(tool: Tool) -> dict[str, Any]:
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": orjson.loads(tool.parameters),
    }
    return {"type": "function", "function": function}


def chat_tool_choice(choice: str) -> str | dict[str, Any]:
    if choice in CHOICES:
        return choice
    return {"type": "function", "function": {"name": choice}}
