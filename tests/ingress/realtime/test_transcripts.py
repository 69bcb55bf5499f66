"""The words of the caller, as a client is shown them: they grow, and are never taken back."""

from hypothesis import given
from hypothesis import strategies as st

from conversation.history import Message
from ingress.protocols.inputs import TakeBack
from ingress.protocols.outputs import (
    CallerSaid,
    CallerStarted,
    CallerStopped,
    CallerUnderstood,
    ItemTold,
)
from tests.ingress.realtime.codec_line import Line

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
