import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio import mulaw
from loadtest.first_audio import AUDIBLE, first_audible, first_audio_ms, last_voiced

MS = 8
TONE = (6_000 * np.sin(np.arange(8_000) * 2 * np.pi * 300 / 8_000)).astype(np.int16)


def line(*pieces: tuple[int, bool]) -> np.ndarray:
    """Milliseconds of silence (False) or tone (True), one after the other."""
    return np.concatenate(
        [TONE[: ms * MS] if sound else np.zeros(ms * MS, np.int16) for ms, sound in pieces]
    )


@settings(deadline=None)
@given(st.integers(0, 900), st.integers(5, 900), st.integers(0, 900))
def test_both_ends_of_a_sound_are_found_within_5_ms(before: int, sound: int, after: int) -> None:
    samples = mulaw.decode(mulaw.encode(line((before, False), (sound, True), (after, False))))
    begins = first_audible(samples)
    assert begins is not None
    assert 0 <= begins - before * MS <= 5 * MS
    assert 0 <= (before + sound) * MS - last_voiced(samples) <= 5 * MS


def test_first_audio_is_from_the_last_voice_to_the_first_sound() -> None:
    heard = line((1_730, False), (400, True), (300, False), (200, True))
    measured = first_audio_ms(heard, spoken_until=1_000 * MS)
    assert measured == pytest.approx(730, abs=5)


def test_sound_before_the_caller_was_done_does_not_count() -> None:
    heard = line((300, True), (700, False), (100, True))
    assert first_audio_ms(heard, spoken_until=500 * MS) == pytest.approx(500, abs=5)


def test_silence_noise_and_a_click_are_no_sound() -> None:
    noise = np.random.default_rng(1).normal(0, AUDIBLE / 4, 8_000).astype(np.int16)
    noise[4_000] = 2_000
    for samples in (np.zeros(8_000, np.int16), noise, np.zeros(0, np.int16)):
        assert first_audible(samples) is None
        assert last_voiced(samples) == 0
        assert first_audio_ms(samples, 0) is None
