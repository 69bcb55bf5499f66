"""What the caller says: from voice to a message, by segments. Pure.

A segment that ends at a pause is tentative: its transcript lets a reply be prepared, or tells a
backchannel from an interruption, and counts only when the endpoint confirms it.
"""

from dataclasses import replace

from conversation.answering import (
    answer_next,
    asked,
    begun,
    fall_back,
    joined,
    prepare,
    release,
    take,
    warmed,
)
from conversation.barge_in import go_on, hold, interrupt, passing
from conversation.commands import (
    CloseTurn,
    Command,
    Forget,
    Note,
    TellBegun,
    TellStarted,
    TellStopped,
    TellTranscript,
    Transcribe,
    Understood,
)
from conversation.endpointing import RATE_HZ, SpeechEvent, samples_in
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
from conversation.history import Message
from conversation.state import Conversation, Failed, Segment, Step, Untold
from conversation.turn_end import discard, placed


def hear(state: Conversation, event: SpeechEvent) -> Step:
    match event:
        case SpeechStarted() if state.caller_speaks:  # heard by hand in between
            return state, ()
        case SpeechStarted(sample):
            state, told = _begin(replace(state, caller_speaks=True, voice_sample=sample), sample)
            state, held = hold(state)
            return state, (*told, *held)
        case Paused(utterance):
            if not state.held and not (state.policy.prepares and state.phase == "listening"):
                return state, ()
            return _transcribe(state, utterance, tentative=True)
        case SpeechResumed(sample):
            state, forgotten = _forget_tentative(
                replace(state, caller_speaks=True, voice_sample=sample)
            )
            state, discarded = discard(state)
            # A reply that was asked for in the middle of an utterance stands beside it.
            state, held = (state, ()) if state.policy.by_items else hold(state)
            return state, (*forgotten, *discarded, *held)
        case SpeechSustained():
            state, commands = interrupt(state)
            state, more = warmed(state) if commands else (state, ())
            return state, (*commands, *more)
        case SpeechEnded():
            return _end(state, event)


def _begin(state: Conversation, sample: int) -> Step:
    """An utterance of its own."""
    state = replace(state, utterances=state.utterances + 1, unasked=False)
    told = (TellStarted(state.utterance_item, sample),) if state.policy.by_items else ()
    return state, told


def take_back(state: Conversation) -> Step:
    """Nothing is to come of what the caller says just now."""
    now = state.utterance_item if state.caller_speaks else None
    gone = tuple(one for one in state.segments if one.tentative or one.item == now)
    state, commands = discard(replace(state, caller_speaks=False))
    state, more = _without(state, gone)
    return state, (*commands, *more)


def withdraw(state: Conversation, item: str) -> Step:
    """Nothing is to come of an utterance that is over, whether its words are known or not."""
    queued = (tuple(one for one in said if one.item != item) for said in state.queued)
    untold = tuple(one for one in state.untold if one.item != item)
    state = replace(state, queued=tuple(said for said in queued if said), untold=untold)
    return _without(state, tuple(one for one in state.segments if one.item == item))


def _without(state: Conversation, gone: tuple[Segment, ...]) -> Step:
    """What is left may be answered now."""
    kept = tuple(one for one in state.segments if one not in gone)
    state = replace(state, segments=kept)
    state, commands = _resolve(state) if kept else answer_next(state)
    return state, (*(Forget(one.number) for one in gone), *commands)


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
    if told.tentative:
        return _foresee(state, told)
    state, transcripts = _tell(state)
    state, commands = _resolve(state)
    return state, (*transcripts, *commands)


def _tells(segment: Segment) -> bool:
    return segment.text != "" or segment.failed is not None


def _transcribe(
    state: Conversation, utterance: Utterance, *, tentative: bool = False, unasked: bool = False
) -> Step:
    segment = Segment(
        state.next_segment, state.utterance_item, utterance, tentative=tentative, unasked=unasked
    )
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
    if not (said := said_in(state.segments)):
        return state, commands
    state, more = prepare(state, said)
    return state, (*commands, *more)


def said_in(segments: tuple[Segment, ...]) -> tuple[Message, ...]:
    """A message of each utterance that has words."""
    items = dict.fromkeys(one.item for one in segments if one.text)
    return tuple(
        Message("user", text_of(tuple(one for one in segments if one.item == item)), item=item)
        for item in items
    )


def text_of(segments: tuple[Segment, ...]) -> str:
    return " ".join(one.text for one in segments if one.text)


def _end(state: Conversation, event: SpeechEnded) -> Step:
    endpoint = event.utterance.voice_end_sample + samples_in(event.silence_ms)
    begins = event.by_hand and not state.caller_speaks
    state = replace(state, utterances=state.utterances + begins)
    state = replace(state, caller_speaks=not event.complete, endpoint_sample=endpoint)
    state, told = _stop(state, event) if event.complete else (state, ())
    state, commands = _ended(state, event)
    return state, (*told, *commands)


def _stop(state: Conversation, event: SpeechEnded) -> Step:
    """Whatever comes of it, the utterance is over."""
    state = replace(state, unasked=event.by_hand)
    if not state.policy.by_items:
        return state, ()
    item, utterance = state.utterance_item, event.utterance
    seconds = (utterance.end_sample - utterance.first_sample) / RATE_HZ
    state = replace(state, untold=(*state.untold, Untold(item, seconds)))
    state = placed(state, "user", item)
    return state, (TellStopped(item, utterance, event.by_hand),)


def _tell(state: Conversation) -> Step:
    """The transcript of each utterance that is over and of which every word is known."""
    unknown = {one.item for one in state.segments if one.text is None or one.tentative}
    told = tuple(one for one in state.untold if one.item not in unknown)
    state = replace(state, untold=tuple(one for one in state.untold if one not in told))
    return state, tuple(_transcript(state, one) for one in told)


def _transcript(state: Conversation, utterance: Untold) -> TellTranscript:
    its = tuple(one for one in state.segments if one.item == utterance.item)
    failed = next((one.failed.detail for one in its if one.failed), "")
    return TellTranscript(utterance.item, text_of(its), utterance.seconds, failed)


def _ended(state: Conversation, event: SpeechEnded) -> Step:
    tentative = next((one for one in state.segments if one.tentative), None)
    if tentative and event.complete and not tentative.failed:
        confirmed = replace(tentative, tentative=False, unasked=event.by_hand)
        segments = (confirmed if one is tentative else one for one in state.segments)
        state, told = _tell(replace(state, segments=tuple(segments)))
        state, commands = _resolve(state)
        return state, (*told, *commands)
    state, commands = _forget_tentative(state)
    state, discarded = discard(state)
    state, asked = _transcribe(state, event.utterance, unasked=event.by_hand)
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
    said = said_in(spoken)
    failed = next((one.failed for one in spoken if one.failed), None)
    state = replace(state, segments=())
    unasked = all(one.unasked for one in spoken) if spoken else state.unasked
    asks = state.policy.answers and not unasked
    if asks and state.phase == "preparing" and said == state.answering:
        return release(state)
    state, commands = discard(state)
    if not asks:
        state, more = answer_next(asked(state, said))
    elif said:
        state, more = _answer(state, said, failed)
    elif failed:
        state, more = _apologise(state, failed)
    else:
        state, more = _nothing(state, silent=ignored)
    return state, (*commands, *more)


def _answer(state: Conversation, said: tuple[Message, ...], failed: Failed | None) -> Step:
    """Words that were not foreseen at a pause."""
    text = joined(said)
    if passing(state, text):
        return go_on(state, text)
    lost = (Note("not_understood", failed.detail),) if failed else ()
    state, commands = interrupt(state)
    if before := text_of(state.segments):  # a first half that this one continues
        said = (Message("user", f"{before} {text}"),)
    understood = Understood(state.turn, joined(said))
    state, more = take(replace(state, segments=()), said)
    return state, (*lost, *commands, understood, *more)


def _apologise(state: Conversation, failed: Failed) -> Step:
    """The caller spoke and we could not hear it."""
    if state.phase != "listening":
        state, commands = go_on(state, "")
        return state, (Note("not_understood", failed.detail), *commands)
    if state.wished:  # that reply is the answer
        state, commands = answer_next(state)
        return state, (Note("not_understood", failed.detail), *commands)
    state = begun(state, state.policy.wish, outcome="failed")
    told = (TellBegun(state.turn, state.reply_item, state.wish),)
    begins = () if state.wish.spoken else told  # there will be no line of it
    state, commands = fall_back(state, failed.failure, failed.detail)
    return state, (*begins, *commands)


def _nothing(state: Conversation, *, silent: bool) -> Step:
    """A noise without words, or words in passing that were dealt with."""
    closed: tuple[Command, ...] = ()
    if state.phase == "listening" and not silent:
        closed = (CloseTurn(state.turn, "empty", ""),)
    state, commands = go_on(state, "")
    state, more = answer_next(state)
    return state, (*closed, *commands, *more)
