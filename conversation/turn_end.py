"""How a turn of the agent's ends, and what the history keeps of it. Pure."""

from dataclasses import replace

from conversation.commands import CloseTurn, Command, Discard, DropTurn, Outcome
from conversation.history import Message, Role
from conversation.spoken import BEGINNING, Position, heard_text
from conversation.state import Conversation, Step
from conversation.wishes import PLAIN


def discard(state: Conversation) -> Step:
    """Forget what was prepared, if anything."""
    if state.phase != "preparing":
        return state, ()
    return _listening(state), (Discard(),)


def drop(state: Conversation) -> Step:
    """End the running turn with what the caller has heard of it; forget a prepared one."""
    if state.phase != "replying":
        return discard(state)
    _, cut_off = heard_of(state)
    state, commands = close(state, "interrupted" if cut_off else state.outcome)
    return replace(state, leaving=False), (DropTurn(), *commands)


def close(state: Conversation, outcome: Outcome) -> Step:
    """Keep what the caller heard of the turn, and retire its number and generation."""
    heard, cut_off = heard_of(state)
    said = _said(state, heard, cut_off=cut_off)
    kept = filled(state.history, state.reply_item, said)
    closed = replace(_listening(state), turn=state.turn + 1, history=kept)
    commands: tuple[Command, ...] = (CloseTurn(state.turn, outcome, heard),)
    return replace(closed, generation=state.generation + 1), commands


def under_way(state: Conversation) -> tuple[Message, ...]:
    """The running turn as far as it is there, heard or not."""
    if state.phase != "replying":
        return ()
    text = " ".join(phrase.text for phrase in state.sent)
    return _said(state, text, cut_off=not state.written)


def _said(state: Conversation, heard: str, *, cut_off: bool) -> tuple[Message, ...]:
    """The turn as the history has it: the words, then the tools that were called."""
    if not state.wish.kept:
        return ()
    phrases = state.sent if state.policy.by_items and state.wish.spoken else ()
    words = Message(
        "assistant", heard, cut_off, item=state.reply_item, phrases=phrases, whole=state.written
    )
    calls = (Message("assistant", "", calls=(c,), item=c.item) for c in state.calls)
    shown = heard or (state.policy.by_items and state.sent)
    return ((words,) if shown else ()) + tuple(calls)


def placed(state: Conversation, role: Role, item: str) -> Conversation:
    """An item whose words are still to come has its place: behind all that there is. Without a
    name it has none."""
    if not item:
        return state
    return replace(state, history=(*state.history, Message(role, "", item=item)))


def filled(
    messages: tuple[Message, ...], item: str, said: tuple[Message, ...]
) -> tuple[Message, ...]:
    """The messages with what was said in the item's place, or at the end where it has none."""
    at = next((n for n, one in enumerate(messages) if item and one.item == item), None)
    if at is None:
        return (*messages, *said)
    return (*messages[:at], *said, *messages[at + 1 :])


def heard_of(state: Conversation) -> tuple[str, bool]:
    """The words that were heard, and whether there were more to come."""
    at = state.played if state.played.phrase >= state.heard else Position(state.heard)
    heard = heard_text(state.sent, at)
    whole = " ".join(phrase.text for phrase in state.sent)
    return heard, not state.written or heard != whole


def _listening(state: Conversation) -> Conversation:
    """The attempt is over: late news of it is ignored."""
    return replace(
        state,
        phase="listening",
        attempt=state.attempt + 1,
        answering=(),
        wish=PLAIN,
        calls=(),
        written=False,
        sent=(),
        heard=0,
        played=BEGINNING,
        held=False,
        played_out_s=None,
    )
