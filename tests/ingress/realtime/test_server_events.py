"""What a client is sent, output by output, where the whole call does not show it."""

import base64
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio import alaw, mulaw
from audio.pcm import Audio
from conversation.history import Message
from conversation.tools import ToolCall
from conversation.wishes import PLAIN
from ingress.backends import Usage
from ingress.protocols.inputs import TakeBack
from ingress.protocols.outputs import (
    AgentWrites,
    Answer,
    CallerSaid,
    CallerStarted,
    CallerStopped,
    CallerUnderstood,
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
from tests.ingress.realtime.test_client_events import TONE, Line

TRANSCRIBED = {"input": {"transcription": {"model": "whisper-1"}}}
EVENTS = {"events": True}
PARTIALS = ["I", "I want", "I want a", "I want a cake", "I want a cake for", "I want a cake for my"]


def partials(line, *texts):
    told = [line.say(CallerSaid(1, text, final=False, item="u1")) for text in texts]
    return [event["delta"] for events in told for event in events]


def test_words_of_the_caller_grow_and_are_never_taken_back():
    line = Line(audio=TRANSCRIBED)
    line.say(CallerStarted("u1", 0.1))
    deltas = partials(line, *PARTIALS)
    line.say(CallerStopped("u1", 1.0, by_hand=False))
    *more, completed = line.say(CallerUnderstood("u1", "I want a cake for my cat.", 1.0))
    assert deltas == ["I", " want", " a", " cake", " for"]
    assert [event["delta"] for event in more] == [" my cat."]
    assert completed["transcript"] == "I want a cake for my cat."


def test_a_word_that_changes_is_shown_when_it_is_certain():
    line = Line(audio=TRANSCRIBED)
    line.say(CallerStarted("u1", 0.1))
    assert partials(line, "I scream now or", "Ice cream now or") == []
    assert partials(line, "Ice cream now or never") == ["Ice cream now or"]
    line.say(CallerStopped("u1", 1.0, by_hand=False))
    (completed,) = line.say(CallerUnderstood("u1", "Ice cream.", 1.0))
    assert completed["transcript"] == "Ice cream."


def test_a_partial_of_what_is_no_item_yet_is_not_shown():
    """Sound of push-to-talk is named when it is committed; until then the last name stands."""
    line = Line(audio=TRANSCRIBED)
    line.say(CallerStopped("u1", 1.0, by_hand=True))
    assert partials(line, "I want", "I want a", "I want a cake") == []


def test_a_client_with_parleys_events_is_shown_words_of_an_item_that_is_still_to_be():
    """It holds the key, and knows what its next utterance will be called only from these."""
    line = Line(audio={"input": {**TRANSCRIBED["input"], "turn_detection": None}}, parley=EVENTS)
    assert partials(line, *PARTIALS[:3]) == ["I", " want"]
    line.say(CallerStopped("u1", 1.0, by_hand=True))
    (more, _) = line.say(CallerUnderstood("u1", "I want a cake.", 1.0))
    assert more["delta"] == " a cake."


def test_words_that_were_taken_back_are_not_the_next_utterances():
    line = Line(audio={"input": {**TRANSCRIBED["input"], "turn_detection": None}}, parley=EVENTS)
    assert partials(line, "I want", "I want a") == ["I want"]
    assert line.does("input_audio_buffer.clear") == [TakeBack()]
    assert partials(line, "She said", "She said so") == ["She said"]


def test_with_voices_detected_only_what_was_begun_is_shown():
    line = Line(audio=TRANSCRIBED, parley=EVENTS)
    assert partials(line, *PARTIALS) == []


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=6).map(" ".join), max_size=8))
def test_deltas_are_a_prefix_of_some_partial(texts):
    line = Line(audio=TRANSCRIBED)
    line.say(CallerStarted("u1", 0.1))
    shown = ""
    for text in texts:
        shown += "".join(partials(line, text))
        assert shown == "" or any(partial.startswith(shown) for partial in texts)


def test_a_transcript_that_failed_is_told():
    line = Line(audio=TRANSCRIBED)
    line.say(CallerStopped("u1", 1.0, by_hand=True))
    (failed,) = line.say(CallerUnderstood("u1", "", 1.0, "timeout: gone"))
    assert failed["type"].endswith("failed")
    assert failed["error"]["message"] == "timeout: gone"


def test_nothing_of_a_transcript_that_nobody_asked_for():
    line = Line()
    line.say(CallerStarted("u1", 0.1))
    assert partials(line, "I want", "I want a") == []
    line.say(CallerStopped("u1", 1.0, by_hand=False))
    assert line.say(CallerUnderstood("u1", "I want", 1.0)) == []


def test_nothing_of_an_utterance_that_was_deleted():
    line = Line(audio=TRANSCRIBED)
    line.say(CallerStopped("u1", 1.0, by_hand=True))
    line.does("conversation.item.delete", item_id="u1")
    assert line.say(CallerUnderstood("u1", "I want", 1.0)) == []


def test_a_transcript_that_was_told_is_told_again():
    """agents-js asks for the item then, and shows what it is told."""
    line = Line(audio=TRANSCRIBED)
    line.say(CallerStopped("u1", 1.0, by_hand=False))
    (unknown,) = line.say(ItemTold("u1", Message("user", ""), ""))
    line.say(CallerUnderstood("u1", "I want", 1.0))
    (waiting,) = line.say(ItemTold("u1", Message("user", ""), ""))
    assert unknown["item"]["content"] == [{"type": "input_audio", "transcript": None}]
    assert waiting["item"]["content"] == [{"type": "input_audio", "transcript": "I want"}]


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
