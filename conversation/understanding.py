"""What the caller says: from voice to a message, by segments. Pure.

A segment that ends at a pause is tentative: its transcript lets a reply be prepared, or tells a
backchannel from an interruption, and counts only when the endpoint confirms it.
"""

from dataclasses import replace

from conversation.answering import answer_next, discard, fall_back, prepare, release, take, warmed
from conversation.barge_in import go_on, hold, interrupt, passing
from conversation.commands import CloseTurn, Command, Forget, Note, Transcribe, Understood
from conversation.endpointing import SpeechEvent, samples_in
from conversation.events import (
    Paused,
    SpeechEnded,
    SpeechResumed,
    SpeechStarted,
    SpeechSustained,
    Transcribed,
    TranscriptFailed,
    Utterance,
)
from conversation.state import Conversation, Failed, Segment, Step


def hear(state: Conversation, event: SpeechEvent) -> Step:
    match event:
        case SpeechStarted(sample):
            return hold(replace(state, caller_speaks=True, voice_sample=sample))
        case Paused(utterance):
            if not state.held and not (state.policy.prepares and state.phase == "listening"):
                return state, ()
            return _transcribe(state, utterance, tentative=True)
        case SpeechResumed(sample):
            state, forgotten = _forget_tentative(
                replace(state, caller_speaks=True, voice_sample=sample)
            )
            state, discarded = discard(state)
            state, held = hold(state)
            return state, (*forgotten, *discarded, *held)
        case SpeechSustained():
            state, commands = interrupt(state)
            state, more = warmed(state) if commands else (state, ())
            return state, (*commands, *more)
        case SpeechEnded():
            return _end(state, event)


def understand(state: Conversation, event: Transcribed | TranscriptFailed) -> Step:
    """A segment's words are here, or will never be."""
    found = next((one for one in state.segments if one.number == event.segment), None)
    if found is None:
        return state, ()
    match event:
        case Transcribed(_, text):
            told = replace(found, text=text.strip())
        case TranscriptFailed(_, failure, detail):
            told = replace(found, text="", failed=Failed(failure, detail))
    segments = (told if one is found else one for one in state.segments)
    state = replace(state, segments=tuple(s for s in segments if s.tentative or _tells(s)))
    return _foresee(state, told) if told.tentative else _resolve(state)


def _tells(segment: Segment) -> bool:
    return segment.text != "" or segment.failed is not None


def _transcribe(state: Conversation, utterance: Utterance, *, tentative: bool = False) -> Step:
    segment = Segment(state.next_segment, utterance, tentative=tentative)
    state = replace(state, next_segment=segment.number + 1, segments=(*state.segments, segment))
    return state, (Transcribe(segment.number, utterance),)


def _foresee(state: Conversation, told: Segment) -> Step:
    """What the caller has said if this pause is the end of it."""
    if told.failed or any(one.text is None or one.failed for one in state.segments):
        return state, ()
    commands: tuple[Command, ...] = ()
    if state.held:
        text = text_of(state.segments)
        if passing(state, text):
            dismissed = (replace(one, dismissed=True) for one in state.segments)
            return go_on(replace(state, segments=tuple(dismissed)), text)
        state, commands = interrupt(state)
    if not (text := text_of(state.segments)):
        return state, commands
    state, more = prepare(state, text)
    return state, (*commands, *more)


def text_of(segments: tuple[Segment, ...]) -> str:
    return " ".join(one.text for one in segments if one.text)


def _end(state: Conversation, event: SpeechEnded) -> Step:
    endpoint = event.utterance.voice_end_sample + samples_in(event.silence_ms)
    state = replace(state, caller_speaks=not event.complete, endpoint_sample=endpoint)
    tentative = next((one for one in state.segments if one.tentative), None)
    if tentative and event.complete and not tentative.failed:
        confirmed = replace(tentative, tentative=False)
        segments = (confirmed if one is tentative else one for one in state.segments)
        return _resolve(replace(state, segments=tuple(segments)))
    state, commands = _forget_tentative(state)
    state, discarded = discard(state)
    state, asked = _transcribe(state, event.utterance)
    return state, (*commands, *discarded, *asked)


def _forget_tentative(state: Conversation) -> Step:
    """The pause was none, or what was heard up to it could not be transcribed."""
    gone = [one for one in state.segments if one.tentative]
    kept = tuple(replace(one, dismissed=False) for one in state.segments if one not in gone)
    return replace(state, segments=kept), tuple(Forget(one.number) for one in gone)


def _resolve(state: Conversation) -> Step:
    """Answer once the caller has ended and every segment is known."""
    waiting = any(segment.text is None for segment in state.segments)
    if state.caller_speaks or waiting:
        return state, ()
    spoken = tuple(one for one in state.segments if not one.dismissed)
    ignored = len(spoken) < len(state.segments)
    text = text_of(spoken)
    failed = next((one.failed for one in spoken if one.failed), None)
    state = replace(state, segments=())
    if state.phase == "preparing" and text == state.answering:
        return release(state)
    state, commands = discard(state)
    if text:
        state, more = _answer(state, text, failed)
    elif failed:
        state, more = _apologise(state, failed)
    else:
        state, more = _nothing(state, silent=ignored)
    return state, (*commands, *more)


def _answer(state: Conversation, text: str, failed: Failed | None) -> Step:
    """Words that were not foreseen at a pause."""
    if passing(state, text):
        return go_on(state, text)
    lost = (Note("not_understood", failed.detail),) if failed else ()
    state, commands = interrupt(state)
    text = f"{text_of(state.segments)} {text}".strip()  # a first half that this one continues
    understood = Understood(state.turn, text)
    state, more = take(replace(state, segments=()), text)
    return state, (*lost, *commands, understood, *more)


def _apologise(state: Conversation, failed: Failed) -> Step:
    """The caller spoke and we could not hear it."""
    if state.phase != "listening":
        state, commands = go_on(state, "")
        return state, (Note("not_understood", failed.detail), *commands)
    state = replace(state, phase="replying", outcome="failed")
    return fall_back(state, failed.failure, failed.detail)


def _nothing(state: Conversation, *, silent: bool) -> Step:
    """A noise without words, or words in passing that were dealt with."""
    closed: tuple[Command, ...] = ()
    if state.phase == "listening" and not silent:
        closed = (CloseTurn(state.turn, "empty", ""),)
    state, commands = go_on(state, "")
    state, more = answer_next(state)
    return state, (*closed, *commands, *more)
