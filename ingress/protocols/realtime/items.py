"""The shapes of conversation items, from and to the conversation's own messages. Owns no state.

Clients read items strictly: no key may be null but `transcript`, and an utterance's must be there
even while it is unknown.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from conversation.history import Message
from conversation.tools import ToolCall
from ingress.protocols.realtime.errors import Body, Refused, checked

Kind = Literal["user_audio", "user", "system", "assistant_audio", "assistant", "call", "result"]
"""What an item is on the wire; the messages behind them do not tell what was spoken."""

Status = Literal["in_progress", "completed", "incomplete"]


class Item(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    id: str | None = Field(default=None, min_length=1, max_length=512)
    status: Status | None = None


class Content(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    type: Literal["input_text", "output_text", "text", "input_audio", "output_audio", "audio"]
    text: str | None = None
    transcript: str | None = None


class GivenMessage(Item):
    type: Literal["message"]
    role: Literal["system", "user", "assistant"]
    content: list[Content]


class GivenCall(Item):
    type: Literal["function_call"]
    call_id: str = Field(min_length=1)
    name: str = Field(min_length=1)
    arguments: str


class GivenResult(Item):
    type: Literal["function_call_output"]
    call_id: str = Field(min_length=1)
    output: str


class Given(BaseModel):
    """Any item that a client may add."""

    model_config = ConfigDict(strict=True)

    item: Annotated[GivenMessage | GivenCall | GivenResult, Field(discriminator="type")]


def read(item: Any, item_id: str) -> tuple[Kind, Message]:
    """A client's item, which is to be known by `item_id`. Raises Refused."""
    match given := checked(Given, {"item": item}).item:
        case GivenCall():
            call = ToolCall(given.call_id, given.name, given.arguments)
            return "call", Message("assistant", "", calls=(call,), item=item_id)
        case GivenResult():
            return "result", Message("tool", given.output, call_id=given.call_id, item=item_id)
        case GivenMessage():
            cut_off = given.role == "assistant" and given.status == "incomplete"
            text = "\n".join(filter(None, [_words(part) for part in given.content]))
            return _kind(given), Message(given.role, text, cut_off, item=item_id)


def _kind(given: GivenMessage) -> Kind:
    spoken = any(part.type.endswith("audio") for part in given.content)
    match given.role:
        case "user":
            return "user_audio" if spoken else "user"
        case "assistant":
            return "assistant_audio" if spoken else "assistant"
        case "system":
            return "system"


def _words(part: Content) -> str | None:
    if part.type.endswith("audio"):
        if part.transcript is None:
            raise Refused(
                "item.content: sound without a transcript cannot be added; send it by "
                "input_audio_buffer.append",
                param="item.content",
            )
        return part.transcript
    return part.text


def shape(item: str, kind: Kind, message: Message | None, status: Status) -> Body:
    """The item as clients are shown it; without a message, what there is to show of its kind."""
    body: Body = {"id": item, "object": "realtime.item", "status": status}
    match kind:
        case "call":
            call = next(iter(message.calls if message else ()), ToolCall("", "", ""))
            return body | called(call)
        case "result":
            output, call_id = (message.text, message.call_id) if message else ("", "")
            return body | {"type": "function_call_output", "call_id": call_id, "output": output}
        case _:
            text = message.text if message else None
            return body | {"type": "message", "role": role_of(kind), "content": content(kind, text)}


def called(call: ToolCall, *, arguments: bool = True) -> Body:
    written = call.arguments if arguments else ""
    function = {"call_id": call.call_id, "name": call.name, "arguments": written}
    return {"type": "function_call", **function}


def role_of(kind: Kind) -> str:
    return kind.removesuffix("_audio")


def content(kind: Kind, text: str | None) -> list[Body]:
    """The parts of a message; `text` is None for an utterance whose words are not known yet, and
    for a reply that has none."""
    if kind == "user_audio":
        return [{"type": "input_audio", "transcript": text}]
    if text is None:
        return []
    if kind == "assistant_audio":
        return [{"type": "output_audio", "transcript": text}]
    return [{"type": "output_text" if kind == "assistant" else "input_text", "text": text}]
