"""The conversation as a list of items that the caller's end may add to, take from and cut. Pure.

An item is a message of the history. An utterance that is over and a reply that is begun have their
places there before their words, and keep them without.
"""

from collections.abc import Sequence
from dataclasses import replace

from conversation.answering import answer_next, within_caps
from conversation.commands import TellItem
from conversation.events import ItemAdded, ItemAsked, ItemDeleted, ItemTruncated
from conversation.history import Message
from conversation.spoken import Phrase, Position, heard_text
from conversation.state import Conversation, Step
from conversation.turn_end import discard, drop, under_way
from conversation.understanding import withdraw

ItemEvent = ItemAdded | ItemDeleted | ItemTruncated | ItemAsked


def rearrange(state: Conversation, event: ItemEvent) -> Step:
    match event:
        case ItemAdded(message, after):
            return _changed(state, put_behind(state.history, after, message))
        case ItemAsked(item, request):
            named = [one for one in (*under_way(state), *state.history) if one.item == item]
            there = next((one for one in named if one.says or one.phrases), None)
            return state, (TellItem(item, there or next(iter(named), None), request),)
        case ItemDeleted(item):
            state, commands = _spoken_no_more(state, item)
            kept = tuple(one for one in state.history if one.item != item)
            calls = tuple(call for call in state.calls if call.item != item)
            state, discarded = _changed(replace(state, calls=calls), kept)
            state, more = withdraw(state, item)
            return state, (*commands, *discarded, *more)
        case ItemTruncated(item, heard_s):
            state, commands = _spoken_no_more(state, item)
            cut = tuple(truncated(m, heard_s) if m.item == item else m for m in state.history)
            state, discarded = _changed(state, cut)
            state, more = answer_next(state)
            return state, (*commands, *discarded, *more)


def put_behind(
    messages: tuple[Message, ...], item: str | None, message: Message
) -> tuple[Message, ...]:
    """The messages with one more behind the item: at the end where it is unknown or has no name,
    in front where it is None."""
    if item is None:
        return (message, *messages)
    named = (number for number, one in enumerate(messages, 1) if item and one.item == item)
    behind = next(named, len(messages))
    return (*messages[:behind], message, *messages[behind:])


def _changed(state: Conversation, messages: tuple[Message, ...]) -> Step:
    """The history as it is from now on. A reply that is prepared was made of the old one."""
    after = within_caps(replace(state, history=messages))
    return (after, ()) if after.history == state.history else discard(after)


def _spoken_no_more(state: Conversation, item: str) -> Step:
    """What is being spoken cannot be taken from: it is over then."""
    if state.phase == "replying" and item == state.reply_item:
        return drop(state)
    return state, ()


def truncated(message: Message, heard_s: float) -> Message:
    """The message with the words of its first `heard_s` seconds; one without speech as it is."""
    if not message.phrases:
        return message
    heard = heard_text(message.phrases, at(message.phrases, heard_s, whole=message.whole))
    spoken = " ".join(phrase.text for phrase in message.phrases)
    return replace(message, text=heard, cut_off=not message.whole or heard != spoken)


def at(phrases: Sequence[Phrase], seconds: float, *, whole: bool) -> Position:
    """The place `seconds` into a turn's speech: its end for more than there is, which for one that
    is not `whole` may be in the middle of its last phrase."""
    for number, phrase in enumerate(phrases):
        if seconds < phrase.seconds:
            return Position(number, seconds)
        seconds -= phrase.seconds
    return Position(len(phrases)) if whole else Position(len(phrases) - 1, phrases[-1].seconds)
