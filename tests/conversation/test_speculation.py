"""A turn that is prepared at a pause: released by the endpoint, or dropped without trace."""

import pytest

from conversation.commands import (
    CloseTurn,
    Discard,
    Forget,
    Note,
    Release,
    Reply,
    Transcribe,
    Understood,
)
from conversation.events import (
    CallEnded,
    Paused,
    PhraseHeard,
    ReplyEnded,
    ReplyFailed,
    SpeechResumed,
    SpeechStarted,
    TextReceived,
    Transcribed,
    TranscriptFailed,
)
from conversation.fallbacks import FailureClass
from conversation.history import Message
from tests.conversation.talking import LATER, SOME, answered, ended, foreseen, phrase, run, started

MESSAGES = (Message("system", "Be brief."), Message("user", "hello"))


def test_a_pause_prepares_and_the_endpoint_releases():
    state, commands = run(started(), *foreseen())
    assert commands == [Transcribe(0, SOME), Reply(1, 0, MESSAGES, prepared=True)]
    assert state.phase == "preparing" and state.history == ()
    state, commands = run(state, phrase(0, 0, "Yes."), ended())
    assert commands == [Understood(1, "hello"), Release()]
    state, commands = run(state, ReplyEnded(0), PhraseHeard(1, 0, 0))
    assert commands == [CloseTurn(1, "answered", "Yes.")]
    assert [m.text for m in state.history] == ["hello", "Yes."]


def test_a_reply_that_was_written_before_its_release_ends_when_it_was_heard():
    state, _ = run(started(), *foreseen(), phrase(0, 0, "Yes."), ReplyEnded(0), ended())
    assert state.phase == "replying"
    assert run(state, PhraseHeard(1, 0, 0))[1] == [CloseTurn(1, "answered", "Yes.")]


def test_a_caller_who_goes_on_leaves_no_trace_of_what_was_prepared():
    before, _ = run(started(), SpeechStarted(0))
    state, commands = run(before, *foreseen()[1:], phrase(0, 0, "Yes."), SpeechResumed(9_000))
    assert commands[-2:] == [Forget(0), Discard()]
    assert (state.history, state.sent, state.segments) == ((), (), ())
    assert (state.turn, state.phase) == (1, "listening")
    late = [phrase(0, 1, "No."), ReplyEnded(0), ReplyFailed(0, FailureClass.SERVER, "")]
    assert run(state, *late) == (state, [])
    _, commands = run(state, Paused(SOME), Transcribed(1, "hello you"), ended())
    assert commands[-1] == Release() and Understood(1, "hello you") in commands


def test_a_transcript_that_comes_after_the_endpoint_is_answered_at_once():
    state, commands = run(started(), SpeechStarted(0), Paused(SOME), ended())
    assert commands == [Transcribe(0, SOME)]  # once
    _, commands = run(state, Transcribed(0, "hello"))
    assert commands == [Understood(1, "hello"), Reply(1, 0, MESSAGES)]


def test_a_pause_before_the_transcript_is_forgotten_with_it():
    state, commands = run(started(), SpeechStarted(0), Paused(SOME), SpeechResumed(9_000))
    assert commands[-1] == Forget(0)
    assert run(state, Transcribed(0, "hello")) == (state, [])


def test_a_preparation_that_fails_is_made_again_at_the_endpoint():
    failed = ReplyFailed(0, FailureClass.SERVER, "down")
    state, commands = run(started(), *foreseen(), failed)
    assert commands[-1] == Discard() and state.failures == 0
    _, commands = run(state, ended())
    assert commands == [Understood(1, "hello"), Reply(1, 1, MESSAGES)]


def test_a_transcript_that_fails_at_a_pause_is_asked_for_again_at_the_endpoint():
    failed = TranscriptFailed(0, FailureClass.SERVER, "down")
    state, commands = run(started(), SpeechStarted(0), Paused(SOME), failed)
    assert commands == [Transcribe(0, SOME)]
    _, commands = run(state, ended(), Transcribed(1, "hello"))
    assert commands[:2] == [Forget(0), Transcribe(1, SOME)]
    assert commands[-1] == Reply(1, 0, MESSAGES)


def test_nothing_is_prepared_for_silence_or_when_it_is_off():
    assert len(run(started(), *foreseen(text=""))[1]) == 1
    assert run(started(prepares=False), SpeechStarted(0), Paused(SOME))[1] == []


def test_an_empty_pause_closes_an_empty_turn_at_the_endpoint():
    _, commands = run(started(), *foreseen(text=""), ended())
    assert commands[-1] == CloseTurn(1, "empty", "")


def test_what_is_typed_meanwhile_waits_its_turn():
    state, _ = run(started(), *foreseen())
    state, commands = run(state, TextReceived("typed"), ended())
    assert commands == [Note("queued", "typed"), Understood(1, "hello"), Release()]
    _, commands = run(state, *answered(1, 0, "Yes."))
    assert commands[-1].messages[-1].text == "typed"


def test_a_call_that_ends_drops_what_was_prepared():
    state, commands = run(started(), *foreseen(), phrase(0, 0, "Yes."), CallEnded("over"))
    assert commands[-1] == Discard() and state.over and state.history == ()


@pytest.mark.parametrize(("pause_ms", "same"), [(300, True), (900, False)])
def test_speech_that_goes_on_just_after_the_endpoint_continues_the_turn(pause_ms, same):
    state, _ = run(started(), *foreseen(text="I want"), ended())
    endpoint = SOME.voice_end_sample + 4_000
    begins = endpoint + pause_ms * 8
    state, commands = run(state, *foreseen(1, "to book", begins))
    asked = [c for c in commands if isinstance(c, Reply)][-1].messages[1:]
    assert asked == (Message("user", "I want to book"),)  # rendered as one in either case
    assert (state.turn == 1) is same
    users = [m.text for m in state.history if m.role == "user"]
    assert users == ([] if same else ["I want"])
    state, commands = run(state, ended(begins))
    users = [m.text for m in state.history if m.role == "user"]
    assert users == (["I want to book"] if same else ["I want", "to book"])


def test_a_cough_just_after_the_endpoint_changes_nothing():
    state, _ = run(started(), *foreseen(), ended())
    before = state.history
    state, _ = run(state, *foreseen(1, "", 12_100), ended(12_100))
    assert state.history == before and not state.held and state.segments == ()
    assert run(state, *answered(1, 0, "Yes.", generation=1))[1] == [
        CloseTurn(1, "answered", "Yes.")
    ]


def test_once_something_was_heard_it_is_an_interruption():
    state, _ = run(started(), *foreseen(text="I want"), ended(), phrase(0, 0, "You do."))
    state, _ = run(state, PhraseHeard(1, 0, 0), *foreseen(1, "no, wait", 12_100))
    assert [m.text for m in state.history] == ["I want", "You do."]
    assert state.turn == 2 and LATER > 12_100
