"""Turn-taking as a function of events: turns that are neither foreseen nor interrupted."""

from dataclasses import replace

import pytest

from conversation.commands import (
    CloseTurn,
    DropTurn,
    FallBack,
    HangUp,
    Note,
    Reply,
    Say,
    Transcribe,
    Understood,
    Warm,
)
from conversation.events import (
    CallStarted,
    EndRequested,
    LineEnded,
    PhraseHeard,
    Played,
    PlayedOut,
    ReplyEnded,
    ReplyFailed,
    SpeechEnded,
    SpeechStarted,
    TextReceived,
    Ticked,
    Transcribed,
    TranscriptFailed,
)
from conversation.fallbacks import FailureClass
from conversation.history import OPENING, Message
from conversation.state import UNCONFIRMED_S, Conversation
from tests.conversation.talking import (
    LATER,
    POLICY,
    SOME,
    answered,
    ended,
    phrase,
    run,
    spoken,
    started,
)

SYSTEM = Message("system", "Be brief.")


def test_an_utterance_is_transcribed_then_answered():
    state, commands = run(started(), *spoken())
    assert commands == [
        Transcribe(0, SOME),
        Understood(1, "hello"),
        Reply(1, 0, (SYSTEM, Message("user", "hello"))),
    ]
    assert state.phase == "replying"


def test_a_turn_ends_when_it_was_heard_and_not_before():
    state, _ = run(started(), *spoken(), phrase(0, 0, "Yes."), ReplyEnded(0))
    assert state.phase == "replying"
    state, commands = run(state, PhraseHeard(1, 0, 0))
    assert commands == [CloseTurn(1, "answered", "Yes.")]
    assert (state.turn, state.attempt, state.generation) == (2, 1, 1)
    assert state.phase == "listening"


def test_news_of_a_retired_attempt_or_generation_is_ignored():
    state, _ = run(started(), *spoken(), *answered(1, 0, "Yes."))
    late = [PhraseHeard(1, 0, 0), phrase(0, 0, "No."), ReplyEnded(0), LineEnded(0)]
    late.append(ReplyFailed(0, FailureClass.SERVER, ""))
    assert run(state, *late) == (state, [])
    state, _ = run(state, *spoken(1, "well", LATER), phrase(1, 0, "Oh."))
    assert run(state, PhraseHeard(2, 0, 0)) == (state, [])


def test_a_second_utterance_before_the_transcript_joins_the_first():
    first = (SpeechStarted(0), ended())
    state, commands = run(started(), *first, SpeechStarted(16_000), Transcribed(0, "I want"))
    assert commands == [Transcribe(0, SOME)]
    _, commands = run(state, ended(), Transcribed(1, "to book"))
    assert commands[-1].messages[-1] == Message("user", "I want to book")


def test_a_long_utterance_is_answered_once_in_the_order_it_was_spoken():
    pieces = (SpeechStarted(0), ended(complete=False), ended(), Transcribed(1, "end"))
    state, commands = run(started(), *pieces)
    assert len(commands) == 2
    _, commands = run(state, Transcribed(0, "begin"))
    assert commands[-1].messages[-1].text == "begin end"


def test_hold_music_leaves_nothing_behind():
    state, _ = run(started(), SpeechStarted(0))
    for number in range(50):
        state, _ = run(state, ended(complete=False), Transcribed(number, ""))
    assert state.segments == ()
    _, commands = run(state, ended(), Transcribed(50, ""))
    assert commands[-1] == CloseTurn(1, "empty", "")


def test_a_failed_transcript_is_apologised_for_unless_the_rest_was_understood():
    first = (SpeechStarted(0), ended(complete=False), ended())
    failed = TranscriptFailed(0, FailureClass.SERVER, "down")
    _, commands = run(started(), *first, failed, Transcribed(1, "tell me"))
    assert commands[-3] == Note("not_understood", "down")
    assert commands[-1].messages[-1].text == "tell me"
    _, commands = run(started(), *first, failed, Transcribed(1, ""))
    assert commands[-2:] == [Say(1, 0, "Again?"), FallBack(1, 1, FailureClass.SERVER, "down")]


def test_the_last_fallback_line_is_heard_before_the_call_ends():
    state = replace(started(), failures=2)
    state, _ = run(state, *spoken(), ReplyFailed(0, FailureClass.SERVER, ""))
    state, commands = run(state, SpeechStarted(LATER), phrase(0, 0, "Bye."), LineEnded(0))
    assert commands == []  # no barge-in into a goodbye
    _, commands = run(state, PhraseHeard(1, 0, 0))
    assert commands[-1] == HangUp("after the last fallback line")


def test_a_success_resets_the_tiers_and_a_fallback_does_not():
    state = replace(started(), failures=2)
    state, _ = run(state, *spoken(), *answered(1, 0, "Yes."))
    state, _ = run(state, *spoken(1, "and", LATER))
    state, commands = run(state, ReplyFailed(1, FailureClass.SERVER, ""))
    assert commands[-2] == Say(2, 1, "Again?")
    state, _ = run(state, phrase(1, 0, "Again?"), LineEnded(1), PhraseHeard(2, 1, 0))
    state, _ = run(state, *spoken(2, "well", 2 * LATER))
    assert run(state, ReplyFailed(2, FailureClass.SERVER, ""))[1][-2] == Say(3, 2, "Hold.")


def test_a_cough_does_not_close_the_turn_that_is_being_spoken():
    state, _ = run(started(interruptible=False), *spoken(), phrase(0, 0, "Yes."))
    _, commands = run(state, *spoken(1, "", LATER))
    assert [type(command) for command in commands] == [Transcribe]


def test_text_waits_for_the_caller_to_finish():
    state, commands = run(started(), SpeechStarted(0), TextReceived("typed"))
    assert commands == [Note("queued", "typed")]
    state, commands = run(state, ended(), Transcribed(0, ""))
    assert commands[-1].messages[-1].text == "typed"


def test_an_unconfirmed_turn_ends_and_is_not_taken_for_heard():
    state, _ = run(started(), *spoken(), phrase(0, 0, "Yes.", 2), ReplyEnded(0))
    state, commands = run(state, Ticked(100))
    assert commands == []  # it may still be on its way
    state, commands = run(state, PlayedOut(), Ticked(99.9 + UNCONFIRMED_S))
    assert commands == []
    state, commands = run(state, Ticked(100 + UNCONFIRMED_S))
    assert commands == [Note("unconfirmed", "Yes."), CloseTurn(1, "answered", "")]


def test_whoever_wants_the_call_to_end_gets_it():
    state, _ = run(started(), *spoken(), phrase(0, 0, "Yes."), PhraseHeard(1, 0, 0))
    _, commands = run(state, EndRequested("stopping"))
    assert commands == [DropTurn(), CloseTurn(1, "interrupted", "Yes."), HangUp("stopping")]


def test_a_call_that_ends_keeps_the_words_that_had_sounded():
    state, _ = run(started(), *spoken(), phrase(0, 0, "One two three four.", 4))
    state, commands = run(state, Played(0, 2.1), EndRequested("stopping"))
    assert commands[1] == CloseTurn(1, "interrupted", "One two")
    assert state.history[-1] == Message("assistant", "One two", cut_off=True)


@pytest.mark.parametrize("greeting", [None, "Hi."])
def test_the_prefix_is_warm_before_the_caller_speaks(greeting):
    silent = Conversation(replace(POLICY, warms_prefix=True, greeting=greeting))
    state, commands = run(silent, Ticked(0), CallStarted())
    if greeting:
        heard = (phrase(0, 0, "Hi."), LineEnded(0), PhraseHeard(0, 0, 0))
        state, commands = run(state, *heard)
        assert commands[-1] == Warm((SYSTEM, Message("user", OPENING), Message("assistant", "Hi.")))
    else:
        assert commands == [Warm((SYSTEM, Message("user", OPENING)))]


def test_each_turn_leaves_a_warm_prefix_of_the_next_prompt():
    state, commands = run(started(warms_prefix=True), *spoken(), *answered(1, 0, "Yes."))
    (warmth,) = [c for c in commands if isinstance(c, Warm)]
    _, commands = run(state, *spoken(1, "and", LATER))
    assert commands[-1].messages[: len(warmth.messages)] == warmth.messages


def test_a_queued_message_is_answered_rather_than_a_prefix_warmed():
    state, _ = run(started(warms_prefix=True), *spoken(), TextReceived("typed"))
    _, commands = run(state, *answered(1, 0, "Yes."))
    assert [type(command) for command in commands] == [CloseTurn, Reply]


def test_an_incomplete_piece_is_no_end():
    state, _ = run(started(), SpeechStarted(0), SpeechEnded(SOME, False, 0), Transcribed(0, "I"))
    assert state.caller_speaks and state.phase == "listening"
