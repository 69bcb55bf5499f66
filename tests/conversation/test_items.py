"""What a peer that names items may do to a conversation, and what it is told."""

import pytest

from conversation.commands import (
    CloseTurn,
    Discard,
    DropAside,
    DropTurn,
    Reply,
    ReplyAside,
    TellItem,
)
from conversation.events import (
    Configured,
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
    Transcribed,
)
from conversation.fallbacks import FailureClass
from conversation.history import Message, rendered
from conversation.wishes import Wish
from tests.conversation.item_talk import answered, begun, kinds, texts
from tests.conversation.talking import ended, foreseen, phrase, run, spoken


def test_items_are_added_in_front_behind_another_or_at_the_end():
    first, last = Message("user", "b", item="b"), Message("user", "d", item="d")
    state, _ = run(begun(), ItemAdded(first), ItemAdded(last, ""))
    front, middle = Message("system", "a", item="a"), Message("assistant", "c", item="c")
    state, _ = run(state, ItemAdded(front, None), ItemAdded(middle, "b"))
    assert "".join(m.text for m in state.history) == "abcd"
    state, _ = run(state, ItemDeleted("b"), ItemDeleted("unknown"))
    assert "".join(m.text for m in state.history) == "acd"
    _, (told,) = run(state, ItemAsked("b", "r1"))
    assert told == TellItem("b", None, "r1")


def test_what_is_added_while_the_agent_speaks_stands_behind_it():
    state, _ = run(begun(), *spoken())
    state, _ = run(state, ItemAdded(Message("user", "and?", item="x")))
    state, _ = answered(state, "One.")
    assert [m.text for m in state.history] == ["hello", "One.", "and?"]


def test_what_is_added_before_the_words_of_an_utterance_are_known_stands_behind_it():
    old, note = Message("system", "old", item="o"), Message("system", "note", item="n")
    state, _ = run(begun(), ItemAdded(old), SpeechStarted(0), ended(), ItemAdded(note, "iu1"))
    state, _ = run(state, ItemAdded(Message("user", "and?", item="x")))
    state, (*_, reply) = run(state, Transcribed(0, "hello"))
    assert texts(state) == ["old", "hello", "note", "and?"]
    assert [m.text for m in reply.messages][-1].endswith("and?")
    state, _ = answered(state, "One.")
    state, _ = run(state, *spoken(1, "bye", 80_000))
    assert texts(state)[-3:] == ["and?", "One.", "bye"]


def test_items_stand_where_the_peer_was_told():
    """Beside an utterance whose words are to come, and a reply that is under way."""
    note = Message("system", "note", item="n")
    first = Message("system", "first", item="f")
    state, _ = run(begun(answers=False), SpeechStarted(0), ended(), ItemAdded(note))
    state, _ = run(state, ItemAdded(first, None), SpeechStarted(80_000), ended(80_000))
    state, _ = run(state, Transcribed(0, "one"), Transcribed(1, "two"))
    assert texts(state) == ["first", "one", "note", "two"]
    state, _ = run(state, ReplyRequested(Wish()), phrase(state.attempt, 0, "Yes."))
    before = Message("system", "before", item="b")
    state, _ = run(state, ItemAdded(before, "iu2"))
    state, _ = run(state, ReplyEnded(state.attempt), PlayedOut())
    assert texts(state) == ["first", "one", "note", "two", "before", "Yes."]


def test_behind_what_has_no_words_is_a_place_too():
    state, _ = run(begun(), SpeechStarted(0), ended(), Transcribed(0, ""))
    state, _ = run(state, *spoken(1, "hello", 80_000), phrase(0, 0, "Unheard"))
    state, _ = run(state, SpeechStarted(160_000), ended(160_000), Transcribed(2, "bye"))
    noise, unheard = Message("user", "to noise", item="x"), Message("user", "to nothing", item="y")
    state, _ = run(state, ItemAdded(unheard, "ia1"), ItemAdded(noise, "iu1"))
    assert texts(state) == ["to noise", "hello", "to nothing", "bye"]
    _, (told,) = run(state, ItemAsked("iu1", "r"))
    assert told == TellItem("iu1", Message("user", ""), "r")


@pytest.mark.parametrize("words", ["", "hello"])
def test_what_was_added_before_an_utterance_stands_before_it(words):
    note = ItemAdded(Message("system", "note", item="n"))
    state, _ = run(begun(answers=False), SpeechStarted(0), ended(), note, Transcribed(0, words))
    state, _ = run(state, *spoken(1, "bye", 80_000))
    assert texts(state) == [*filter(None, [words]), "note", "bye"]
    state, _ = run(begun(answers=False), SpeechStarted(0), note, ended(), Transcribed(0, "hello"))
    assert [m.text for m in state.history] == ["note", "hello"]


def test_a_reply_that_is_asked_for_waits_for_the_words_and_has_its_own_wish():
    state, commands = run(begun(answers=False), SpeechStarted(0), ended())
    wish = Wish(request="r", instructions="Rhyme.", max_tokens=5)
    state, waits = run(state, ReplyRequested(wish))
    assert Reply not in kinds(commands + waits)
    state, commands = run(state, Transcribed(0, "hello"))
    (reply,) = [c for c in commands if isinstance(c, Reply)]
    assert reply.wish == wish
    assert [(m.role, m.text) for m in reply.messages] == [("system", "Rhyme."), ("user", "hello")]


def test_a_changed_session_makes_a_prepared_reply_anew():
    state, _ = run(begun(), *foreseen())
    new = Configured("Be loud.", Wish(voice="bm_george"), answers=True, interruptible=False)
    state, commands = run(state, new)
    assert kinds(commands) == [Discard]
    state, commands = run(state, ended())
    (reply,) = [c for c in commands if isinstance(c, Reply)]
    assert reply.messages[0] == Message("system", "Be loud.")
    assert reply.wish.voice == "bm_george" and not state.policy.interruptible


@pytest.mark.parametrize(
    "change",
    [
        ItemAdded(Message("system", "Be loud.", item="y")),
        ItemDeleted("x"),
        ItemTruncated("ia1", 0.5),
    ],
    ids=["added", "deleted", "truncated"],
)
def test_a_changed_history_makes_a_prepared_reply_anew(change):
    state, _ = run(begun(), ItemAdded(Message("user", "hi", item="x")), ReplyRequested(Wish()))
    state, _ = answered(state, "One two.")
    state, _ = run(state, *foreseen(), ItemDeleted("unknown"))
    assert state.phase == "preparing"
    state, commands = run(state, change, ended())
    assert Discard in kinds(commands)
    (reply,) = [c for c in commands if isinstance(c, Reply)]
    assert reply.messages == rendered("Be brief.", state.history)


def test_what_is_written_keeps_to_the_caps_as_well():
    state = begun(max_history_messages=4)
    for number in range(5):
        state, _ = run(state, ItemAdded(Message("user", str(number), item=f"x{number}")))
        state, _ = run(state, ReplyRequested(Wish()))
        state, _ = answered(state, "Yes.")
    assert [m.text for m in state.history] == ["3", "Yes.", "4", "Yes."]


def test_a_request_while_the_caller_pauses_takes_the_place_of_what_was_prepared():
    state, _ = run(begun(), *foreseen())
    state, commands = run(state, ReplyRequested(Wish(request="r")), SpeechResumed(9_000))
    assert kinds(commands)[0] == Discard
    state, commands = run(state, ended(9_000), Transcribed(1, "hello there"))
    replies = [c for c in commands if isinstance(c, Reply)]
    assert [r.wish.request for r in replies] == ["r"]
    assert replies[0].messages[-1].text == "hello there"


def test_cancelling_ends_the_reply_and_those_that_wait():
    state, _ = run(begun(), *spoken())
    state, _ = run(state, phrase(state.attempt, 0, "one two"), Played(0, 0.9))
    state, commands = run(state, ReplyRequested(Wish()), ReplyCancelled())
    assert kinds(commands) == [DropTurn, CloseTurn]
    assert state.phase == "listening" and not state.wished


def test_a_peer_that_names_items_is_not_hung_up_on():
    state = begun()
    for _ in range(4):
        state, _ = run(state, ReplyRequested(Wish()))
        state, _ = run(state, ReplyFailed(state.attempt, FailureClass.SERVER, "down"))
        state, commands = answered(state, "Sorry.")
        assert kinds(commands) == [CloseTurn]
    assert not state.over


def test_beside_the_conversation_nothing_changes():
    state, _ = run(begun(), *spoken())
    aside = Wish(kept=False, spoken=False, messages=(Message("user", "Sum up."),))
    before = state
    state, commands = run(state, ReplyRequested(aside))
    assert commands == [
        ReplyAside(1, "ix1", (Message("system", "Be brief."), Message("user", "Sum up.")), aside)
    ]
    assert (state.phase, state.history) == (before.phase, before.history)
    _, commands = run(state, ReplyCancelled(aside=1))
    assert commands == [DropAside(1)]


def test_a_spoken_reply_that_is_not_kept_is_no_part_of_the_conversation():
    state, _ = run(begun(), ReplyRequested(Wish(kept=False)))
    state, _ = run(state, phrase(state.attempt, 0, "Ding."), SpeechStarted(0))
    assert state.phase == "replying"  # a voice does not interrupt it
    state, commands = run(state, ReplyEnded(state.attempt), PlayedOut())
    assert commands == [CloseTurn(1, "answered", "Ding.")] and not state.history


@pytest.mark.parametrize("kept", [True, False])
def test_a_peer_that_may_not_interrupt_is_answered_afterwards(kept):
    state, _ = run(begun(interruptible=False), ReplyRequested(Wish(kept=kept)))
    state, _ = run(state, *spoken(text="wait"))
    assert state.phase == "replying" and len(state.queued) == 1
    state, commands = answered(state, "One.")
    assert kinds(commands) == [CloseTurn, Reply]
