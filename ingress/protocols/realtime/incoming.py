"""Client events as what happens in a call, and the answers to them.

No message that comes here ends the call: what cannot be followed is answered by an `error`. One
that is longer than the network's side takes does not come here, and ends the connection.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field

from audio.pcm import Audio
from conversation.events import (
    Event,
    ItemAdded,
    ItemAsked,
    ItemDeleted,
    ItemTruncated,
    ReplyCancelled,
    ReplyRequested,
)
from ingress.protocols.inputs import Commit, Input, TakeBack
from ingress.protocols.outputs import Answer
from ingress.protocols.realtime import items
from ingress.protocols.realtime.errors import Body, Refused, checked
from ingress.protocols.realtime.exchange import Exchange, new_id
from ingress.protocols.realtime.messages import APPEND, check_bounds, parsed
from ingress.protocols.realtime.settings import Overrides
from ingress.protocols.realtime.sound import LEAST_COMMIT_S

MAX_ITEMS_BYTES = 2_000_000
"""Of the items that a client has added and not deleted, as JSON: some 500,000 tokens, more than our
models take, and as much as one session may hold of a replica's memory."""

Decoded = Audio | Event | Input | Answer


class Frame(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    event_id: str | None = None


class Append(Frame):
    audio: str


class Update(Frame):
    session: dict[str, Any]


class Create(Frame):
    item: dict[str, Any]
    previous_item_id: str | None = None


class Named(Frame):
    item_id: str


class Truncate(Named):
    content_index: Annotated[int, Field(ge=0)]
    audio_end_ms: Annotated[int, Field(ge=0)]


class Respond(Frame):
    response: dict[str, Any] | None = None


class Cancel(Frame):
    response_id: str | None = None


class Incoming:
    """One call's."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._does: Mapping[str, Callable[[Body], Iterator[Decoded]]] = {
            "session.update": self._update,
            APPEND: self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._take_back,
            "output_audio_buffer.clear": self._clear_sound,
            "conversation.item.create": self._create,
            "conversation.item.delete": self._delete,
            "conversation.item.retrieve": self._retrieve,
            "conversation.item.truncate": self._truncate,
            "response.create": self._respond,
            "response.cancel": self._cancel,
        }

    def take(self, message: str | bytes) -> Iterator[Decoded]:
        event_id = None
        try:
            event = parsed(message)
            given = event.get("event_id")
            event_id = given if isinstance(given, str) else None
            check_bounds(event, len(message))
            yield from self._act(event)
        except Refused as refused:
            yield Answer(refused.event(event_id))

    def _act(self, event: Body) -> Iterator[Decoded]:
        kind = event.get("type")
        if not isinstance(kind, str):
            raise Refused("type is missing", code="missing_required_parameter", param="type")
        if kind not in self._does:
            known = ", ".join(sorted(self._does))
            raise Refused(f"type: {kind!r} is not a client event; there is {known}", param="type")
        yield from self._does[kind](event)

    def _update(self, event: Body) -> Iterator[Decoded]:
        before = self._exchange.session
        session = before.updated(checked(Update, event).session)
        self._exchange.session = session
        self._exchange.sound.become(session.settings.audio.input.format)
        if (listen := session.listen()) != before.listen():
            yield listen
        if (configured := session.configured()) != before.configured():
            yield configured
        yield Answer({"type": "session.updated", "session": session.body})

    def _append(self, event: Body) -> Iterator[Decoded]:
        yield from self._exchange.sound.decode(checked(Append, event).audio)

    def _commit(self, _: Body) -> Iterator[Decoded]:
        sound = self._exchange.sound
        if sound.waiting_s < LEAST_COMMIT_S:
            raise Refused(
                "Error committing input audio buffer: buffer too small. Expected at least 100ms of "
                f"audio, but buffer only has {sound.waiting_s * 1_000:.2f}ms of audio.",
                code="input_audio_buffer_commit_empty",
            )
        sound.take()
        yield Commit()

    def _take_back(self, _: Body) -> Iterator[Decoded]:
        self._exchange.sound.take()
        yield TakeBack()
        yield Answer({"type": "input_audio_buffer.cleared"})

    def _clear_sound(self, _: Body) -> Iterator[Decoded]:
        """What plays is not to be heard, nor what would follow it."""
        yield from self._end_main()

    def _create(self, event: Body) -> Iterator[Decoded]:
        create, shown = checked(Create, event), self._exchange.items
        item_id = create.item.get("id")
        item_id = item_id if isinstance(item_id, str) else new_id("item")
        kind, message = items.read(create.item, item_id)
        after = "" if create.previous_item_id is None else create.previous_item_id
        self._check_place(item_id, after)
        if kind == "result" and not shown.called(message.call_id):
            raise Refused(
                f"no function call in the conversation has the call_id {message.call_id!r}",
                code="invalid_tool_call_id",
                param="item.call_id",
            )
        body = items.shape(item_id, kind, message, "incomplete" if message.cut_off else "completed")
        size = self._size(body)
        call_id = message.calls[0].call_id if message.calls else ""
        shown.know(item_id, kind, call_id=call_id, given_bytes=size)
        behind = None if after == "root" else after
        yield ItemAdded(message, behind)
        yield Answer({"type": "conversation.item.added", "previous_item_id": behind, "item": body})

    def _size(self, item: Body) -> int:
        """In bytes, if there is room for it."""
        size = len(orjson.dumps(item))
        if self._exchange.items.given_bytes + size > MAX_ITEMS_BYTES:
            raise Refused(
                f"with this, the items that were added would have more than {MAX_ITEMS_BYTES} "
                "bytes together: make room by conversation.item.delete",
                param="item",
            )
        return size

    def _check_place(self, item_id: str, after: str) -> None:
        if after and after != "root" and after not in self._exchange.items:
            raise Refused(
                f"previous_item_id: item {after!r} is not in the conversation",
                code="item_create_invalid_previous_item_id",
                param="previous_item_id",
            )
        if item_id in self._exchange.items:
            raise Refused(
                f"item {item_id!r} is in the conversation already",
                code="item_create_duplicate_item_id",
                param="item.id",
            )

    def _delete(self, event: Body) -> Iterator[Decoded]:
        item = self._named(checked(Named, event), "delete")
        self._exchange.items.forget(item)
        self._cut_off(item)
        yield ItemDeleted(item)
        yield Answer({"type": "conversation.item.deleted", "item_id": item})

    def _retrieve(self, event: Body) -> Iterator[Decoded]:
        named = checked(Named, event)
        yield ItemAsked(self._named(named, "retrieve"), named.event_id or "")

    def _truncate(self, event: Body) -> Iterator[Decoded]:
        truncate = checked(Truncate, event)
        item = self._named(truncate, "truncate")
        if not self._exchange.items.kind(item).startswith("assistant"):
            raise Refused(
                f"item {item!r} is not a message of the assistant's",
                code="item_truncate_invalid_item_id",
                param="item_id",
            )
        self._cut_off(item)
        yield ItemTruncated(item, truncate.audio_end_ms / 1_000)
        place = {"item_id": item, "content_index": truncate.content_index}
        end = {"audio_end_ms": truncate.audio_end_ms}
        yield Answer({"type": "conversation.item.truncated", **place, **end})

    def _cut_off(self, item: str) -> None:
        """What is being spoken ends when its item is cut or deleted."""
        for response in self._exchange.main:
            response.cancelled = response.cancelled or response.item == item

    def _named(self, named: Named, verb: str) -> str:
        if named.item_id not in self._exchange.items:
            raise Refused(
                f"item {named.item_id!r} is not in the conversation",
                code=f"item_{verb}_invalid_item_id",
                param="item_id",
            )
        return named.item_id

    def _respond(self, event: Body) -> Iterator[Decoded]:
        given = checked(Overrides, checked(Respond, event).response or {}, "response")
        self._check_format(given)
        messages = None if given.input is None else tuple(map(_read, given.input))
        wish = self._exchange.session.wish(given, request=new_id("resp"), messages=messages)
        self._exchange.check_room(aside=wish.aside)
        response = self._exchange.respond(wish, given)
        yield Answer({"type": "response.created", "response_id": response.id})
        yield ReplyRequested(wish)

    def _check_format(self, given: Overrides) -> None:
        wanted = given.audio and given.audio.output and given.audio.output.format
        if wanted and wanted != self._exchange.session.settings.audio.output.format:
            raise Refused(
                "a response is in the session's format: change that by session.update",
                param="response.audio.output.format",
            )

    def _cancel(self, event: Body) -> Iterator[Decoded]:
        wanted = checked(Cancel, event).response_id
        main = self._exchange.main
        response = self._exchange.asked(wanted) if wanted else next(iter(main), None)
        if response is None:
            raise Refused(
                "Cancellation failed: no active response found",
                code="response_cancel_not_active",
            )
        if response.terms.main:
            yield from self._end_main()
        else:
            response.cancelled = True
            yield ReplyCancelled(response.aside)

    def _end_main(self) -> Iterator[Decoded]:
        """What is spoken, and what waits for its end."""
        main = self._exchange.main
        for response in main:
            response.cancelled = True
        yield ReplyCancelled()
        yield Answer({"type": "response.cancel", "response_ids": [one.id for one in main]})


def _read(item: Body) -> Any:
    if item.get("type") == "item_reference":
        raise Refused(
            "response.input: item_reference is not supported; give the item itself",
            param="response.input",
        )
    return items.read(item, "")[1]
