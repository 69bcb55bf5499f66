"""What the caller says, as items: when they begin, end, have words, and are answered."""

from dataclasses import replace

import pytest

from conversation.commands import (
    CloseTurn,
    Discard,
    Forget,
    Release,
    Reply,
    TellStarted,
    TellStopped,
    TellTranscript,
)
from conversation.events import (
    ItemDeleted,
    Played,
    ReplyRequested,
    SpeechEnded,
    SpeechStarted,
    SpeechTakenBack,
    Transcribed,
    TranscriptFailed,
)
from conversation.fallbacks import FailureClass
from conversation.wishes import Wish
from tests.conversation.item_talk import answered, begun, kinds, said, texts
from tests.conversation.talking import ended, foreseen, phrase, run, spoken, utterance


def test_an_utterance_is_told_from_its_beginning_to_its_words():
    state, commands = run(begun(), *foreseen(text="hello"), ended())
    told = [c for c in commands if isinstance(c, TellStarted | TellStopped | TellTranscript)]
    assert told == [
        TellStarted("iu1", 0),
        TellStopped("iu1", utterance(), False),
        TellTranscript("iu1", "hello", 1.2),
    ]
    assert kinds(commands).index(TellTranscript) < kinds(commands).index(Release)
    assert said(state) == [("user", "hello", "iu1")]


def test_without_answers_an_utterance_is_only_remembered():
    state, commands = run(begun(answers=False), *foreseen(), ended())
    assert not {Reply, Release} & set(kinds(commands))
    assert said(state) == [("user", "hello", "iu1")]


def test_the_peer_ends_an_utterance_by_hand():
    by_hand = SpeechEnded(utterance(), True, 0, by_hand=True)
    state, commands = run(begun(), by_hand, Transcribed(0, "hello"))
    assert [c for c in commands if isinstance(c, TellStopped)] == [
        TellStopped("iu1", utterance(), True)
    ]
    assert TellStarted not in kinds(commands) and Reply not in kinds(commands)
    state, commands = run(state, ReplyRequested(Wish()))
    assert kinds(commands) == [Reply]


def test_pieces_of_a_long_press_are_one_item():
    piece = SpeechEnded(utterance(), False, 0, by_hand=True)
    last = SpeechEnded(utterance(9_600), True, 0, by_hand=True)
    state, commands = run(begun(), piece, Transcribed(0, "one"), last, Transcribed(1, "two"))
    assert [c for c in commands if isinstance(c, TellTranscript)] == [
        TellTranscript("iu1", "one two", 1.2)
    ]
    assert said(state) == [("user", "one two", "iu1")]


def test_what_is_taken_back_leaves_no_trace():
    state, _ = run(begun(), *foreseen())
    assert state.phase == "preparing"
    state, commands = run(state, SpeechTakenBack())
    assert kinds(commands) == [Discard, Forget]
    assert not state.history and not state.segments and not state.caller_speaks


def test_nothing_comes_of_an_utterance_that_is_deleted_before_its_words_are_known():
    state, _ = run(begun(), SpeechStarted(0), ended(), SpeechStarted(20_000))
    state, _ = run(state, ended(20_000), Transcribed(1, "two"))
    state, commands = run(state, ItemDeleted("iu1"), Transcribed(0, "one"))
    assert Forget(0) in commands and said(state) == [("user", "two", "iu2")]
    assert state.phase == "replying"  # what was waiting for it
    state, _ = run(begun(), SpeechStarted(0), ended(), ItemDeleted("iu1"), Transcribed(0, "one"))
    assert state.phase == "listening" and not state.history and not state.untold


def test_nothing_comes_of_an_utterance_that_is_deleted_while_it_waits():
    state, _ = run(begun(interruptible=False), *spoken(), *spoken(1, "two more", 80_000))
    assert state.queued
    state, _ = run(state, ItemDeleted("iu2"))
    assert not state.queued
    state, _ = answered(state, "Yes.")
    assert said(state) == [("user", "hello", "iu1"), ("assistant", "Yes.", "ia1")]


def test_an_utterance_that_is_committed_is_not_answered_by_what_was_prepared():
    state, _ = run(begun(), *foreseen())
    state, commands = run(state, replace(ended(), by_hand=True))
    assert kinds(commands) == [TellStopped, TellTranscript, Discard]
    assert state.phase == "listening" and said(state) == [("user", "hello", "iu1")]


def test_two_utterances_before_the_words_are_two_items_and_one_answer():
    state, _ = run(begun(), SpeechStarted(0), ended(), SpeechStarted(20_000))
    state, _ = run(state, Transcribed(0, "one"))
    state, _ = run(state, ended(20_000), Transcribed(1, "two"))
    assert said(state) == [("user", "one", "iu1"), ("user", "two", "iu2")]
    assert state.phase == "replying"


def test_each_utterance_has_a_transcript_or_the_reason_why_not():
    _, commands = run(
        begun(), SpeechStarted(0), ended(), TranscriptFailed(0, FailureClass.TIMEOUT, "late")
    )
    assert [c for c in commands if isinstance(c, TellTranscript)] == [
        TellTranscript("iu1", "", 1.2, "late")
    ]
    _, commands = run(begun(), SpeechStarted(0), ended(), Transcribed(0, ""))
    assert [c for c in commands if isinstance(c, TellTranscript)] == [
        TellTranscript("iu1", "", 1.2)
    ]


@pytest.mark.parametrize("kept", [True, False])
def test_words_in_passing_are_an_item_and_answered_like_any_other(kept):
    """The peer has been shown them as one."""
    state, _ = run(begun(interruptible=False), ReplyRequested(Wish(kept=kept)))
    state, _ = run(state, phrase(state.attempt, 0, "Shall I book it?"), Played(0, 0.9))
    state, _ = run(state, *spoken(text="Mm-hm."))
    state, commands = answered(state, "Shall I book it?")
    assert kinds(commands) == [CloseTurn, Reply]
    assert commands[-1].messages[-1].text == "Mm-hm."


def test_words_that_no_queue_has_room_for_are_remembered():
    state, _ = run(begun(interruptible=False, max_queued_turns=1), ReplyRequested(Wish()))
    for number, text in enumerate(("one", "two")):
        state, commands = run(state, *spoken(number, text, begins=number * 90_000))
    assert commands[-1].kind == "queue_full"
    state, commands = answered(state, "Well.")
    assert texts(state) == ["Well.", "one", "two"]


def test_an_utterance_committed_by_hand_leaves_the_one_before_it_its_answer():
    state, _ = run(begun(), SpeechStarted(0), ended(), SpeechStarted(90_000))
    by_hand = SpeechEnded(utterance(90_000), True, 0, by_hand=True)
    state, commands = run(state, by_hand, Transcribed(0, "one"), Transcribed(1, "two"))
    assert kinds(commands)[-1] is Reply
    assert texts(state) == ["one", "two"]
