"""Turn-taking: the whole policy of who speaks when, as a function of events.

Nothing here waits, reads a clock or touches a socket, so a recorded call replays exactly.
Three laws: a dropped attempt and a cleared generation are retired, and late news of them is
ignored; a turn ends when it was heard, not when it was generated; advancing never waits.
"""

from dataclasses import replace

from conversation.answering import end_turn, follow, greet, take, written
from conversation.asking import ask
from conversation.commands import HangUp, Note
from conversation.events import (
    CallEnded,
    CallStarted,
    Configured,
    DigitPressed,
    EndRequested,
    Event,
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
    SpeechSustained,
    SpeechTakenBack,
    TextReceived,
    Ticked,
    Transcribed,
    TranscriptFailed,
)
from conversation.items import rearrange
from conversation.state import UNCONFIRMED_S, Conversation, Step
from conversation.turn_end import drop
from conversation.understanding import hear, take_back, understand

DIGITS_PAUSE_S = 2.0
"""A pause after which keyed digits are complete; `#` completes them at once. Twilio's <Gather>
waits 5 s by default, which is long in a conversation."""


def advance(state: Conversation, event: Event) -> Step:
    """Fold one event into the conversation: the new state, and what is to be done."""
    if state.over or stale(state, event):
        return state, ()
    match event:
        case CallStarted():
            return greet(state)
        case SpeechStarted() | Paused() | SpeechResumed() | SpeechSustained() | SpeechEnded():
            return hear(_alive(state), event)
        case SpeechTakenBack():
            return take_back(_alive(state))
        case Transcribed() | TranscriptFailed():
            return understand(state, event)
        case TextReceived(text):
            return take(_alive(state), written(text))
        case Configured() | ReplyRequested() | ReplyCancelled():
            return ask(_alive(state), event)
        case ItemAdded() | ItemDeleted() | ItemTruncated() | ItemAsked():
            return rearrange(_alive(state), event)
        case DigitPressed(digit):
            return _key(_alive(state), digit)
        case Ticked(now_s):
            return _tick(state, now_s)
        case EndRequested(reason):
            return _leave(state, reason)
        case CallEnded():
            state, commands = drop(state)
            return replace(state, over=True), commands
        case _:
            return follow(state, event)


def stale(state: Conversation, event: Event) -> bool:
    """News of an attempt or a turn that is over."""
    attempt = getattr(event, "attempt", state.attempt)
    return attempt != state.attempt or getattr(event, "turn", state.turn) != state.turn


def _alive(state: Conversation) -> Conversation:
    return replace(state, active_s=state.now_s)


def _key(state: Conversation, digit: str) -> Step:
    keyed = state.digits + digit
    if digit == "#":
        return _take_digits(replace(state, digits=keyed))
    return replace(state, digits=keyed, digit_s=state.now_s), ()


def _take_digits(state: Conversation) -> Step:
    keyed = state.digits if state.digits == "#" else state.digits.removesuffix("#")
    spelled = " ".join(keyed)
    said = written(f"(The caller pressed {spelled}.)")
    state, commands = take(replace(state, digits=""), said)
    return state, (Note("digits", keyed), *commands)


def _tick(state: Conversation, now_s: float) -> Step:
    started_s = state.started_s
    if started_s is None:
        return replace(state, now_s=now_s, started_s=now_s, active_s=now_s), ()
    state = replace(state, now_s=now_s)
    if now_s - started_s >= state.policy.call_length_s:
        return _leave(state, "call length limit")
    if now_s - state.active_s >= state.policy.idle_call_s:
        return _leave(state, "idle call")
    if state.digits and now_s - state.digit_s >= DIGITS_PAUSE_S:
        return _take_digits(state)
    if unconfirmed(state):
        lost = " ".join(phrase.text for phrase in state.sent[state.heard :])
        state, commands = end_turn(replace(state, sent=state.sent[: state.heard]))
        return state, (Note("unconfirmed", lost), *commands)
    return state, ()


def unconfirmed(state: Conversation) -> bool:
    """All has played by our own clock, long ago, and the caller's end has not said so."""
    ended_s = state.played_out_s
    waits = state.phase == "replying" and state.written and not state.held
    return waits and ended_s is not None and state.now_s >= ended_s + UNCONFIRMED_S


def _leave(state: Conversation, reason: str) -> Step:
    state, commands = drop(state)
    return replace(state, over=True), (*commands, HangUp(reason))
