"""A turn of the agent's: begun, prepared, released, spoken, failed, closed. Pure.

Owns what the history keeps. When the caller is understood, `conversation.understanding` says, and
when the caller interrupts, `conversation.barge_in`.
"""

from collections.abc import Sequence
from dataclasses import replace

from conversation import history
from conversation.commands import (
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
    ToolCalled,
)
from conversation.fallbacks import FailureClass
from conversation.history import Message
from conversation.spoken import Phrase, Position
from conversation.state import Conversation, Step
from conversation.turn_end import close, discard, filled, placed
from conversation.wishes import Wish

News = (
    PhraseSpoken
    | Played
    | PlayedOut
    | PhraseHeard
    | ReplyEnded
    | LineEnded
    | ReplyFailed
    | ToolCalled
)


def greet(state: Conversation) -> Step:
    """A greeting is turn 0; the caller's first is turn 1, greeted or not."""
    greeting = state.policy.greeting
    if not greeting:
        return warmed(replace(state, turn=1))
    state = begun(state, state.policy.wish, outcome="greeted")
    return state, (Say(state.turn, state.attempt, greeting),)


def take(state: Conversation, said: tuple[Message, ...]) -> Step:
    """The caller has said this: answer now, or after what is being said or waits already."""
    queued = replace(state, queued=(*state.queued, said))
    answering, commands = answer_next(queued)
    if commands:
        return answering, commands
    limit, text = state.policy.max_queued_turns, joined(said)
    if limit and len(queued.queued) > limit:
        kept = asked(state, said) if state.policy.by_items else state
        return replace(kept, answering=state.answering), (Note("queue_full", text),)
    return queued, (Note("queued", text),)


def written(text: str) -> tuple[Message, ...]:
    """A message of the caller's that came otherwise than by voice."""
    return (Message("user", text),)


def joined(said: Sequence[Message]) -> str:
    return " ".join(message.text for message in said)


def answer_next(state: Conversation) -> Step:
    """Make the reply that was asked for, or answer the message that has waited longest, unless the
    caller is about to say more. A peer that names items has seen all that wait take their places:
    one reply is behind them all."""
    by_items = state.policy.by_items
    if state.phase != "listening" or state.segments:
        return state, ()
    if state.wished:
        wish, rest = state.wished[0], state.wished[1:]
        return _reply(replace(_asked_first(state, len(state.queued)), wished=rest), wish)
    if not state.queued or state.caller_speaks:
        return state, ()
    return _reply(_asked_first(state, len(state.queued) if by_items else 1), state.policy.wish)


def _asked_first(state: Conversation, count: int) -> Conversation:
    """So many of the messages that wait are in the history."""
    now = tuple(message for said in state.queued[:count] for message in said)
    return asked(replace(state, queued=state.queued[count:]), now)


def _reply(state: Conversation, wish: Wish) -> Step:
    state = begun(state, wish)
    return state, (Reply(state.turn, state.attempt, rendered(state, wish), wish=wish),)


def begun(state: Conversation, wish: Wish, outcome: Outcome = "answered") -> Conversation:
    """The agent has the floor; what it will have said stands behind what there is."""
    state = replace(state, phase="replying", outcome=outcome, wish=wish)
    return placed(state, "assistant", state.reply_item) if wish.kept else state


def prepare(state: Conversation, said: tuple[Message, ...]) -> Step:
    """Make the reply to this, should that be all that the caller says."""
    policy = state.policy
    if state.phase != "listening" or state.queued or state.wished or not policy.prepares:
        return state, ()
    if not policy.answers:
        return state, ()
    messages = rendered(asked(state, said), policy.wish)
    reply = Reply(state.turn, state.attempt, messages, prepared=True, wish=policy.wish)
    state = replace(state, phase="preparing", answering=said, wish=policy.wish)
    return replace(state, outcome="answered"), (reply,)


def release(state: Conversation) -> Step:
    """What was prepared is what the caller wanted."""
    understood = Understood(state.turn, joined(state.answering))
    state = begun(asked(state, state.answering), state.wish)
    if state.written:
        state = replace(state, failures=0)
    return state, (understood, Release())


def asked(state: Conversation, said: tuple[Message, ...]) -> Conversation:
    """What the caller has said is in the history, as far as the caps leave room."""
    messages = state.history
    for message in said:
        messages = filled(messages, message.item, (message,))
    return within_caps(replace(state, history=messages, answering=said))


def within_caps(state: Conversation) -> Conversation:
    """The conversation without its oldest turns, where there is no more room for them."""
    policy = state.policy
    kept = history.capped(
        state.history,
        max_messages=policy.max_history_messages,
        max_tokens=policy.max_history_tokens,
    )
    return replace(state, history=kept)


def rendered(state: Conversation, wish: Wish) -> tuple[Message, ...]:
    """What the model is asked, of this conversation or of what the wish has in its place."""
    system = state.policy.system_prompt if wish.instructions is None else wish.instructions
    return history.rendered(system, state.history if wish.messages is None else wish.messages)


def warmed(state: Conversation) -> Step:
    """Nobody speaks: let the model compute what the next request begins with."""
    if not state.policy.warms_prefix or state.over:
        return state, ()
    return state, (Warm(rendered(state, state.policy.wish)),)


def follow(state: Conversation, event: News) -> Step:
    """News of the turn that is being prepared or spoken."""
    if state.phase == "listening":
        return state, ()
    match event:
        case PhraseSpoken(_, number, text, seconds, words):
            phrase = Phrase(text, seconds, words)
            sent = (*state.sent[:number], phrase)
            heard = state.heard if state.wish.spoken else len(sent)
            state = replace(state, sent=sent, heard=heard)
            return replace(state, active_s=state.now_s, played_out_s=None), ()
        case Played(number, seconds):
            return _played(state, Position(number, seconds)), ()
        case PlayedOut():
            return _played_out(replace(state, played_out_s=state.now_s))
        case ToolCalled(_, call):
            return replace(state, calls=(*state.calls, call)), ()
        case PhraseHeard():
            return _confirmed(state, event)
        case ReplyEnded():
            failures = state.failures if state.phase == "preparing" else 0
            return settle(replace(_written(state), failures=failures))
        case LineEnded(_, unspoken):
            state, commands = settle(_written(state))
            return state, (Note("unspoken", unspoken), *commands) if unspoken else commands
        case ReplyFailed(_, failure, detail):
            if state.phase == "preparing":
                return discard(state)
            return fall_back(state, failure, detail)


def _written(state: Conversation) -> Conversation:
    """That it has played must be told anew where no marks say so: its end was not sent before."""
    out_s = None if state.policy.by_items else state.played_out_s
    return replace(state, written=True, played_out_s=out_s)


def _played_out(state: Conversation) -> Step:
    """Without marks, this is when the turn was heard. One that has only run dry may be in the
    middle of a phrase."""
    if not state.policy.by_items or not state.written:
        return state, ()
    return settle(replace(state, heard=len(state.sent), active_s=state.now_s))


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
    if state.policy.by_items and state.played_out_s is None:
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
    """Speak the next tier's line, in the same turn: what was sent before it is still heard. A
    reply in writing just ends, and a peer that names items leaves by itself."""
    lines = state.policy.fallback_lines
    tier = min(state.failures + 1, len(lines))
    leaving = tier == len(lines) and not state.policy.by_items
    state = replace(state, outcome="failed", failures=state.failures + 1, leaving=leaving)
    told = FallBack(state.turn, tier, failure, detail)
    if not state.wish.spoken:
        state, commands = end_turn(state)
        return state, (told, *commands)
    return state, (Say(state.turn, state.attempt, lines[tier - 1]), told)
