"""Silence around a phrase, and the times of its words."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.engines.kokoro import RATE_HZ, speakable
from deployments.engines.trimming import LEAD_S, TAIL_S, trimmed, words_of
from ingress.backends import Word


@dataclass
class Token:
    text: str
    whitespace: str = ""
    start_ts: float | None = None
    end_ts: float | None = None


def spoken(*pieces: tuple[str, str]) -> list[Token]:
    """Tokens of a tenth of a second each."""
    return [Token(text, space, n / 10, (n + 1) / 10) for n, (text, space) in enumerate(pieces)]


def test_punctuation_belongs_to_its_word() -> None:
    tokens = spoken(("Sure", ""), (",", " "), ("I", " "), ("can", ""), (".", ""))
    words = words_of(tokens)
    assert [word.text for word in words] == ["Sure,", "I", "can."]
    assert [(word.start_s, word.end_s) for word in words] == [(0.0, 0.1), (0.2, 0.3), (0.3, 0.4)]


def test_a_word_without_times_stands_between_its_neighbours() -> None:
    words = words_of([Token("a", " ", 0.1, 0.2), Token("$", " "), Token("b", "", 0.3, 0.5)])
    assert words[1] == Word("$", 0.2, 0.2)


PIECES = st.lists(
    st.tuples(
        st.text("abz.,$—'", min_size=1, max_size=5),
        st.sampled_from(["", " "]),
        st.none() | st.floats(0, 9),
        st.none() | st.floats(0, 9),
    ).map(lambda piece: Token(*piece))
)


@given(PIECES)
def test_words_give_back_the_phrase_in_order(tokens: list[Token]) -> None:
    phrase = "".join(token.text + token.whitespace for token in tokens)
    words = words_of(tokens)
    assert " ".join(word.text for word in words).split() == phrase.split()
    assert all(word.start_s <= word.end_s for word in words)
    assert all(a.end_s <= b.start_s for a, b in pairwise(words))


def tone(seconds: float, level: float = 0.3) -> np.ndarray:
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return (level * np.cos(2 * np.pi * 200 * t)).astype(np.float32)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * RATE_HZ), dtype=np.float32)


@given(st.floats(0, 0.5), st.floats(0.05, 0.5), st.floats(0, 0.5))
def test_silence_is_cut_and_times_follow(before_s: float, said_s: float, after_s: float) -> None:
    audio = np.concatenate([silence(before_s), tone(said_s), silence(after_s)])
    word = Word("hello", before_s, before_s + said_s)
    samples, (heard,) = trimmed(audio, [word], RATE_HZ)
    assert samples.dtype == np.int16
    audible = np.flatnonzero(np.abs(samples) > 100)
    lead_s, tail_s = audible[0] / RATE_HZ, (len(samples) - 1 - audible[-1]) / RATE_HZ
    assert lead_s == pytest.approx(min(LEAD_S, before_s), abs=0.002)
    assert tail_s == pytest.approx(min(TAIL_S, after_s), abs=0.002)
    assert heard.start_s == pytest.approx(lead_s, abs=0.002)
    assert heard.end_s == pytest.approx(lead_s + said_s, abs=0.002)


def test_times_stay_within_the_audio() -> None:
    audio = np.concatenate([silence(0.3), tone(0.2), silence(0.5)])
    _, words = trimmed(audio, [Word("early", 0.1, 0.4), Word("late", 0.4, 0.95)], RATE_HZ)
    assert words[0].start_s == 0.0
    assert words[1].end_s == pytest.approx(LEAD_S + 0.2 + TAIL_S, abs=0.001)


def test_silence_alone_is_nothing() -> None:
    samples, words = trimmed(silence(1.0), [Word("hm", 0.1, 0.2)], RATE_HZ)
    assert not len(samples) and words == ()


def test_too_loud_is_clipped_not_wrapped() -> None:
    samples, _ = trimmed(tone(0.1, level=3.0), [], RATE_HZ)
    assert samples.max() == 32_767 and samples.min() == -32_768


@pytest.mark.parametrize("phrase", ["", " ", "...", "—", "?!", "😀", "👍🏽 …", '"', "||"])
def test_nothing_to_say(phrase: str) -> None:
    assert not speakable(phrase)


@pytest.mark.parametrize("phrase", ["a", "7", "Yes!", "é", "%", "& …", "😀 ok"])
def test_something_to_say(phrase: str) -> None:
    assert speakable(phrase)
