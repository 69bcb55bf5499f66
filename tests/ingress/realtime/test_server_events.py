"""What a client is sent, output by output, where the whole call does not show it."""

import base64
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from audio import alaw, mulaw
from audio.pcm import Audio
from conversation.history import Message
from conversation.tools import ToolCall
from conversation.wishes import PLAIN
from ingress.backends import Usage
from ingress.protocols.outputs import (
    AgentWrites,
    Answer,
    CallerStarted,
    CallerStopped,
    Closed,
    FellBack,
    ItemTold,
    Noted,
    Play,
    ReplyBegun,
    ReplySent,
    ToolCalled,
    TurnClosed,
    Used,
)
from tests.ingress.realtime.codec_line import TONE, Line


def test_an_item_that_is_deleted_meanwhile_is_not_told():
    line = Line()
    (error,) = line.say(ItemTold("u1", None, "rci_u1"))
    assert error["error"]["code"] == "item_retrieve_invalid_item_id"
    assert error["error"]["event_id"] == "rci_u1"


def begun(line, turn=1):
    return line.say(ReplyBegun(turn, f"a{turn}", PLAIN))[0]["response"]


@pytest.mark.parametrize(
    ("kind", "rate_hz", "decode"),
    [
        ("audio/pcm", 24_000, lambda sound: np.frombuffer(sound, np.int16)),
        ("audio/pcmu", 8_000, mulaw.decode),
        ("audio/pcma", 8_000, alaw.decode),
    ],
)
def test_sound_is_sent_in_the_sessions_format(kind, rate_hz, decode):
    line = Line(audio={"output": {"format": {"type": kind}}})
    assert line.codec.rate_hz == rate_hz
    response = begun(line)
    line.say(AgentWrites(1, "Hello."))
    (delta,) = line.say(Play(Audio(TONE[:480], rate_hz)))
    assert response["audio"]["output"]["format"]["type"] == kind
    error = decode(base64.b64decode(delta["delta"])).astype(int) - TONE[:480]
    assert abs(error).max() <= 256


def test_a_format_that_changes_is_the_next_responses():
    """A reply that was prepared before has sound at the old rate."""
    line = Line()
    line.does("session.update", session={"audio": {"output": {"format": {"type": "audio/pcmu"}}}})
    begun(line)
    line.say(AgentWrites(1, "Hello."))
    sound = b"".join(
        base64.b64decode(event["delta"])
        for at in range(0, 24_000, 4_800)
        for event in line.say(Play(Audio(TONE[at : at + 4_800], 24_000)))
    )
    assert abs(len(sound) - 8_000) < 50


def test_what_is_added_before_the_first_word_of_a_reply_stands_behind_it():
    line = Line()
    begun(line)
    item = {"id": "x", "type": "message"}
    added = {"type": "conversation.item.added", "previous_item_id": "", "item": item}
    line.say(Answer(added))
    told = [*line.say(AgentWrites(1, "Hello.")), *line.say(ReplySent(1))]
    places = [event["previous_item_id"] for event in told if "previous_item_id" in event]
    assert places == [None, None]  # added, done
    begun(line, turn=2)
    line.say(TurnClosed(2, "interrupted", {}, ""))  # without a word: its place is nobody's
    assert line.say(Answer(added | {"item": {"id": "y"}}))[0]["previous_item_id"] == "x"


def test_usage_is_told():
    line = Line()
    begun(line)
    line.say(AgentWrites(1, "Hello."))
    line.say(Used(1, Usage(11, 3, 8)))
    usage = line.say(ReplySent(1))[-1]["response"]["usage"]
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (11, 3, 14)
    assert usage["input_token_details"]["cached_tokens"] == 8


def test_a_reply_that_failed_says_why_and_its_fixed_line_is_spoken():
    line = Line()
    begun(line)
    line.say(FellBack(1, "timeout: no first token"))
    line.say(AgentWrites(1, "I apologize."))
    done = line.say(ReplySent(1))[-1]["response"]
    assert done["status"] == "failed"
    assert done["status_details"]["error"]["message"] == "timeout: no first token"
    assert done["output"][0]["content"][0]["transcript"] == "I apologize."


def test_a_reply_in_writing_that_failed_is_not_whole():
    """No fixed line ends it, and the model is told that it was cut off."""
    line = Line(output_modalities=["text"])
    line.say(ReplyBegun(1, "a1", replace(PLAIN, spoken=False)))
    line.say(AgentWrites(1, "One two"))
    line.say(FellBack(1, "timeout: no next token"))
    (item,) = line.say(TurnClosed(1, "failed"))[-1]["response"]["output"]
    (told,) = line.say(ItemTold("a1", Message("assistant", "One two", cut_off=True), ""))
    assert item["status"] == told["item"]["status"] == "incomplete"


def test_a_call_that_comes_while_the_agent_speaks_follows_the_message():
    line = Line()
    begun(line)
    line.say(AgentWrites(1, "Let me see."))
    assert line.say(ToolCalled(1, ToolCall("c1", "f", "{}"))) == []
    kinds = [event["type"] for event in line.say(ReplySent(1))]
    assert kinds.index("response.content_part.done") < kinds.index("response.output_item.added")
    assert kinds[-1] == "response.done"


def test_nothing_follows_the_end():
    line = Line()
    begun(line)
    line.say(AgentWrites(1, "One."))
    line.say(TurnClosed(1, "interrupted"))
    late = [AgentWrites(1, "Two."), Play(Audio(TONE[:480], 24_000)), ReplySent(1)]
    assert [line.say(output) for output in late] == [[], [], []]


def test_an_item_is_told_as_it_ended_until_it_is_deleted():
    line = Line()
    begun(line)
    line.say(AgentWrites(1, "One."))
    line.say(TurnClosed(1, "interrupted"))
    (whole,) = line.say(ItemTold("a1", Message("assistant", "One."), ""))
    (unheard,) = line.say(ItemTold("a1", Message("assistant", ""), ""))
    assert (whole["item"]["status"], unheard["item"]["status"]) == ("incomplete", "incomplete")
    assert unheard["item"]["content"] == [{"type": "output_audio", "transcript": ""}]
    line.does("conversation.item.delete", item_id="a1")
    given = {"type": "message", "role": "user", "content": [], "id": "a1"}
    (added,) = line.does("conversation.item.create", item=given)
    (anew,) = line.say(ItemTold("a1", added.message, ""))
    assert anew["item"]["status"] == "completed"
    (outgrown,) = line.say(ItemTold("a1", None, "req"))
    assert outgrown["error"]["code"] == "item_retrieve_invalid_item_id"
    assert "too old" in outgrown["error"]["message"]


def test_what_has_no_word_is_not_told():
    line = Line()
    assert line.say(Noted("queued: hello")) == []
    assert line.say(Closed("over")) == [Closed("over")]


def test_a_turns_times_are_told_to_who_asks():
    line = Line(parley={"events": True})
    line.say(CallerStopped("u1", 1.0, by_hand=False))
    response = begun(line)
    line.say(ReplySent(1))
    (told,) = line.say(TurnClosed(1, "answered", {"sent": 9.5}, "Hi"))
    del told["event_id"]
    assert told == {
        "type": "parley.turn",
        "turn": 1,
        "outcome": "answered",
        "stages_ms": {"sent": 9.5},
        "heard": "Hi",
        "item_id": "u1",
        "response_id": response["id"],
    }
    begun(line, turn=2)  # asked for, without an utterance
    assert line.say(TurnClosed(2, "answered"))[-1]["item_id"] is None
    quiet = Line()
    begun(quiet)
    quiet.say(ReplySent(1))
    assert quiet.say(TurnClosed(1, "answered", {"sent": 9.5}, "Hi")) == []


def test_event_ids_are_never_the_same():
    line = Line()
    ids = [line.say(CallerStarted("u1", 0.1))[0]["event_id"] for _ in range(3)]
    assert all(one != other for one, other in pairwise(ids))
