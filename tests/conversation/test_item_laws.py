"""The laws of a conversation whose peer names items, over any sequence of events."""

from dataclasses import replace

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
    TellStarted,
    TellStopped,
    TellTranscript,
)
from conversation.events import (
    CallEnded,
    Configured,
    ItemAdded,
    ItemAsked,
    ItemDeleted,
    ItemTruncated,
    Paused,
    ReplyCancelled,
    ReplyRequested,
    SpeechEnded,
    SpeechResumed,
    SpeechStarted,
    SpeechTakenBack,
    ToolCalled,
)
from conversation.history import Message
from conversation.tools import ToolCall
from conversation.turns import advance
from conversation.wishes import Wish
from tests.conversation.talking import run, started
from tests.conversation.test_laws import events, numbers, samples

names = st.sampled_from(["iu1", "iu2", "ia1", "ia2", "x", "y", ""])
wishes = st.builds(Wish, kept=st.booleans(), spoken=st.booleans())
asked = st.one_of(
    st.builds(ReplyRequested, wishes),
    st.builds(ReplyCancelled, st.integers(0, 2)),
    st.builds(Configured, st.just("New."), wishes, st.booleans(), st.booleans()),
    st.builds(
        ItemAdded,
        st.builds(Message, st.just("user"), st.just("typed"), item=st.sampled_from("xyz")),
        st.one_of(st.none(), names),
    ),
    st.builds(ItemDeleted, names),
    st.builds(ItemTruncated, names, st.floats(0, 3)),
    st.builds(ItemAsked, names, st.just("r")),
    st.builds(SpeechTakenBack),
    st.builds(ToolCalled, numbers, st.just(ToolCall("c", "f", "{}"))),
)


class Peer:
    """What the peer is told: each utterance begins at most once, stops at most once, and has at
    most one transcript, which comes when it is over; and what the call has under way."""

    def __init__(self):
        self.alive, self.audible = None, False
        self.begun, self.over, self.told = set(), set(), set()

    def do(self, command):
        match command:
            case TellStarted(item):
                assert item not in self.begun | self.over
                self.begun.add(item)
            case TellStopped(item):
                assert item not in self.over
                self.over.add(item)
            case TellTranscript(item):
                assert item in self.over and item not in self.told
                self.told.add(item)
            case Reply(_, attempt, messages, prepared):
                assert self.alive is None, "two turns are alive"
                self.alive, self.audible = attempt, not prepared
                assert messages[0].role == "system" and messages[1].role == "user"
            case Say(_, attempt, _):
                assert self.alive in (None, attempt)
                self.alive, self.audible = attempt, True
            case Hold() | Resume():
                raise AssertionError("such a peer is never held")
            case Release():
                assert self.alive is not None and not self.audible
                self.audible = True
            case Discard():
                assert self.alive is not None and not self.audible
                self.alive = None
            case DropTurn() | CloseTurn():
                self.alive, self.audible = None, False


@settings(max_examples=600)
@given(st.lists(st.one_of(events, asked), max_size=50), samples)
def test_no_sequence_of_events_breaks_the_laws(sequence, _):
    state, peer = started(item_prefix="i"), Peer()
    for event in sequence:
        if isinstance(event, SpeechStarted) and state.caller_speaks:
            continue  # an endpointer begins an utterance once,
        if isinstance(event, Paused | SpeechResumed) and not state.caller_speaks:
            continue  # pauses lie within it,
        if isinstance(event, SpeechEnded) and not state.caller_speaks:
            event = replace(event, by_hand=True)  # and only the peer ends one that did not begin
        state, commands = advance(state, event)
        for command in commands:
            peer.do(command)
        if state.over:
            break
        assert (peer.alive is None) == (state.phase == "listening")
        if peer.alive is not None:
            assert peer.alive == state.attempt
            assert peer.audible == (state.phase == "replying")
        assert not state.held and state.heard <= len(state.sent)
        waiting = {one.item for one in state.segments}
        assert {one.item for one in state.untold} <= waiting
        if state.phase == "listening" and not state.segments:
            assert state.caller_speaks or not state.wished
            assert state.caller_speaks or not state.queued
    assert run(state, CallEnded("over"))[0].over
