"""The caller speaks while the agent does: held, then interrupted or gone on."""

from dataclasses import replace

import pytest

from conversation.backchannels import BACKCHANNELS, interrupts
from conversation.commands import (
    CloseTurn,
    DropTurn,
    Hold,
    Note,
    Reply,
    Resume,
    Say,
    Transcribe,
    Understood,
    Warm,
)
from conversation.events import (
    LineEnded,
    Paused,
    PhraseHeard,
    Played,
    ReplyEnded,
    ReplyFailed,
    SpeechResumed,
    SpeechStarted,
    SpeechSustained,
    Transcribed,
    TranscriptFailed,
)
from conversation.fallbacks import FailureClass
from conversation.history import Message
from tests.conversation.talking import (
    LATER,
    ended,
    phrase,
    run,
    spoken,
    started,
    utterance,
)

NOW = utterance(LATER)


def speaking(**changes):
    """Two phrases of four words and four seconds each, the first of them heard."""
    events = (phrase(0, 0, "One two three four.", 4), phrase(0, 1, "Five six seven eight.", 4))
    state, _ = run(started(**changes), *spoken(), *events, ReplyEnded(0), PhraseHeard(1, 0, 0))
    return state


def voice(played_s=1.6):
    """The caller begins to speak, so far into the second phrase."""
    return Played(1, played_s), SpeechStarted(LATER)


def test_the_first_voice_holds_and_decides_nothing():
    state, commands = run(speaking(), *voice())
    assert commands == [Hold()]
    assert state.held and state.phase == "replying" and state.generation == 1


@pytest.mark.parametrize("said", ["mm-hm", "Okay.", "Right, right.", "Uh-huh, yeah!", ""])
def test_a_backchannel_or_a_cough_goes_on_where_the_agent_was_cut_off(said):
    state, _ = run(speaking(), *voice())
    state, commands = run(state, Paused(NOW), Transcribed(1, said))
    assert commands[0] == Transcribe(1, NOW) and commands[-1] == Resume()
    before = state.history
    state, commands = run(state, ended(LATER))
    assert commands == [] and state.segments == ()
    late = PhraseHeard(1, 0, 1)  # by the clear: not taken for heard
    assert run(state, late) == (state, [])
    state, commands = run(state, PhraseHeard(1, 1, 1))
    assert commands == [CloseTurn(1, "answered", "One two three four. Five six seven eight.")]
    assert state.history[:1] == before
    assert [m.role for m in state.history] == ["user", "assistant"]


@pytest.mark.parametrize("said", ["Wait.", "okay but", "no", "right so what about Monday"])
def test_words_interrupt_and_the_history_keeps_those_heard(said):
    state, _ = run(speaking(warms_prefix=True), *voice(2.6))
    state, commands = run(state, Paused(NOW), Transcribed(1, said))
    heard = "One two three four. Five six seven"
    kinds = [type(command) for command in commands]
    assert kinds == [Transcribe, DropTurn, CloseTurn, Reply]
    assert commands[2] == CloseTurn(1, "interrupted", heard)
    assert commands[-1].prepared
    assert commands[-1].messages[-2] == Message("assistant", heard + "\u2014")
    state, commands = run(state, ended(LATER))
    assert commands[0] == Understood(2, said)


def test_a_voice_that_lasts_interrupts_without_a_word():
    state, commands = run(speaking(warms_prefix=True), *voice(0.1), SpeechSustained())
    assert commands[:2] == [Hold(), DropTurn()]
    assert commands[2] == CloseTurn(1, "interrupted", "One two three four.")
    assert isinstance(commands[3], Warm)  # while the caller speaks
    _, commands = run(state, ended(LATER), Transcribed(1, "okay"))
    assert commands[-1].messages[-1] == Message("user", "okay")  # it had the floor


def test_marks_that_come_while_held_are_those_of_the_clear():
    state, _ = run(speaking(), *voice(), PhraseHeard(1, 0, 1), PhraseHeard(1, 1, 1))
    assert state.heard == 1


def test_a_caller_who_goes_on_after_a_backchannel_is_heard_out():
    state, _ = run(speaking(), *voice(), Paused(NOW), Transcribed(1, "okay"))
    state, commands = run(state, Played(1, 2.2), SpeechResumed(LATER + 9_000))
    assert commands[-1] == Hold()
    state, commands = run(state, Paused(NOW), Transcribed(2, "okay but wait"))
    assert CloseTurn(1, "interrupted", "One two three four. Five six") in commands
    assert run(state, ended(LATER))[1][0] == Understood(2, "okay but wait")


def test_an_okay_at_the_end_of_a_reply_answers_it():
    state, _ = run(speaking(), *voice(3.6), Paused(NOW), Transcribed(1, "okay"))
    assert state.turn == 2 and state.phase == "preparing"
    assert state.history[-1] == Message("assistant", "One two three four. Five six seven eight.")


def test_a_reply_that_was_heard_to_its_end_was_answered_not_interrupted():
    state, _ = run(speaking(), Played(2, 0.0), SpeechStarted(LATER))
    _, commands = run(state, Paused(NOW), Transcribed(1, "book it"))
    assert commands[2].outcome == "answered"


def test_a_transcript_that_fails_leaves_the_agent_the_floor_at_the_endpoint():
    state, _ = run(speaking(), *voice(), Paused(NOW))
    failed = FailureClass.SERVER, "down"
    state, commands = run(state, TranscriptFailed(1, *failed))
    assert commands == [] and state.held
    state, commands = run(state, ended(LATER), TranscriptFailed(2, *failed))
    assert commands[-2:] == [Note("not_understood", "down"), Resume()]


def test_a_failure_while_held_is_apologised_for_when_the_agent_goes_on():
    state, _ = run(started(), *spoken(), phrase(0, 0, "Well,"), SpeechStarted(LATER))
    state, commands = run(state, ReplyFailed(0, FailureClass.SERVER, "down"))
    assert commands[-2] == Say(1, 0, "Again?") and state.held
    state, commands = run(state, phrase(0, 1, "Again?"), LineEnded(0))
    assert commands == []
    assert run(state, Paused(NOW), Transcribed(1, ""))[1][-1] == Resume()


def test_whoever_may_not_interrupt_is_answered_afterwards_if_it_was_a_turn():
    state, commands = run(speaking(interruptible=False), *voice())
    assert commands == []
    state, commands = run(state, ended(LATER), Transcribed(1, "mm-hm"))
    assert commands[-1] == Note("backchannel", "mm-hm")
    state, commands = run(state, *spoken(2, "and Monday?", 2 * LATER))
    assert commands[-2:] == [Understood(1, "and Monday?"), Note("queued", "and Monday?")]


def test_before_anything_was_heard_every_word_counts():
    state, _ = run(started(), *spoken(text="book it"), SpeechStarted(LATER))
    state, commands = run(state, Paused(NOW), Transcribed(1, "okay, yes"))
    assert DropTurn() in commands
    assert run(state, ended(LATER))[1][0] == Understood(state.turn, "okay, yes")


def test_a_goodbye_that_was_interrupted_ends_no_later_turn():
    state = replace(started(), failures=2)
    state, _ = run(state, *spoken(), SpeechStarted(LATER))
    state, _ = run(state, ReplyFailed(0, FailureClass.SERVER, "down"))
    assert state.leaving and state.held
    state, _ = run(state, SpeechSustained(), ended(LATER), Transcribed(1, "still there?"))
    assert not state.leaving and state.phase == "replying"


def test_a_greeting_is_interrupted_like_a_reply():
    state = started(greeting="Hello, this is Sam.")
    state, _ = run(state, phrase(0, 0, "Hello, this is Sam.", 4), Played(0, 2.2))
    state, commands = run(state, SpeechStarted(8_000), SpeechSustained())
    assert commands == [Hold(), DropTurn(), CloseTurn(0, "interrupted", "Hello, this")]


@pytest.mark.parametrize(
    ("said", "least", "asks"),
    [("stop", 1, True), ("stop", 2, False), ("stop it", 2, True), ("", 1, False),
     ("okay okay I see", 1, False), ("I see that", 1, True), ("OK\u2026", 1, False),
     ("of course", 1, False), ("of", 1, True)],
)  # fmt: skip
def test_what_asks_for_the_floor(said, least, asks):
    assert interrupts(said, BACKCHANNELS["en"], least) is asks


def test_every_language_knows_its_own():
    assert not interrupts("Ach so, ja.", BACKCHANNELS["de"], 1)
    assert interrupts("Ach so, ja.", BACKCHANNELS["en"], 1)
    assert interrupts("okay", (), 1)
