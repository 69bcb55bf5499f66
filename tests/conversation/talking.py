"""A conversation under test: events in, commands out, and the events of a plain turn."""

from dataclasses import replace

from conversation.backchannels import BACKCHANNELS
from conversation.events import (
    CallStarted,
    Paused,
    PhraseHeard,
    PhraseSpoken,
    ReplyEnded,
    SpeechEnded,
    SpeechStarted,
    Ticked,
    Transcribed,
    Utterance,
)
from conversation.spoken import Word
from conversation.state import Conversation, Policy
from conversation.turns import advance

POLICY = Policy(
    system_prompt="Be brief.",
    fallback_lines=("Again?", "Hold.", "Bye."),
    backchannels=BACKCHANNELS["en"],
)
SOME = Utterance(0, 9_600, 8_000)
LATER = 80_000  # a sample long after SOME's endpoint


def run(state, *events):
    commands = []
    for event in events:
        state, more = advance(state, event)
        commands += more
    return state, commands


def started(**changes):
    state, _ = run(Conversation(replace(POLICY, **changes)), Ticked(0), CallStarted())
    return state


def utterance(begins=0):
    return Utterance(begins, begins + 9_600, begins + 8_000)


def ended(begins=0, *, complete=True):
    return SpeechEnded(utterance(begins), complete, 500)


def spoken(number=0, text="hello", begins=0):
    """An utterance without a pause before its end: not foreseen."""
    return SpeechStarted(begins), ended(begins), Transcribed(number, text)


def foreseen(number=0, text="hello", begins=0):
    """An utterance whose transcript is there before its end."""
    return SpeechStarted(begins), Paused(utterance(begins)), Transcribed(number, text)


def phrase(attempt, number, text, seconds=1.0, words=None):
    """A phrase whose words last equally long."""
    texts = text.split() if words is None else words
    each = seconds / max(len(texts), 1)
    times = tuple(Word(t, i * each, (i + 1) * each) for i, t in enumerate(texts))
    return PhraseSpoken(attempt, number, text, seconds, times)


def answered(turn, attempt, *texts, generation=None):
    """A reply of some phrases, written and heard."""
    generation = turn - 1 if generation is None else generation
    for number, text in enumerate(texts):
        yield phrase(attempt, number, text)
    yield ReplyEnded(attempt)
    for number in range(len(texts)):
        yield PhraseHeard(turn, generation, number)
