"""Turn-taking as a function of events: tables, and properties over any sequence of events."""

import itertools
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from conversation.events import (
    CallEnded,
    CallStarted,
    CloseTurn,
    DigitPressed,
    DropTurn,
    EndRequested,
    FallBack,
    HangUp,
    LineEnded,
    Note,
    PhraseHeard,
    PhraseSent,
    Reply,
    ReplyEnded,
    ReplyFailed,
    Say,
    SpeechEnded,
    SpeechStarted,
    TextReceived,
    Ticked,
    Transcribe,
    Transcribed,
    TranscriptFailed,
    Utterance,
)
from conversation.fallbacks import FailureClass
from conversation.history import Message
from conversation.state import Conversation, Policy
from conversation.turns import advance

POLICY = Policy(system_prompt="Be brief.", fallback_lines=("Again?", "Hold.", "Bye."))
SOME = Utterance(0, 8_000)


def run(state, *events):
    commands = []
    for event in events:
        state, more = advance(state, event)
        commands += more
    return state, commands


def spoken(number=0):
    return SpeechStarted(0), SpeechEnded(SOME, True, 500), Transcribed(number, "hello")


def started(**changes):
    state, _ = run(Conversation(replace(POLICY, **changes)), Ticked(0), CallStarted())
    return state


def test_an_utterance_is_transcribed_then_answered():
    state, commands = run(started(), *spoken())
    assert commands == [
        Transcribe(0, SOME),
        Reply(1, (Message("system", "Be brief."), Message("user", "hello"))),
    ]
    assert state.phase == "replying"


def test_a_turn_ends_when_it_was_heard_and_not_before():
    state, _ = run(started(), *spoken(), PhraseSent(1, "Yes.", 1), ReplyEnded(1))
    assert state.phase == "draining"
    state, commands = run(state, PhraseHeard(1, 0, 0))
    assert commands == [CloseTurn(1, "answered", "Yes.")]
    assert (state.turn, state.generation, state.phase) == (2, 1, "listening")


def test_news_of_a_retired_turn_or_generation_is_ignored():
    state, _ = run(started(), *spoken(), PhraseSent(1, "Yes.", 1), SpeechStarted(0))
    late = [PhraseHeard(1, 0, 0), PhraseSent(1, "No.", 1), ReplyEnded(1), LineEnded(1)]
    late.append(ReplyFailed(1, FailureClass.SERVER, ""))
    assert run(state, *late) == (state, [])
    state, _ = run(state, SpeechEnded(SOME, True, 500), Transcribed(1, "well"))
    state, _ = run(state, PhraseSent(2, "Oh.", 1))
    assert run(state, PhraseHeard(2, 0, 0)) == (state, [])


def test_a_second_utterance_before_the_transcript_joins_the_first():
    first = (SpeechStarted(0), SpeechEnded(SOME, True, 500))
    state, commands = run(started(), *first, SpeechStarted(9_000), Transcribed(0, "I want"))
    assert commands == [Transcribe(0, SOME)]
    _, commands = run(state, SpeechEnded(SOME, True, 500), Transcribed(1, "to book"))
    assert commands[-1].messages[-1] == Message("user", "I want to book")


def test_a_long_utterance_is_answered_once_in_the_order_it_was_spoken():
    pieces = (SpeechStarted(0), SpeechEnded(SOME, False, 0), SpeechEnded(SOME, True, 500))
    state, commands = run(started(), *pieces, Transcribed(1, "end"))
    assert len(commands) == 2
    _, commands = run(state, Transcribed(0, "begin"))
    assert commands[-1].messages[-1].text == "begin end"


def test_hold_music_leaves_nothing_behind():
    state, _ = run(started(), SpeechStarted(0))
    for number in range(50):
        state, _ = run(state, SpeechEnded(SOME, False, 0), Transcribed(number, ""))
    assert state.segments == ()
    _, commands = run(state, SpeechEnded(SOME, True, 500), Transcribed(50, ""))
    assert commands[-1] == CloseTurn(1, "empty", "")


def test_a_failed_transcript_is_apologised_for_unless_the_rest_was_understood():
    first = (SpeechStarted(0), SpeechEnded(SOME, False, 0), SpeechEnded(SOME, True, 500))
    failed = TranscriptFailed(0, FailureClass.SERVER, "down")
    _, commands = run(started(), *first, failed, Transcribed(1, "tell me"))
    assert commands[-2] == Note("not_understood", "down")
    assert commands[-1].messages[-1].text == "tell me"
    _, commands = run(started(), *first, failed, Transcribed(1, ""))
    assert commands[-2:] == [FallBack(1, FailureClass.SERVER, "down"), Say(1, "Again?")]


def test_the_last_fallback_line_is_heard_before_the_call_ends():
    state = replace(started(), failures=2)
    state, _ = run(state, *spoken(), ReplyFailed(1, FailureClass.SERVER, ""))
    state, commands = run(state, SpeechStarted(0), PhraseSent(1, "Bye.", 1), LineEnded(1))
    assert commands == []  # no barge-in into a goodbye
    _, commands = run(state, PhraseHeard(1, 0, 0))
    assert commands[-1] == HangUp("after the last fallback line")


def test_an_answer_that_was_heard_resets_the_tiers_though_it_was_interrupted():
    state = replace(started(), failures=2)
    state, _ = run(state, *spoken(), PhraseSent(1, "Yes.", 1), PhraseHeard(1, 0, 0))
    state, _ = run(state, SpeechStarted(0), SpeechEnded(SOME, True, 500), Transcribed(1, "and"))
    _, commands = run(state, ReplyFailed(2, FailureClass.SERVER, ""))
    assert commands[-1] == Say(2, "Again?")


def test_a_cough_does_not_close_the_turn_that_is_being_spoken():
    state, _ = run(started(interruptible=False), *spoken(), PhraseSent(1, "Yes.", 1))
    cough = (SpeechStarted(0), SpeechEnded(SOME, True, 500), Transcribed(1, ""))
    assert run(state, *cough)[1] == [Transcribe(1, SOME)]


def test_text_waits_for_the_caller_to_finish():
    state, commands = run(started(), SpeechStarted(0), TextReceived("typed"))
    assert commands == [Note("queued", "typed")]
    state, commands = run(state, SpeechEnded(SOME, True, 500), Transcribed(0, ""))
    assert commands[-1].messages[-1].text == "typed"


def test_an_unconfirmed_turn_ends_and_is_not_taken_for_heard():
    state, _ = run(started(), *spoken(), PhraseSent(1, "Yes.", 2), ReplyEnded(1), Ticked(11.9))
    assert state.phase == "draining"
    state, commands = run(state, Ticked(12))
    assert commands == [Note("unconfirmed", "Yes."), CloseTurn(1, "answered", "")]


def test_whoever_wants_the_call_to_end_gets_it():
    state, _ = run(started(), *spoken(), PhraseSent(1, "Yes.", 2), PhraseHeard(1, 0, 0))
    _, commands = run(state, EndRequested("stopping"))
    assert commands == [DropTurn(1), CloseTurn(1, "interrupted", "Yes."), HangUp("stopping")]


texts = st.sampled_from(["", "one", "two words"])
turns = st.integers(0, 4)
events = st.one_of(
    st.builds(SpeechStarted, st.just(0)),
    st.builds(SpeechEnded, st.just(SOME), st.booleans(), st.just(500.0)),
    st.builds(Transcribed, st.integers(0, 5), texts),
    st.builds(TranscriptFailed, st.integers(0, 5), st.just(FailureClass.SERVER), st.just("")),
    st.builds(TextReceived, st.just("typed")),
    st.builds(DigitPressed, st.sampled_from("1#")),
    st.builds(PhraseSent, turns, st.sampled_from(["A.", "B."]), st.just(1.0)),
    st.builds(PhraseHeard, turns, turns, st.integers(0, 2)),
    st.builds(ReplyEnded, turns),
    st.builds(LineEnded, turns),
    st.builds(ReplyFailed, turns, st.just(FailureClass.SERVER), st.just("")),
    st.builds(Ticked, st.floats(0, 60)),
)


@settings(max_examples=400)
@given(st.lists(events, max_size=40), st.booleans(), st.sampled_from([0, 2]))
def test_no_sequence_of_events_breaks_the_laws(sequence, interruptible, limit):
    state = started(interruptible=interruptible, max_queued_turns=limit, greeting="Hi.")
    running = 0  # turns whose work is under way
    for event in sequence:
        before = state
        state, commands = advance(state, event)
        for command in commands:
            if isinstance(command, Reply):
                roles = [message.role for message in command.messages]
                assert roles[0] == "system" and roles[1] == "user"
                assert all(a != b for a, b in itertools.pairwise(roles))
                assert command.turn == state.turn
        assert state.heard <= len(state.sent)
        assert state.turn >= before.turn and state.generation >= before.generation
        if state.turn == before.turn:
            assert state.history[: len(before.history)] == before.history
        assert not limit or len(state.queued) <= limit
        if state.phase == "listening" and not state.over:
            assert state.sent == ()
            waits = state.caller_speaks or state.segments
            assert waits or not state.queued
        running += sum(isinstance(c, Reply) for c in commands)
    users = sum(message.role == "user" for message in state.history)
    assert users == running
    assert run(state, CallEnded("over"))[0].over


@settings(max_examples=200)
@given(st.lists(st.sampled_from(["heard", "sent", "drop"]), max_size=12))
def test_history_holds_exactly_the_phrases_that_were_heard(steps):
    state, _ = run(started(), *spoken())
    sent = heard = 0
    for step in steps:
        if step == "sent":
            state, _ = run(state, PhraseSent(state.turn, f"p{sent}.", 1))
            sent += 1
        elif step == "heard" and heard < sent:
            state, _ = run(state, PhraseHeard(state.turn, state.generation, heard))
            heard += 1
        elif step == "drop":
            break
    state, _ = run(state, SpeechStarted(0))
    said = " ".join(f"p{n}." for n in range(heard))
    assert [m.text for m in state.history if m.role == "assistant"] == ([said] if said else [])
