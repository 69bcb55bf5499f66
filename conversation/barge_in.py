"""The caller speaks while the agent does. Pure.

The agent falls silent at the first voice and keeps the rest of its reply. What lasts, or has words
that are more than a backchannel, is an interruption and drops the turn; a cough or an "mm-hm" does
not, and the agent goes on where it was cut off.
"""

from dataclasses import replace

from conversation.answering import joined, settle
from conversation.backchannels import interrupts
from conversation.commands import Command, DropTurn, Hold, Note, Resume
from conversation.endpointing import samples_in
from conversation.spoken import BEGINNING, Position, unheard_s
from conversation.state import Conversation, Segment, Step
from conversation.turn_end import close, drop

ANSWER_S = 0.7
"""With less than this left to hear, an "okay" answers the reply rather than accompanies it: our
choice. People answer within 0.2 s of a turn's end, before it as often (Stivers et al., 2009)."""


def hold(state: Conversation) -> Step:
    """Voice, while the agent speaks or is about to: be silent until it is clear what it is. A peer
    that names items has fallen silent by itself, and does not go on."""
    speaking = state.phase == "replying" and not state.held
    if not speaking or not state.policy.interruptible or state.leaving:
        return state, ()
    if state.policy.by_items:
        return drop(state) if state.wish.kept else (state, ())
    return replace(state, held=True, generation=state.generation + 1), (Hold(),)


def passing(state: Conversation, text: str) -> bool:
    """Whether words spoken over the agent leave it the floor. Before any of it was heard, there is
    nothing that a backchannel could accompany; a peer that names items has been shown every
    utterance as one."""
    if state.phase != "replying" or state.policy.by_items:
        return False
    policy = state.policy
    least_words = policy.interruption_min_words if policy.interruptible else 1
    if interrupts(text, policy.backchannels, least_words) or (text and unheard(state)):
        return False
    position = max(state.played, Position(state.heard), key=lambda at: (at.phrase, at.seconds))
    almost_over = state.written and unheard_s(state.sent, position) <= ANSWER_S
    return not text or not almost_over


def go_on(state: Conversation, text: str) -> Step:
    """It was nothing, or a word in passing. What had been heard already ends the turn now."""
    noted: tuple[Command, ...] = (Note("backchannel", text),) if text else ()
    if not state.held:
        return state, noted
    state, commands = settle(replace(state, held=False))
    return state, (*noted, *(commands or (Resume(),)))


def interrupt(state: Conversation) -> Step:
    """The caller takes the floor."""
    if not state.held:
        return state, ()
    if continues(state):
        return _continue(state)
    return drop(state)


def continues(state: Conversation) -> bool:
    """Whether the caller only went on after what seemed the end, having heard nothing yet."""
    pause = state.voice_sample - state.endpoint_sample
    soon = pause <= samples_in(state.policy.resume_within_ms)
    return bool(state.answering) and unheard(state) and soon


def unheard(state: Conversation) -> bool:
    """Whether nothing of the turn has been heard."""
    return state.heard == 0 and state.played == BEGINNING


def _continue(state: Conversation) -> Step:
    """Both utterances are one message of the caller's: take the first one back."""
    before = Segment(state.next_segment, text=joined(state.answering))
    asked = state.answering
    there = state.history[-len(asked) :] == asked
    kept = state.history[: -len(asked)] if there else state.history
    turn = state.turn
    state, _ = close(state, "interrupted")
    state = replace(
        state,
        turn=turn,
        history=kept,
        segments=(before, *state.segments),
        next_segment=before.number + 1,
    )
    return state, (DropTurn(), Note("continued", before.text or ""))
