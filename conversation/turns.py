"""Turn-taking: the whole policy of who speaks when, as a function of events.

Nothing here waits, reads a clock or touches a socket, so a recorded call replays exactly.
Three laws: a dropped turn's number and generation are retired, and late news of them is ignored;
a turn ends when it was heard, not when it was generated; advancing never waits.
"""

from dataclasses import replace

from conversation import history
from conversation.events import (
    CallEnded,
    CallStarted,
    CloseTurn,
    Command,
    DigitPressed,
    DropTurn,
    EndRequested,
    Event,
    FallBack,
    HangUp,
    LineEnded,
    Note,
    Outcome,
    PhraseHeard,
    PhraseSent,
    Reply,
    ReplyEnded,
    ReplyFailed,
    Say,
    SpeechEnded,
    SpeechStarted,
    TextReceived,
    Ticked,
    Transcribe,
    Transcribed,
    TranscriptFailed,
)
from conversation.fallbacks import FailureClass
from conversation.history import Message
from conversation.state import UNCONFIRMED_S, Conversation, Failed, Segment

DIGITS_PAUSE_S = 2.0
"""A pause after which keyed digits are complete; `#` completes them at once. Twilio's <Gather>
waits 5 s by default, which is long in a conversation."""

Step = tuple[Conversation, tuple[Command, ...]]


def advance(state: Conversation, event: Event) -> Step:
    """Fold one event into the conversation: the new state, and what is to be done."""
    if state.over or getattr(event, "turn", state.turn) != state.turn:
        return state, ()
    match event:
        case CallStarted():
            return _greet(state)
        case SpeechStarted() | SpeechEnded():
            return _hear(_alive(state), event)
        case Transcribed() | TranscriptFailed():
            return _understand(state, event)
        case TextReceived(text):
            return _take(_alive(state), text)
        case DigitPressed(digit):
            return _key(_alive(state), digit)
        case Ticked(now_s):
            return _tick(state, now_s)
        case EndRequested(reason):
            return _leave(state, reason)
        case CallEnded():
            state, commands = _close(state, "interrupted")
            return replace(state, over=True), commands
        case PhraseSent() | PhraseHeard() | ReplyEnded() | LineEnded() | ReplyFailed():
            return _follow(state, event)


def _hear(state: Conversation, event: SpeechStarted | SpeechEnded) -> Step:
    match event:
        case SpeechStarted():
            return _barge_in(replace(state, caller_speaks=True))
        case SpeechEnded(utterance, complete):
            number = state.next_segment
            heard = replace(
                state,
                caller_speaks=not complete,
                next_segment=number + 1,
                segments=(*state.segments, Segment(number)),
            )
            return heard, (Transcribe(number, utterance),)


def _alive(state: Conversation) -> Conversation:
    return replace(state, active_s=state.now_s)


def _follow(
    state: Conversation, event: PhraseSent | PhraseHeard | ReplyEnded | LineEnded | ReplyFailed
) -> Step:
    """News of the turn that is being spoken."""
    if state.phase == "listening":
        return state, ()
    match event:
        case PhraseSent(_, text, seconds):
            ends = max(state.playout_end_s, state.now_s) + seconds
            return _alive(replace(state, sent=(*state.sent, text), playout_end_s=ends)), ()
        case PhraseHeard(_, generation, phrase):
            if generation != state.generation or phrase >= len(state.sent):
                return state, ()
            failures = 0 if state.outcome == "answered" else state.failures
            heard = max(state.heard, phrase + 1)
            return _settle(_alive(replace(state, heard=heard, failures=failures)))
        case ReplyEnded():
            return _settle(replace(state, phase="draining", failures=0))
        case LineEnded(_, unspoken):
            state, commands = _settle(replace(state, phase="draining"))
            return state, (Note("unspoken", unspoken), *commands) if unspoken else commands
        case ReplyFailed(_, failure, detail):
            return _fall_back(state, failure, detail)


def _greet(state: Conversation) -> Step:
    """A greeting is turn 0; the caller's first is turn 1, greeted or not."""
    greeting = state.policy.greeting
    if not greeting:
        return replace(state, turn=1), ()
    state = replace(state, phase="replying", outcome="greeted")
    return state, (Say(state.turn, greeting),)


def _barge_in(state: Conversation) -> Step:
    speaking = state.phase in ("replying", "draining")
    if not speaking or not state.policy.interruptible or state.leaving:
        return state, ()
    dropped = DropTurn(state.turn)
    state, commands = _close(state, "interrupted")
    return state, (dropped, *commands)


def _understand(state: Conversation, event: Transcribed | TranscriptFailed) -> Step:
    """A segment's words are here, or will never be."""
    match event:
        case Transcribed(number, text):
            found = Segment(number, text.strip())
        case TranscriptFailed(number, failure, detail):
            found = Segment(number, "", Failed(failure, detail))
    segments = tuple(found if s.number == number else s for s in state.segments)
    kept = tuple(s for s in segments if s.text != "" or s.failed)
    state = replace(state, segments=kept)
    if state.caller_speaks or any(segment.text is None for segment in kept):
        return state, ()
    text = " ".join(segment.text for segment in kept if segment.text)
    failed = next((segment.failed for segment in kept if segment.failed), None)
    state = replace(state, segments=())
    if text:
        lost = (Note("not_understood", failed.detail),) if failed else ()
        state, commands = _take(state, text)
        return state, (*lost, *commands)
    if failed:
        return _apologise(state, failed)
    nothing = (CloseTurn(state.turn, "empty", ""),) if state.phase == "listening" else ()
    state, commands = _next(state)
    return state, (*nothing, *commands)


def _apologise(state: Conversation, failed: Failed) -> Step:
    """The caller spoke and we could not hear it."""
    if state.phase != "listening":
        return state, (Note("not_understood", failed.detail),)
    state = replace(state, phase="replying", outcome="failed")
    return _fall_back(state, failed.failure, failed.detail)


def _take(state: Conversation, text: str) -> Step:
    """The caller has said `text`: answer now, or after what is being said or waits already."""
    queued = replace(state, queued=(*state.queued, text))
    answering, commands = _next(queued)
    if commands:
        return answering, commands
    limit = state.policy.max_queued_turns
    if limit and len(queued.queued) > limit:
        return state, (Note("queue_full", text),)
    return queued, (Note("queued", text),)


def _next(state: Conversation) -> Step:
    """Answer the message that has waited longest, unless the caller is about to say more."""
    if state.phase != "listening" or not state.queued or state.caller_speaks or state.segments:
        return state, ()
    return _reply(replace(state, queued=state.queued[1:]), state.queued[0])


def _reply(state: Conversation, text: str) -> Step:
    policy = state.policy
    kept = history.capped(
        (*state.history, Message("user", text)),
        max_messages=policy.max_history_messages,
        max_tokens=policy.max_history_tokens,
    )
    state = replace(state, phase="replying", outcome="answered", history=kept)
    return state, (Reply(state.turn, history.rendered(policy.system_prompt, kept)),)


def _key(state: Conversation, digit: str) -> Step:
    keyed = state.digits + digit
    if digit == "#":
        return _take_digits(replace(state, digits=keyed))
    return replace(state, digits=keyed, digit_s=state.now_s), ()


def _take_digits(state: Conversation) -> Step:
    keyed = state.digits if state.digits == "#" else state.digits.removesuffix("#")
    spelled = " ".join(keyed)
    state, commands = _take(replace(state, digits=""), f"(The caller pressed {spelled}.)")
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
    if state.phase == "draining" and now_s >= state.playout_end_s + UNCONFIRMED_S:
        lost = " ".join(state.sent[state.heard :])
        state, commands = _end_turn(replace(state, sent=state.sent[: state.heard]))
        return state, (Note("unconfirmed", lost), *commands)
    return state, ()


def _leave(state: Conversation, reason: str) -> Step:
    dropped = DropTurn(state.turn)
    state, commands = _close(state, "interrupted")
    return replace(state, over=True), (dropped, *commands, HangUp(reason))


def _fall_back(state: Conversation, failure: FailureClass, detail: str) -> Step:
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
    return state, (FallBack(tier, failure, detail), Say(state.turn, lines[tier - 1]))


def _settle(state: Conversation) -> Step:
    """End the turn once everything sent has been heard."""
    if state.phase != "draining" or state.heard < len(state.sent):
        return state, ()
    return _end_turn(state)


def _end_turn(state: Conversation) -> Step:
    state, commands = _close(state, state.outcome)
    if state.leaving:
        return replace(state, over=True), (*commands, HangUp("after the last fallback line"))
    state, more = _next(state)
    return state, (*commands, *more)


def _close(state: Conversation, outcome: Outcome) -> Step:
    """Keep what the caller heard of the turn, and retire its number and generation."""
    if state.phase == "listening":
        return state, ()
    heard = " ".join(state.sent[: state.heard])
    kept = (*state.history, Message("assistant", heard)) if heard else state.history
    closed = replace(
        state,
        turn=state.turn + 1,
        generation=state.generation + 1,
        phase="listening",
        history=kept,
        sent=(),
        heard=0,
        playout_end_s=0.0,
    )
    return closed, (CloseTurn(state.turn, outcome, heard),)
