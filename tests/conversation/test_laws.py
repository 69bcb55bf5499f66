"""The laws of a conversation, over any sequence of events.

A scripted line plays what it is sent and tells, as Twilio does; the properties hold whatever comes
in whatever order: late marks, failures, pauses, resumptions, barge-ins.
"""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from conversation.commands import (
    CloseTurn,
    Discard,
    DropTurn,
    Hold,
    Release,
    Reply,
    Resume,
    Say,
)
from conversation.events import (
    CallEnded,
    DigitPressed,
    LineEnded,
    Paused,
    PhraseHeard,
    PhraseSpoken,
    Played,
    PlayedOut,
    ReplyEnded,
    ReplyFailed,
    SpeechEnded,
    SpeechResumed,
    SpeechStarted,
    SpeechSustained,
    TextReceived,
    Ticked,
    Transcribed,
    TranscriptFailed,
    Utterance,
)
from conversation.fallbacks import FailureClass
from conversation.turns import advance
from tests.conversation.talking import run, started

texts = st.sampled_from(["", "one", "two words", "okay", "mm-hm"])
numbers = st.integers(0, 5)
samples = st.sampled_from([0, 8_000, 12_100, 60_000])
utterances = st.builds(lambda at: Utterance(at, at + 9_600, at + 8_000), samples)
FAILED = st.just(FailureClass.SERVER)
events = st.one_of(
    st.builds(SpeechStarted, samples),
    st.builds(Paused, utterances),
    st.builds(SpeechResumed, samples),
    st.builds(SpeechSustained),
    st.builds(SpeechEnded, utterances, st.booleans(), st.just(500.0)),
    st.builds(Transcribed, numbers, texts),
    st.builds(TranscriptFailed, numbers, FAILED, st.just("")),
    st.builds(TextReceived, st.just("typed")),
    st.builds(DigitPressed, st.sampled_from("1#")),
    st.builds(PhraseSpoken, numbers, numbers, st.sampled_from(["A.", "B c."]), st.just(1.0)),
    st.builds(Played, st.integers(0, 3), st.floats(0, 2)),
    st.builds(PlayedOut),
    st.builds(PhraseHeard, numbers, numbers, st.integers(0, 2)),
    st.builds(ReplyEnded, numbers),
    st.builds(LineEnded, numbers),
    st.builds(ReplyFailed, numbers, FAILED, st.just("")),
    st.builds(Ticked, st.floats(0, 60)),
)


class Work:
    """What a call does about commands: which turn's work is alive, and whether it may be heard."""

    def __init__(self):
        self.alive, self.audible = None, False

    def do(self, command, state):
        match command:
            case Reply(_, attempt, messages, prepared):
                assert self.alive is None, "two turns are alive"
                self.alive, self.audible = attempt, not prepared
                roles = [message.role for message in messages]
                assert roles[:2] == ["system", "user"] and roles[-1] == "user"
                assert all(a != b for a, b in itertools.pairwise(roles))
            case Say(_, attempt, _):
                assert self.alive in (None, attempt), "two turns are alive"
                self.alive, self.audible = attempt, not state.held  # as `TurnWork.say` does
            case Release() | Resume():
                assert self.alive is not None and not self.audible
                self.audible = True
            case Hold():
                assert self.audible
                self.audible = False
            case Discard():
                assert self.alive is not None and not self.audible
                self.alive = None
            case DropTurn() | CloseTurn():
                self.alive, self.audible = None, False


@settings(max_examples=600)
@given(st.lists(events, max_size=50), st.booleans(), st.sampled_from([0, 2]), st.booleans())
def test_no_sequence_of_events_breaks_the_laws(sequence, interruptible, limit, prepares):
    policy = {"interruptible": interruptible, "max_queued_turns": limit, "prepares": prepares}
    state, work = started(greeting="Hi.", **policy), Work()
    work.alive, work.audible = 0, True
    for event in sequence:
        before = state
        state, commands = advance(state, event)
        for command in commands:
            work.do(command, state)
        if state.over:
            break
        assert (work.alive is None) == (state.phase == "listening")
        if work.alive is not None:
            assert work.alive == state.attempt
            assert work.audible == (state.phase == "replying" and not state.held)
        assert state.heard <= len(state.sent)
        assert state.generation >= before.generation and state.attempt >= before.attempt
        heard = [m for m in before.history if m.role == "assistant"]
        assert [m for m in state.history if m.role == "assistant"][: len(heard)] == heard
        assert not limit or len(state.queued) <= limit
        assert interruptible or not state.held
        if state.phase == "listening":
            assert state.sent == ()
            waits = state.caller_speaks or state.segments
            assert waits or not state.queued
    assert run(state, CallEnded("over"))[0].over


steps = st.sampled_from(
    ["sent", "heard", "late", "cough", "mm-hm", "pause", "resumed", "failed", "stop"]
)


@settings(max_examples=400)
@given(st.lists(steps, max_size=16))
def test_history_holds_exactly_the_words_that_were_heard(sequence):
    """One reply, phrase after phrase of two words, through noises, backchannels and late marks."""
    asked = (SpeechStarted(0), SpeechEnded(Utterance(0, 9_600, 8_000), True, 500.0))
    state, _ = run(started(), *asked, Transcribed(0, "hello"))
    sent = heard = old = 0
    for step in sequence:
        if step == "sent":
            state, _ = run(state, PhraseSpoken(state.attempt, sent, f"p{sent} q{sent}.", 1.0))
            sent += 1
        elif step == "heard" and heard < sent:
            state, _ = run(state, PhraseHeard(state.turn, state.generation, heard))
            heard += 1
        elif step == "late" and old < state.generation:
            state, _ = run(state, PhraseHeard(state.turn, old, sent - 1))
            old += 1
        elif step in ("cough", "mm-hm"):
            state = _passes(state, "" if step == "cough" else step, heard)
        elif step == "failed":
            state, _ = run(state, ReplyFailed(state.attempt + 1, FailureClass.SERVER, "late"))
        elif step == "stop":
            break
    half = 0.5 if heard < sent else 0.0
    state, _ = run(state, Played(heard, half), SpeechStarted(10**6), SpeechSustained())
    words = [f"p{n} q{n}." for n in range(heard)] + [f"p{heard}"] * (half > 0)
    said = " ".join(words)
    assert [m.text for m in state.history if m.role == "assistant"] == ([said] if said else [])


def _passes(state, said, heard):
    """A noise or a word in passing; its first half second of the phrase is heard already."""
    at = 10**6 + state.next_segment * 20_000
    utterance = Utterance(at, at + 9_600, at + 8_000)
    half = 0.5 if heard < len(state.sent) else 0.0
    voice = (Played(heard, half), SpeechStarted(at), Paused(utterance))
    state, _ = run(state, *voice, Transcribed(state.next_segment, said))
    assert not state.held
    return run(state, SpeechEnded(utterance, True, 500.0))[0]
