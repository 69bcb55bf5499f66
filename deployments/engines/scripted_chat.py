"""A scripted reply as an answer of OpenAI's chat API: what a request asks, and how pieces are
written down. Owns no script (`deployments.engines.scripted`)."""

import json
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from conversation.fallbacks import FailureClass
from conversation.history import Message
from conversation.tools import Tool, ToolCall
from deployments.engines.chat import chat_call
from deployments.engines.scripted import Replies
from ingress.backends import BackendError, Piece, ReplyOptions, Usage


class Part(BaseModel):
    type: str
    text: str = ""


class Function(BaseModel):
    name: str
    description: str = ""
    parameters: dict[str, Any] = {}


class Offered(BaseModel):
    type: Literal["function"] = "function"
    function: Function


class Called(BaseModel):
    name: str
    arguments: str = ""


class Call(BaseModel):
    id: str
    function: Called


class Said(BaseModel):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | None = None
    tool_calls: list[Call] | None = None
    tool_call_id: str = ""

    def message(self) -> Message:
        role = "system" if self.role == "developer" else self.role
        content = self.content or ""
        text = content if isinstance(content, str) else "".join(part.text for part in content)
        calls = [
            ToolCall(call.id, call.function.name, call.function.arguments)
            for call in self.tool_calls or ()
        ]
        return Message(role, text, calls=tuple(calls), call_id=self.tool_call_id)


class StreamOptions(BaseModel):
    include_usage: bool = False


class Body(BaseModel):
    """Of a request, what a script heeds."""

    messages: list[Said] = Field(min_length=1)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    tools: list[Offered] | None = None
    tool_choice: Any = "auto"

    def options(self) -> ReplyOptions:
        tools = [
            Tool(
                each.function.name, each.function.description, json.dumps(each.function.parameters)
            )
            for each in self.tools or ()
        ]
        longest = self.max_completion_tokens or self.max_tokens or ReplyOptions().max_tokens
        choice = "none" if self.tool_choice == "none" else "auto"
        return ReplyOptions(
            max_tokens=longest, stream=bool(self.stream), tools=tuple(tools), tool_choice=choice
        )


async def chat_completions(
    replies: Replies, body: dict[str, Any]
) -> AsyncIterator[str | dict[str, Any]]:
    """`ingress.backends.ChatCompletions.chat`, without its deadline. Raises BackendError, of class
    invalid, that names what is wrong with the body."""
    try:
        asked = Body.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(map(str, first["loc"]))
        raise BackendError(FailureClass.INVALID, f"{path}: {first['msg']}") from None
    pieces = replies.reply([said.message() for said in asked.messages], asked.options())
    answer = Answer(str(body.get("model") or "scripted"))
    if not asked.stream:
        yield answer.whole([piece async for piece in pieces])
        return
    with_usage = asked.stream_options is not None and asked.stream_options.include_usage
    async for chunk in answer.chunks(pieces, with_usage=with_usage):
        yield f"data: {json.dumps(chunk)}\n\n"
    yield "data: [DONE]\n\n"


class Answer:
    """One answer's identity, and its shapes (platform.openai.com/docs/api-reference/chat)."""

    def __init__(self, model: str) -> None:
        self._id, self._created = f"chatcmpl-{secrets.token_hex(12)}", int(time.time())
        self._model = model

    def whole(self, pieces: Sequence[Piece]) -> dict[str, Any]:
        text = "".join(piece for piece in pieces if isinstance(piece, str))
        calls = [chat_call(piece) for piece in pieces if isinstance(piece, ToolCall)]
        message: dict[str, Any] = {"role": "assistant", "content": text or None, "refusal": None}
        if calls:
            message["tool_calls"] = calls
        usage = next(piece for piece in pieces if isinstance(piece, Usage))
        reason = ended(calls, usage)
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
        return self._about("chat.completion", [choice]) | {"usage": told(usage)}

    async def chunks(
        self, pieces: AsyncIterator[Piece], *, with_usage: bool
    ) -> AsyncIterator[dict[str, Any]]:
        calls: list[ToolCall] = []
        yield self._chunk({"role": "assistant", "content": ""})
        async for piece in pieces:
            match piece:
                case str():
                    yield self._chunk({"content": piece})
                case ToolCall():
                    yield self._chunk({"tool_calls": [{"index": len(calls), **chat_call(piece)}]})
                    calls.append(piece)
                case Usage():
                    yield self._chunk({}, ended(calls, piece))
                    if with_usage:
                        yield self._about("chat.completion.chunk", []) | {"usage": told(piece)}

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return self._about("chat.completion.chunk", [choice])

    def _about(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": kind,
            "created": self._created,
            "model": self._model,
            "choices": choices,
        }


def ended(calls: Sequence[Any], usage: Usage) -> str:
    if calls:
        return "tool_calls"
    return "length" if usage.cut_short else "stop"


def told(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
