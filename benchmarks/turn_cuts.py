"""Recorded speech cut where a caller might stop: at its own pauses, and between any two words.

Owns the cuts and whether the speaker had finished there, which the text's punctuation tells. The
recordings and their words' times are in `benchmarks/data/turns` (README.md there).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from audio import mulaw
from audio.pcm import Samples
from audio.voice_activity import RATE_HZ, WINDOW_SAMPLES, SileroModel, VoiceActivity
from benchmarks.recordings import Recording
from loadtest.utterance import read_utterance

ASKED_AFTER_MS = 120
"""Silence after which the model is asked: early enough to end a turn after 200 ms."""

SHORTEST_PAUSE_MS = 200
"""A shorter one ends no turn, whatever is thought of it."""

_VOICED, _UNVOICED = 0.5, 0.35  # Silero's threshold and its own hysteresis
_SHORTEST_END_MS = 96  # of a recording; less, and it breaks off with the voice
_ASKED_AFTER = RATE_HZ * ASKED_AFTER_MS // 1_000
_WINDOW_MS = WINDOW_SAMPLES * 1_000 // RATE_HZ
_PREROLL = RATE_HZ * 320 // 1_000  # as an utterance is cut out for Whisper
_ENDS_A_SENTENCE, _ENDS_A_CLAUSE = (".", "?", "!"), (":", ";")


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    end_s: float

    @property
    def finished(self) -> bool | None:
        """Whether a speaker who stops here has finished; None where both can be said."""
        if self.text.endswith(_ENDS_A_SENTENCE):
            return not self.text.endswith("...")
        return None if self.text.endswith(_ENDS_A_CLAUSE) else False


@dataclass(frozen=True, slots=True)
class Spoken:
    """A recording as the telephone brings it (int16, 8 kHz, through mu-law), and its words."""

    name: str
    samples: Samples
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """What was heard of a sentence: int16, 8 kHz, `ASKED_AFTER_MS` of silence at its end, and some
    words before the cut to know it by. `pause_ms` is None at a recording's end, where nobody knows,
    and between words, where the speaker made no pause and the line's silence was put."""

    recording: str
    words: str
    samples: Samples
    where: Literal["pause", "end", "between words"]
    finished: bool | None
    pause_ms: int | None


def spoken(folder: Path) -> list[Spoken]:
    """The recordings that `turns.json` in `folder` names, as {file: "word@end_s word@end_s ..."}.
    Raises FileNotFoundError, UnreadableRecording."""
    texts: dict[str, str] = json.loads((folder / "turns.json").read_text())
    return [
        Spoken(Path(file).stem, mulaw.decode(read_utterance(folder / file).payload), words_of(text))
        for file, text in texts.items()
    ]


def ending_of(recording: Recording, silero: SileroModel) -> Cut:
    """A whole recording up to `ASKED_AFTER_MS` behind its last voice."""
    silence = bytes([mulaw.SILENCE]) * (RATE_HZ // 2)
    samples = mulaw.decode(recording.utterance.payload + silence)
    *_, last = cuts(Spoken(recording.name, samples, (Word(recording.words, 0),)), silero)
    return last


def words_of(text: str) -> tuple[Word, ...]:
    """Of "word@end_s word@end_s ...". Raises ValueError for a word without its time."""
    pairs = (timed.rpartition("@") for timed in text.split())
    return tuple(Word(word, float(end_s)) for word, _, end_s in pairs)


def pauses(probabilities: list[float]) -> list[tuple[int, int]]:
    """(first, end) windows of each silence after voice, the last one up to the end."""
    found: list[tuple[int, int]] = []
    since: int | None = None
    voiced = False
    for at, probability in enumerate(probabilities):
        if voiced and probability < _UNVOICED:
            voiced, since = False, at
        elif not voiced and probability > _VOICED:
            voiced = True
            if since is not None:
                found.append((since, at))
    return found if voiced or since is None else [*found, (since, len(probabilities))]


def cuts(recording: Spoken, silero: SileroModel) -> Iterator[Cut]:
    """First those at the recording's own pauses, then those between words. A recording that breaks
    off with the voice has no pause at its end."""
    probabilities = VoiceActivity(silero).push(recording.samples)
    paused: set[int] = set()
    began = 0
    for first, end in pauses(probabilities):
        ends = end == len(probabilities)
        pause_ms = (end - first) * _WINDOW_MS
        if pause_ms < (_SHORTEST_END_MS if ends else SHORTEST_PAUSE_MS):
            continue
        middle_ms = (first + end) / 2 * _WINDOW_MS
        last = sum(word.end_s * 1_000 <= middle_ms for word in recording.words) - 1
        if last < 0:
            continue  # a breath before the first word
        paused.add(last)
        word, at = recording.words[last], first * WINDOW_SAMPLES
        yield Cut(
            recording.name,
            _said(recording, last),
            recording.samples[max(0, began - _PREROLL) : at + _ASKED_AFTER],
            "end" if ends else "pause",
            word.finished,
            None if ends else pause_ms,
        )
        if word.finished is not False:
            began = end * WINDOW_SAMPLES
    yield from _between_words(recording, paused)


def _between_words(recording: Spoken, paused: set[int]) -> Iterator[Cut]:
    """After every word but a sentence's first, and those at which the speaker paused anyway."""
    began, first = 0, 0
    for last, word in enumerate(recording.words):
        at = round(word.end_s * RATE_HZ)
        if word.finished is not False:
            began, first = at, last + 1
        elif last not in paused and last > first:
            heard = recording.samples[max(0, began - _PREROLL) : at]
            silence = np.zeros(_ASKED_AFTER, dtype=np.int16)
            yield Cut(
                recording.name,
                _said(recording, last),
                np.append(heard, silence),
                "between words",
                word.finished,
                None,
            )


def _said(recording: Spoken, last: int) -> str:
    return " ".join(word.text for word in recording.words[max(0, last - 4) : last + 1])
