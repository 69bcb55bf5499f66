"""A turn of the agent's: begun, prepared, released, spoken, failed, closed. Pure.

Owns what the history keeps. When the caller is understood, `conversation.understanding` says, and
when the caller interrupts, `conversation.barge_in`.
"""

from dataclasses import replace

from conversation import history
from conversation.commands import (
    CloseTurn,
    Command,
    Discard,
    DropTurn,
    FallBack,
    HangUp,
    Note,
    Outcome,
    Release,
    Reply,
    Say,
    Understood,
    Warm,
)
from conversation.events import (
    LineEnded,
    PhraseHeard,
    PhraseSpoken,
    Played,
    PlayedOut,
    ReplyEnded,
    ReplyFailed,
)
from conversation.fallbacks import FailureClass
from conversation.history import Message
from conversation.spoken import BEGINNING, Phrase, Position, heard_text
from conversation.state import Conversation, Step

News = PhraseSpoken | Played | PlayedOut | PhraseHeard | ReplyEnded | LineEnded | ReplyFailed


def greet(state: Conversation) -> Step:
    """A greeting is turn 0; the caller's first is turn 1, greeted or not."""
    greeting = state.policy.greeting
    if not greeting:
        return warmed(replace(state, turn=1))
    state = replace(state, phase="replying", outcome="greeted")
    return state, (Say(state.turn, state.attempt, greeting),)


def take(state: Conversation, text: str) -> Step:
    """The caller has said `text`: answer now, or after what is being said or waits already."""
    queued = replace(state, queued=(*state.queued, text))
    answering, commands = answer_next(queued)
    if commands:
        return answering, commands
    limit = state.policy.max_queued_turns
    if limit and len(queued.queued) > limit:
        return state, (Note("queue_full", text),)
    return queued, (Note("queued", text),)


def answer_next(state: Conversation) -> Step:
    """Answer the message that has waited longest, unless the caller is about to say more."""
    if state.phase != "listening" or not state.queued or state.caller_speaks or state.segments:
        return state, ()
    state = asked(replace(state, queued=state.queued[1:]), state.queued[0])
    state = replace(state, phase="replying", outcome="answered")
    return state, (Reply(state.turn, state.attempt, rendered(state)),)


def prepare(state: Conversation, text: str) -> Step:
    """Make the reply to `text`, should that be all that the caller says."""
    if state.phase != "listening" or state.queued or not state.policy.prepares:
        return state, ()
    asking = asked(state, text)
    reply = Reply(state.turn, state.attempt, rendered(asking), prepared=True)
    return replace(state, phase="preparing", outcome="answered", answering=text), (reply,)


def release(state: Conversation) -> Step:
    """What was prepared is what the caller wanted."""
    understood = Understood(state.turn, state.answering)
    state = replace(asked(state, state.answering), phase="replying")
    if state.written:
        state = replace(state, failures=0)
    return state, (understood, Release())


def discard(state: Conversation) -> Step:
    """Forget what was prepared, if anything."""
    if state.phase != "preparing":
        return state, ()
    return _listening(state), (Discard(),)


def asked(state: Conversation, text: str) -> Conversation:
    """The caller's message is in the history, as far as the caps leave room."""
    policy = state.policy
    kept = history.capped(
        (*state.history, Message("user", text)),
        max_messages=policy.max_history_messages,
        max_tokens=policy.max_history_tokens,
    )
    return replace(state, history=kept, answering=text)


def rendered(state: Conversation) -> tuple[Message, ...]:
    return history.rendered(state.policy.system_prompt, state.history)


def warmed(state: Conversation) -> Step:
    """Nobody speaks: let the model compute what the next request begins with."""
    if not state.policy.warms_prefix or state.over:
        return state, ()
    messages = rendered(state)
    if not state.history:
        messages = (*messages, Message("user", history.OPENING))
    return state, (Warm(messages),)


def follow(state: Conversation, event: News) -> Step:
    """News of the turn that is being prepared or spoken."""
    if state.phase == "listening":
        return state, ()
    match event:
        case PhraseSpoken(_, number, text, seconds, words):
            phrase = Phrase(text, seconds, words)
            sent = (*state.sent[:number], phrase)
            return replace(state, sent=sent, active_s=state.now_s, played_out_s=None), ()
        case Played(number, seconds):
            return _played(state, Position(number, seconds)), ()
        case PlayedOut():
            return replace(state, played_out_s=state.now_s), ()
        case PhraseHeard():
            return _confirmed(state, event)
        case ReplyEnded():
            failures = state.failures if state.phase == "preparing" else 0
            return settle(replace(state, written=True, failures=failures))
        case LineEnded(_, unspoken):
            state, commands = settle(replace(state, written=True))
            return state, (Note("unspoken", unspoken), *commands) if unspoken else commands
        case ReplyFailed(_, failure, detail):
            if state.phase == "preparing":
                return discard(state)
            return fall_back(state, failure, detail)


def _played(state: Conversation, position: Position) -> Conversation:
    """By our own clock. A phrase that it has left behind was heard, whatever the line says."""
    heard = min(max(state.heard, position.phrase), len(state.sent))
    return replace(state, played=position, heard=heard)


def _confirmed(state: Conversation, event: PhraseHeard) -> Step:
    if event.generation != state.generation or event.phrase >= len(state.sent) or state.held:
        return state, ()
    failures = 0 if state.outcome == "answered" else state.failures
    heard = max(state.heard, event.phrase + 1)
    return settle(replace(state, heard=heard, failures=failures, active_s=state.now_s))


def settle(state: Conversation) -> Step:
    """End the turn once everything of it has been heard."""
    speaking = state.phase == "replying" and not state.held
    if not speaking or not state.written or state.heard < len(state.sent):
        return state, ()
    return end_turn(state)


def end_turn(state: Conversation) -> Step:
    state, commands = close(state, state.outcome)
    if state.leaving:
        return replace(state, over=True), (*commands, HangUp("after the last fallback line"))
    state, more = answer_next(state)
    if not more:
        state, more = warmed(state)
    return state, (*commands, *more)


def fall_back(state: Conversation, failure: FailureClass, detail: str) -> Step:
    """Speak the next tier's line, in the same turn: what was sent before it is still heard."""
    lines = state.policy.fallback_lines
    tier = min(state.failures + 1, len(lines))
    state = replace(
        state,
        phase="replying",
        outcome="failed",
        failures=state.failures + 1,
        leaving=tier == len(lines),
    )
    line = Say(state.turn, state.attempt, lines[tier - 1])
    return state, (FallBack(tier, failure, detail), line)


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
    kept = (*state.history, Message("assistant", heard, cut_off)) if heard else state.history
    closed = replace(_listening(state), turn=state.turn + 1, history=kept)
    commands: tuple[Command, ...] = (CloseTurn(state.turn, outcome, heard),)
    return replace(closed, generation=state.generation + 1), commands


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
        answering="",
        written=False,
        sent=(),
        heard=0,
        played=BEGINNING,
        held=False,
        played_out_s=None,
    )
