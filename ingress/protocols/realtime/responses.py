"""One reply as the client is told of it, from `response.created` to `response.done`.

Owns which of its items are open: every `added` has its `done`, and nothing follows the end. What
the reply is, and when, is the call's.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from conversation.tools import ToolCall
from ingress.backends import Usage
from ingress.protocols.realtime import items
from ingress.protocols.realtime.errors import Body
from ingress.protocols.realtime.items import Kind, Status
from ingress.protocols.realtime.settings import ALaw, MuLaw, Pcm
from ingress.protocols.realtime.shown import Items

End = Literal["completed", "incomplete", "cancelled", "failed"]


@dataclass(frozen=True, slots=True)
class Terms:
    """How a response is made, as the client is shown it."""

    response_id: str
    kept: bool
    spoken: bool
    sound: Pcm | MuLaw | ALaw
    voice: Body | str
    max_tokens: int | str
    metadata: dict[str, str] | None = None

    @property
    def main(self) -> bool:
        """Whether it takes the conversation's floor."""
        return self.kept or self.spoken


@dataclass(slots=True)
class Response:
    terms: Terms
    shown: Items
    item: str = ""
    """Names the message, should there be one."""
    cancelled: bool = False
    """The client has asked for it to end."""
    failed: str = ""
    """Why the model's reply is not whole."""
    ended: bool = False
    told: bool = False
    """The client knows of it."""
    begun: bool = False
    """The call has begun to make it."""
    aside: int = 0
    """Its number, from 1, where it is made beside the conversation."""
    _text: str | None = None  # of the message, None while there is none
    _output: list[Body] = field(default_factory=list[Body])  # what is whole of it
    _waiting: list[ToolCall] = field(default_factory=list[ToolCall])
    _behind: str = ""  # where the next item stands
    _added: int = 0
    _at: int = 0  # the message's place among them
    _usage: Usage | None = None

    @property
    def id(self) -> str:
        return self.terms.response_id

    @property
    def kind(self) -> Kind:
        return "assistant_audio" if self.terms.spoken else "assistant"

    def create(self) -> Iterator[Body]:
        """Tell the client of it, unless that was done."""
        if not self.told:
            self.told = True
            yield {"type": "response.created", "response": self._body("in_progress", None)}

    def begin(self, item: str) -> None:
        """The call begins to make it. Its message, should there be one, is named so and stands
        behind all that is there now."""
        self.item = self._behind = item
        self.begun = True
        if self.terms.kept:
            self.shown.reserve(item)

    def write(self, text: str) -> Iterator[Body]:
        """More words: phrases stand apart, pieces of a reply in writing as they are."""
        yield from self.open()
        delta = f" {text}" if self.terms.spoken and self._text else text
        self._text = f"{self._text}{delta}"
        name = "output_audio_transcript" if self.terms.spoken else "output_text"
        yield self._part_event(f"response.{name}.delta", delta=delta)

    def sound(self, delta: str) -> Iterator[Body]:
        """`delta` is base64 of the response's format."""
        yield from self.open()
        yield self._part_event("response.output_audio.delta", delta=delta)

    def call(self, call: ToolCall) -> Iterator[Body]:
        """A tool call; one that comes while the message is open waits for its end."""
        if self._text is None:
            yield from self._call(call)
        else:
            self._waiting.append(call)

    def use(self, usage: Usage) -> None:
        self._usage = usage

    def end(self, end: End) -> Iterator[Body]:
        """Whatever is open ends, and the response: one that is told whole is incomplete where
        `max_output_tokens` cut it."""
        if end == "completed" and self._usage and self._usage.cut_short:
            end = "incomplete"
        yield from self.create()
        self.ended = True
        if self._text is not None:
            apologised = end == "failed" and self.terms.spoken
            whole = end == "completed" or apologised
            yield from self._close("completed" if whole else "incomplete")
        for call in self._waiting:
            yield from self._call(call)
        self.shown.give_up(self.item)
        yield {"type": "response.done", "response": self._body(end, self._details(end))}

    def open(self) -> Iterator[Body]:
        """The message, if it is not there yet."""
        if self._text is not None:
            return
        self._text = ""
        yield from self._add(items.shape(self.item, self.kind, None, "in_progress"), self.kind)
        yield self._part_event("response.content_part.added", part=self._part())

    def _close(self, status: Status) -> Iterator[Body]:
        text = self._text or ""
        if self.terms.spoken:
            yield self._part_event("response.output_audio.done")
            yield self._part_event("response.output_audio_transcript.done", transcript=text)
        else:
            yield self._part_event("response.output_text.done", text=text)
        yield self._part_event("response.content_part.done", part=self._part())
        body = items.shape(self.item, self.kind, None, status)
        yield from self._done(body | {"content": items.content(self.kind, text)}, self._at)

    def _call(self, call: ToolCall) -> Iterator[Body]:
        body: Body = {"id": call.item, "object": "realtime.item"}
        begun = {**body, "status": "in_progress", **items.called(call, arguments=False)}
        index = self._added
        yield from self._add(begun, "call", call.call_id)
        event = {
            "response_id": self.id,
            "item_id": call.item,
            "output_index": index,
            "call_id": call.call_id,
        }
        name = "response.function_call_arguments"
        yield {"type": f"{name}.delta", **event, "delta": call.arguments}
        yield {"type": f"{name}.done", **event, "name": call.name, "arguments": call.arguments}
        yield from self._done({**body, "status": "completed", **items.called(call)}, index)

    def _add(self, body: Body, kind: Kind, call_id: str = "") -> Iterator[Body]:
        if kind != "call":
            self._at = self._added
        yield self._output_event("added", self._added, body)
        self._added += 1
        if self.terms.kept:
            self.shown.know(body["id"], kind, call_id=call_id)
            before = self.shown.place(body["id"], self._behind, more=True)
            self._behind = body["id"]
            yield {"type": "conversation.item.added", "previous_item_id": before, "item": body}

    def _done(self, body: Body, index: int) -> Iterator[Body]:
        if self.terms.kept and self.shown.close(body["id"], body["status"]):
            before = self.shown.before(body["id"])
            yield {"type": "conversation.item.done", "previous_item_id": before, "item": body}
        yield self._output_event("done", index, body)
        self._output.append(body)

    def _output_event(self, what: str, index: int, body: Body) -> Body:
        place = {"response_id": self.id, "output_index": index}
        return {"type": f"response.output_item.{what}", **place, "item": body}

    def _part_event(self, kind: str, **more: object) -> Body:
        place = {"response_id": self.id, "item_id": self.item, "output_index": self._at}
        return {"type": kind, **place, "content_index": 0, **more}

    def _part(self) -> Body:
        if self.terms.spoken:
            return {"type": "audio", "transcript": self._text}
        return {"type": "text", "text": self._text}

    def _details(self, end: End) -> Body | None:
        match end:
            case "completed":
                return None
            case "cancelled":
                reason = "client_cancelled" if self.cancelled else "turn_detected"
                return {"type": end, "reason": reason}
            case "incomplete":
                return {"type": end, "reason": "max_output_tokens"}
            case "failed":
                error = {"type": "server_error", "code": "model_failed", "message": self.failed}
                return {"type": end, "error": error}

    def _body(self, status: str, details: Body | None) -> Body:
        terms = self.terms
        sound = terms.sound.model_dump()
        return {
            "id": self.id,
            "object": "realtime.response",
            "status": status,
            "status_details": details,
            "output": list(self._output),
            "conversation_id": "conv_parley" if terms.kept else None,
            "output_modalities": ["audio" if terms.spoken else "text"],
            "max_output_tokens": terms.max_tokens,
            "audio": {"output": {"format": sound, "voice": terms.voice}},
            "metadata": terms.metadata,
            "usage": self._used() if self.ended else None,
        }

    def _used(self) -> Body:
        """OpenAI counts sound as tokens; our models speak and hear text."""
        used = self._usage or Usage(0, 0)
        cached = {"text_tokens": used.cached_tokens, "audio_tokens": 0, "image_tokens": 0}
        return {
            "total_tokens": used.input_tokens + used.output_tokens,
            "input_tokens": used.input_tokens,
            "output_tokens": used.output_tokens,
            "input_token_details": {
                "text_tokens": used.input_tokens,
                "audio_tokens": 0,
                "image_tokens": 0,
                "cached_tokens": used.cached_tokens,
                "cached_tokens_details": cached,
            },
            "output_token_details": {"text_tokens": used.output_tokens, "audio_tokens": 0},
        }
