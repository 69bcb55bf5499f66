"""What of a Whisper pass was really said: pure rules, no model.

Whisper always writes something: for silence the phrases that closed its training videos, for tones
the same word over and over. The model's own doubt (`no_speech_prob`, `avg_logprob`) decides first,
the list of known phrases only where it is in doubt.
"""

import re
import zlib
from dataclasses import dataclass

NO_SPEECH = 0.6
AVG_LOGPROB = -1.0
COMPRESSION_RATIO = 2.4
"""Whisper's own thresholds (openai/whisper, `transcribe`: no_speech_threshold, logprob_threshold,
compression_ratio_threshold)."""

DOUBT_NO_SPEECH = 0.4
DOUBT_LOGPROB = -0.8
"""From here on a phrase of the list below is not believed. Measured on tiny.en through mu-law:
noise, hum, tones and music have no_speech_prob 0.79 to 0.95; read speech 0.01 to 0.05; words
said alone, with noise or quietly, 0.02 to 0.40; a real "Thank you." has avg_logprob over -0.3."""

SURE_LOGPROB = -0.8
SURE_NO_SPEECH = 0.6
"""From here on a short window is believed: measured by `python -m benchmarks transcript`."""

KNOWN = frozenset(
    (
        "you", "oh", "so", "hmm", "mm", "bye", "bye bye", "beep", "foreign", "the end", "thanks",
        "thank you", "thank you very much", "thank you so much", "thanks for watching",
        "thank you for watching", "thanks for listening", "thank you for listening", "subscribe",
        "please subscribe", "like and subscribe", "please subscribe to my channel",
        "to be continued", "see you next time", "see you in the next video",
        "i'll see you next time", "i'll see you in the next video", "music", "applause", "silence",
        "blank audio", "subtitles by the amaraorg community",
    )
)  # fmt: skip

MANY_WORDS = 4
MANY_PHRASES = 3
MANY_NUMBERS = 12
LONGEST_LOOP = 12
"""How often a word, a phrase of several words, and a number come one after the other before it is
a loop, and the longest phrase looked for, in words. Our choice: callers do say "no, no, no", and
read out "zero zero zero zero"."""

NUMBERS = frozenset(
    ("zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
)

_ASIDE = re.compile(r"\[[^\]]*\]|\([^)]*\)|\*[^*]*\*|[♪♫]+")  # [BLANK_AUDIO], (music), *sighs*
_SENTENCES = re.compile(r"[.!?,]+(?:\s|$)")
_WITHIN_WORD = re.compile(r"([^\d\s]{1,12}?)\1{5,}")  # hahahaha…, and scripts without spaces


@dataclass(frozen=True, slots=True)
class Decoded:
    """One pass: its text, the mean log-probability of its tokens, the probability that there was
    no speech at all, and whether it came to an end of its own."""

    text: str
    avg_logprob: float
    no_speech_prob: float
    ended: bool = True


def spoken(decoded: Decoded) -> str:
    """What was said: loops cut, remarks in brackets removed, empty for what is no speech."""
    text = " ".join(_ASIDE.sub(" ", decoded.text).split())
    once = cut_loops(text)
    looped = once != text and compression_ratio(text) > COMPRESSION_RATIO
    no_speech = decoded.no_speech_prob > NO_SPEECH
    if no_speech and (looped or decoded.avg_logprob < AVG_LOGPROB):
        return ""
    in_doubt = decoded.no_speech_prob > DOUBT_NO_SPEECH or decoded.avg_logprob < DOUBT_LOGPROB
    if in_doubt and all(_plain(part) in KNOWN for part in _SENTENCES.split(once) if part.strip()):
        return ""
    return once if any(c.isalnum() for c in once) else ""


def sure(decoded: Decoded) -> bool:
    """Whether what was heard in a short window needs no second hearing in the whole one: the
    model is sure of it, came to an end, and did not say anything twice at the end."""
    return (
        decoded.ended
        and decoded.avg_logprob >= SURE_LOGPROB
        and decoded.no_speech_prob <= SURE_NO_SPEECH
        and not repeats(decoded.text)
    )


def repeats(text: str) -> bool:
    """Whether the text ends in a phrase said twice, its second or third round perhaps broken off,
    or has a loop anywhere. Callers repeat themselves too: it is a doubt, not a verdict."""
    words = [bare for word in text.split() if (bare := _bare(word))]
    for size in range(1, min(LONGEST_LOOP, len(words) // 2) + 1):
        for begin in range(max(0, len(words) - 3 * size), len(words) - 2 * size + 1):
            unit, second = words[begin:][:size], words[begin + size :][:size]
            rest = " ".join(words[begin + 2 * size :])
            if unit == second and " ".join(unit).startswith(rest):
                return True
    return cut_loops(text) != " ".join(text.split())


def compression_ratio(text: str) -> float:
    """How many times shorter zlib makes the text: Whisper's measure of repetition."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 1.0


def cut_loops(text: str) -> str:
    """The text with every loop said once: a word 4 times or more, a phrase of up to 12 words 3
    times or more, a number more than 12 times. A last round that breaks off is cut too."""
    before = ""
    while text != before:
        before, text = text, _cut_once(text)
    return text


def _cut_once(text: str) -> str:
    words = _WITHIN_WORD.sub(r"\1", text).split()
    bare = [_bare(word) or word for word in words]
    kept: list[str] = []
    at = 0
    while at < len(words):
        size, times = _loop_at(bare, at)
        kept.extend(words[at : at + size])
        unit = bare[at : at + size]
        at += size * times
        if times > 1 and bare[at:] == unit[: len(bare) - at]:
            break
    return " ".join(kept)


def _loop_at(bare: list[str], at: int) -> tuple[int, int]:
    """Length in words and number of rounds of the loop that begins here, (1, 1) for none."""
    for size in range(1, min(LONGEST_LOOP, (len(bare) - at) // 2) + 1):
        unit = bare[at : at + size]
        times = 1
        while bare[at + size * times : at + size * (times + 1)] == unit:
            times += 1
        if times >= _many(unit):
            return size, times
    return 1, 1


def _many(unit: list[str]) -> int:
    if all(word in NUMBERS or len(word) == 1 or any(c.isdigit() for c in word) for word in unit):
        return MANY_NUMBERS + 1
    return MANY_WORDS if len(set(unit)) == 1 else MANY_PHRASES


def _bare(word: str) -> str:
    return "".join(c for c in word.lower() if c.isalnum() or c == "'")


def _plain(part: str) -> str:
    return " ".join(bare for word in part.split() if (bare := _bare(word)))
