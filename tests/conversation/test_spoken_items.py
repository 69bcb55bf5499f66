"""What the agent says, as items: how they end, are shown, cut and taken away."""

from hypothesis import given
from hypothesis import strategies as st

from conversation.commands import (
    CloseTurn,
    DropTurn,
    FallBack,
    Reply,
    TellBegun,
    TellItem,
    TellStarted,
)
from conversation.events import (
    ItemAdded,
    ItemAsked,
    ItemDeleted,
    ItemTruncated,
    Played,
    PlayedOut,
    ReplyCancelled,
    ReplyEnded,
    ReplyFailed,
    ReplyRequested,
    SpeechResumed,
    SpeechStarted,
    ToolCalled,
    TranscriptFailed,
)
from conversation.fallbacks import FailureClass
from conversation.history import Message
from conversation.items import at, truncated
from conversation.spoken import Phrase, Position, Word
from conversation.wishes import Wish
from tests.conversation.item_talk import CALL, answered, begun, kinds, said
from tests.conversation.talking import ended, phrase, run, spoken


def test_the_reply_ends_when_it_has_played_out_behind_its_last_word():
    state, _ = run(begun(), *spoken())
    state, early = run(state, phrase(state.attempt, 0, "It is one."), PlayedOut())
    assert CloseTurn not in kinds(early)  # an underrun is no end
    state, written = run(state, ReplyEnded(state.attempt))
    assert CloseTurn not in kinds(written)  # what is told last has not been sent
    state, commands = run(state, PlayedOut())
    assert commands == [CloseTurn(1, "answered", "It is one.")]
    assert said(state) == [("user", "hello", "iu1"), ("assistant", "It is one.", "ia1")]


def test_a_voice_ends_the_reply_at_once_with_the_words_heard():
    state, _ = run(begun(), *spoken())
    state, _ = run(state, phrase(state.attempt, 0, "one two three four"), Played(0, 0.5))
    state, commands = run(state, SpeechStarted(90_000))
    assert commands == [
        TellStarted("iu2", 90_000),
        DropTurn(),
        CloseTurn(1, "interrupted", "one two"),
    ]
    assert state.history[-1] == Message("assistant", "one two", cut_off=True)


def test_what_the_peer_heard_by_its_own_clock_counts():
    state, _ = run(begun(), *spoken())
    state, _ = answered(state, "one two three four", "five six")
    state, _ = run(state, ItemTruncated("ia1", 1.5))
    assert state.history[-1] == Message("assistant", "one two three four five", cut_off=True)
    state, commands = run(state, ItemTruncated("ia1", 9.0), ItemAsked("ia1", "r"))
    assert state.history[-1] == Message("assistant", "one two three four five six")
    assert commands == [TellItem("ia1", state.history[-1], "r")]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.floats(0, 10))
def test_cutting_keeps_a_beginning_that_grows_with_the_time(counts, seconds):
    phrases = tuple(
        Phrase(
            " ".join(f"w{number}.{i}" for i in range(count)),
            float(count),
            tuple(Word(f"w{number}.{i}", i, i + 1) for i in range(count)),
        )
        for number, count in enumerate(counts)
    )
    whole = " ".join(one.text for one in phrases)
    cut = truncated(Message("assistant", whole, phrases=phrases), seconds)
    assert whole.startswith(cut.text)
    assert abs(len(cut.text.split()) - min(seconds, sum(counts))) <= 0.5
    assert cut.cut_off == (cut.text != whole)


def test_a_place_behind_the_end_is_the_end():
    assert at((Phrase("a", 1.0),), 1.0, whole=True) == Position(1)
    assert truncated(Message("user", "hi"), 0.0).text == "hi"  # no speech of ours


def test_deleting_what_is_spoken_ends_it():
    state, _ = run(begun(), *spoken())
    state, _ = run(state, phrase(state.attempt, 0, "one two"), Played(0, 1.0))
    state, commands = run(state, ItemDeleted("ia1"))
    assert kinds(commands) == [DropTurn, CloseTurn]
    assert said(state) == [("user", "hello", "iu1")]


def test_a_reply_in_writing_is_heard_as_it_is_written():
    state, _ = run(begun(answers=False), ItemAdded(Message("user", "hi", item="x")))
    state, _ = run(state, ReplyRequested(Wish(spoken=False)))
    state, _ = run(state, phrase(state.attempt, 0, "One\ntwo", seconds=0.0))
    state, commands = run(state, ReplyCancelled())
    assert commands[-1] == CloseTurn(1, "interrupted", "One\ntwo")
    assert state.history[-1] == Message("assistant", "One\ntwo", cut_off=True)


def test_a_reply_in_writing_that_fails_just_ends():
    state, _ = run(begun(), ReplyRequested(Wish(spoken=False)))
    state, commands = run(state, ReplyFailed(state.attempt, FailureClass.SERVER, "down"))
    assert kinds(commands) == [FallBack, CloseTurn]
    assert commands[0].turn == 1
    assert commands[-1].outcome == "failed" and state.phase == "listening"


def test_a_called_tool_stands_behind_the_words_and_before_its_answer():
    state, _ = run(begun(), *spoken())
    state, _ = run(state, phrase(state.attempt, 0, "One moment."), ToolCalled(1, CALL))
    answer = Message("tool", "Sunny.", call_id="call_1", item="out")
    state, _ = run(state, ItemAdded(answer), ReplyRequested(Wish()))
    state, commands = run(state, ReplyEnded(state.attempt), PlayedOut())
    (reply,) = [c for c in commands if isinstance(c, Reply)]
    assert reply.messages[1:] == (
        Message("user", "hello"),
        Message("assistant", "One moment.", calls=(CALL,)),
        answer,
    )
    assert [m.item for m in state.history] == ["iu1", "ia1", "fc_1", "out", "ia2"]


def test_a_call_of_a_turn_that_is_over_is_no_part_of_the_next():
    state, _ = run(begun(), *spoken())
    state, _ = run(state, ReplyCancelled(), ToolCalled(1, CALL))
    assert not state.calls


def test_a_reply_that_plays_still_can_be_asked_for_and_its_calls_as_well():
    state, _ = run(begun(), *spoken())
    state, commands = run(state, phrase(state.attempt, 0, "Let me look."), ItemAsked("ia1", "r"))
    assert commands[0].message == Message("assistant", "Let me look.", cut_off=True)
    events = (
        ToolCalled(1, CALL),
        ReplyEnded(state.attempt),
        ItemAsked("ia1", "r"),
        ItemAsked("fc_1", "r"),
    )
    state, commands = run(state, *events)
    words, call = (one.message for one in commands if isinstance(one, TellItem))
    assert words == Message("assistant", "Let me look.")
    assert call.calls == (CALL,)
    assert state.phase == "replying"


def test_a_call_that_is_deleted_before_its_turn_is_over_does_not_come_back():
    state, _ = run(begun(), *spoken(), ToolCalled(1, CALL), ItemDeleted("fc_1"))
    state, _ = answered(state, "Let me look.")
    assert [message.calls for message in state.history] == [(), ()]


def test_a_phrase_that_has_run_dry_was_not_heard_to_its_end():
    state, _ = run(begun(), *spoken())
    state, _ = run(state, phrase(state.attempt, 0, "one two three four", 0.6, ["one", "two"]))
    state, _ = run(state, Played(0, 0.6), PlayedOut(), SpeechStarted(90_000))
    assert state.history[-1] == Message("assistant", "one two", cut_off=True)
    state, _ = run(state, ItemTruncated("ia1", 9.0))
    assert state.history[-1] == Message("assistant", "one two", cut_off=True)


def test_a_reply_that_was_interrupted_before_its_end_stays_cut_off_however_much_was_heard():
    state, _ = run(begun(), *spoken())
    state, _ = run(state, phrase(state.attempt, 0, "It is one."), SpeechStarted(90_000))
    state, _ = run(state, ItemTruncated("ia1", 1.0))
    assert state.history[-1] == Message("assistant", "It is one.", cut_off=True)


def test_a_reply_in_writing_to_words_that_could_not_be_heard_is_begun_and_fails():
    state, _ = run(begun(wish=Wish(spoken=False)), SpeechStarted(0), ended())
    state, commands = run(state, TranscriptFailed(0, FailureClass.TIMEOUT, "stt"))
    assert kinds(commands)[-3:] == [TellBegun, FallBack, CloseTurn]
    assert commands[-3] == TellBegun(1, "ia1", Wish(spoken=False))
    assert commands[-1].outcome == "failed"


def test_a_reply_asked_for_in_the_middle_of_an_utterance_stands_beside_it():
    state, _ = run(begun(), SpeechStarted(0), ReplyRequested(Wish()))
    assert state.phase == "replying"
    state, commands = run(state, SpeechResumed(20_000))
    assert state.phase == "replying" and not commands


def test_what_the_conversation_has_outgrown_is_not_there_any_more():
    state, _ = run(begun(max_history_messages=2), *spoken())
    state, _ = answered(state, "One.")
    state, _ = run(state, *spoken(1, "and then", 90_000))
    _, (told,) = run(state, ItemAsked("ia1", "r"))
    assert told == TellItem("ia1", None, "r")
