"""What of a synthesised phrase is worth sending: pure cuts of silence, and the times of its words.

Kokoro puts 0.28 to 0.42 s of silence before a phrase's first word and up to 0.5 s after its last:
the caller would wait through both for nothing.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ingress.backends import Word

AUDIBLE = 0.003
"""Of full scale (-50 dB). Kokoro's own silence lies under 1e-6, its softest onsets over 0.01."""
LEAD_S = 0.01
"""Kept before the first audible sample: what begins under the threshold begins softly, without a
click. More would be a wait for what nobody hears."""
TAIL_S = 0.12
"""Kept after the last audible sample: with the next phrase's lead a pause as between clauses."""


class Token(Protocol):
    """A piece of text as misaki gives it (`misaki.token.MToken`); times in seconds or None."""

    text: str
    whitespace: str
    start_ts: float | None
    end_ts: float | None


def words_of(tokens: Iterable[Token]) -> tuple[Word, ...]:
    """The words of a phrase, punctuation joined to them, such that joining them with spaces gives
    the phrase's words. A word without times of its own begins and ends where the last one ended."""
    words: list[Word] = []
    group: list[Token] = []
    for token in tokens:
        group.append(token)
        if token.whitespace:
            words.extend(_word(group, words))
            group = []
    words.extend(_word(group, words))
    return tuple(words)


def _word(group: Sequence[Token], before: Sequence[Word]) -> list[Word]:
    text = " ".join("".join(token.text for token in group).split())
    if not text:
        return []
    spoken = [token for token in group if any(c.isalnum() for c in token.text)] or group
    starts = [token.start_ts for token in spoken if token.start_ts is not None]
    ends = [token.end_ts for token in spoken if token.end_ts is not None]
    last_s = before[-1].end_s if before else 0.0
    start_s = max(min(starts, default=last_s), last_s)
    return [Word(text, start_s, max(max(ends, default=start_s), start_s))]


def trimmed(
    audio: npt.NDArray[np.float32], words: Sequence[Word], rate_hz: int
) -> tuple[npt.NDArray[np.int16], tuple[Word, ...]]:
    """Cut the silence around a phrase and shift its words' times with it.

    `audio` is float of shape (n,) within ±1 (beyond that it is clipped); the result is int16, empty
    where nothing is audible, with every word's times within it.
    """
    audible = np.flatnonzero(np.abs(audio) > AUDIBLE)
    if not len(audible):
        return np.zeros(0, dtype=np.int16), ()
    begin = max(int(audible[0]) - int(LEAD_S * rate_hz), 0)
    end = min(int(audible[-1]) + 1 + int(TAIL_S * rate_hz), len(audio))
    kept = np.clip(audio[begin:end] * 32_767, -32_768, 32_767).astype(np.int16)
    begin_s, length_s = begin / rate_hz, len(kept) / rate_hz

    def within(second: float) -> float:
        return min(max(second - begin_s, 0.0), length_s)

    return kept, tuple(Word(w.text, within(w.start_s), within(w.end_s)) for w in words)
