"""Words compared with words, and figures with figures. Pure."""

from collections.abc import Iterable, Sequence

import jiwer
import numpy as np
from transformers.models.whisper.english_normalizer import EnglishTextNormalizer


def normalised(text: str) -> str:
    """Lower case, without punctuation, numbers as digits, Mr as mister: by the normaliser that
    Whisper's own word error rates are given with (openai/whisper, `normalizers/english.py`)."""
    words = EnglishTextNormalizer({})(text.replace("-", " ")).split()
    return " ".join(word for word in words if any(map(str.isalnum, word)))


def word_error_rate(pairs: Iterable[tuple[str, str]]) -> float:
    """Errors in all hypotheses by words in all references, of (reference, hypothesis) pairs. An
    empty hypothesis counts every word as lost. Raises ValueError without any reference word."""
    wanted, got = zip(*((normalised(a), normalised(b)) for a, b in pairs), strict=True)
    return float(jiwer.wer(list(wanted), list(got)))


def shared_words(text: str, heard: str) -> float:
    """The part of `text`'s words that are in `heard`, in order, from 0 to 1. Raises ValueError
    for a text without words."""
    wanted = normalised(text)
    return jiwer.process_words(wanted, normalised(heard)).hits / len(wanted.split())


def nearest(text: str, candidates: Sequence[str]) -> int:
    """Index of the candidate that `text` is the likeliest transcript of; the first of equals."""
    rates = [word_error_rate([(candidate, text)]) for candidate in candidates]
    return int(np.argmin(rates))


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Linear between neighbours (numpy's default); None of nothing."""
    return float(np.percentile(values, percent)) if values else None


def medians(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """The median of each key over the rows that have it, in the order of first appearance."""
    keys = dict.fromkeys(key for row in rows for key in row)
    return {key: float(np.median([row[key] for row in rows if key in row])) for key in keys}
