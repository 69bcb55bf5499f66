"""How much a client may send, and what of it is kept."""

import base64
import json

import pytest

from conversation.events import ItemAdded
from ingress.protocols.inputs import TakeBack
from tests.ingress.realtime.codec_line import Line, message

LONG = "a, " * 400_000
"""Of 1.2 million characters."""


def text(words: str, **fields):
    return message(content=[{"type": "input_text", "text": words}], **fields)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("conversation.item.create", {"item": text(LONG)}),
        ("conversation.item.create", {"item": text("a" * 1_000_000)}),
        ("session.update", {"session": {"tracing": [[]] * 300_000}}),
        ("response.create", {"response": {"input": [text(LONG)]}}),
        ("input_audio_buffer.append", {"audio": "", "more": [[]] * 300_000}),
        ("what.is.this", {"x": "y" * 1_000_000}),
    ],
)
def test_an_event_that_is_not_of_sound_has_a_bound(kind, fields):
    line = Line()
    error = line.refused(kind, **fields)
    assert "1000000 characters" in error["message"]
    assert line.does("input_audio_buffer.clear") == [TakeBack()]


def test_who_sent_what_is_too_long_is_told_which_it_was():
    error = Line().refused("conversation.item.create", event_id="mine", item=text("a" * 1_000_000))
    assert error["event_id"] == "mine"


def test_sound_may_be_longer():
    audio = base64.b64encode(bytes(1_200_000)).decode()
    heard = Line().does("input_audio_buffer.append", audio=audio)
    assert abs(sum(one.seconds for one in heard) - 25) < 0.01


@pytest.mark.parametrize(("levels", "taken"), [(98, True), (99, False), (5_000, False)])
def test_what_is_sent_back_nests_a_hundred_deep_at_most(levels, taken):
    deep = '{"a":' * levels + "1" + "}" * levels  # in the session, which is in the event
    line = Line()
    line.raw('{"type": "session.update", "session": {"tracing": ' + deep + "}}")
    assert (line.told[0]["type"] == "session.updated") == taken


def test_what_a_client_adds_has_a_bound_together():
    line = Line()
    added = [line.does("conversation.item.create", item=text("a" * 900_000)) for _ in range(2)]
    assert all(isinstance(one, ItemAdded) for (one,) in added)
    first = line.told[0]["item"]["id"]
    call = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "a" * 400_000}
    error = line.refused("conversation.item.create", event_id="mine", item=call)
    assert "2000000 bytes" in error["message"] and "conversation.item.delete" in error["message"]
    assert (error["type"], error["param"]) == ("invalid_request_error", "item")
    line.does("conversation.item.delete", item_id=first)
    (event,) = line.does("conversation.item.create", item=call)
    assert len(event.message.calls[0].arguments) == 400_000
    assert json.dumps(line.told).count('"c1"') == 2


def test_items_without_words_are_counted_too():
    line = Line()
    for number in range(4_000):
        line.does("conversation.item.create", item=message(id=f"{number:0512}", content=[]))
        if line.told[0]["type"] == "error":
            break
    assert "2000000 bytes" in line.told[0]["error"]["message"]
