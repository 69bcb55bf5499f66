"""What was spoken to the caller, and how much of it was heard: by phrase, second and word. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

CHARACTERS_PER_S = 15.0
"""Of English speech, blanks included: Kokoro's `af_heart` says 14 to 16. Only for phrases whose
engine tells no word times and whose sound is not whole yet."""


@dataclass(frozen=True, slots=True)
class Word:
    """A spoken word and when it sounds, in seconds from the start of its speech."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase as far as it is synthesised; `words` is empty where the engine tells no times."""

    text: str
    seconds: float = 0.0
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a turn's speech: `seconds` into phrase number `phrase`."""

    phrase: int = 0
    seconds: float = 0.0


BEGINNING = Position()


def heard_text(phrases: Sequence[Phrase], position: Position) -> str:
    """The words of a turn that had sounded at a position: those of whole phrases before it, and of
    its own phrase those that were past their middle."""
    texts = [phrase.text for phrase in phrases[: position.phrase]]
    if position.phrase < len(phrases):
        texts.append(_begun(phrases[position.phrase], position.seconds))
    return " ".join(text for text in texts if text)


def unheard_s(phrases: Sequence[Phrase], position: Position) -> float:
    """Seconds of sound that lie behind a position."""
    return sum(phrase.seconds for phrase in phrases[position.phrase :]) - position.seconds


def _begun(phrase: Phrase, seconds: float) -> str:
    words = phrase.words or _evenly(phrase)
    return " ".join(w.text for w in words if (w.start_s + w.end_s) / 2 <= seconds)


def _evenly(phrase: Phrase) -> tuple[Word, ...]:
    """The words at times by their length, for want of the engine's."""
    lasts_s = max(phrase.seconds, len(phrase.text) / CHARACTERS_PER_S)
    per_character_s = lasts_s / max(len(phrase.text), 1)
    words: list[Word] = []
    at = 0
    for text in phrase.text.split():
        at = phrase.text.index(text, at)
        words.append(Word(text, at * per_character_s, (at + len(text)) * per_character_s))
        at += len(text)
    return tuple(words)
