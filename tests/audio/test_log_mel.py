"""Whisper's log-mel spectrogram, against transformers' own."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import WhisperFeatureExtractor

from audio.log_mel import BANDS, FRAMES, RATE_HZ, SAMPLES, SECONDS, log_mel

CLIPS = sorted((Path(__file__).parent.parent / "data").glob("librivox-*.wav"))
EXTRACTOR = WhisperFeatureExtractor(chunk_length=SECONDS)


def wanted(samples: np.ndarray) -> np.ndarray:
    """What the extractor makes of the last 8 s, with silence in front."""
    sound = samples[-SAMPLES:].astype(np.float32) / 32_768
    made = EXTRACTOR(
        np.pad(sound, (SAMPLES - len(sound), 0)),
        sampling_rate=RATE_HZ,
        padding="max_length",
        max_length=SAMPLES,
        truncation=True,
        do_normalize=True,
        return_tensors="np",
    )
    return made.input_features[0]


def noise(count: int, loudness: float, offset: int) -> np.ndarray:
    made = np.random.default_rng(count).normal(offset, loudness, count)
    return np.clip(made, -32_768, 32_767).astype(np.int16)


@pytest.mark.parametrize("seconds", [0.1, 0.5, 2.01, None])
@pytest.mark.parametrize("path", CLIPS, ids=lambda path: path.stem)
def test_speech_looks_as_the_extractor_shows_it(path: Path, seconds: float | None) -> None:
    speech, _ = soundfile.read(path, dtype="int16")
    if seconds:
        speech = speech[: int(seconds * RATE_HZ)]
    np.testing.assert_allclose(log_mel(speech), wanted(speech), atol=1e-3)


def test_only_the_last_8_seconds_count() -> None:
    speech = np.concatenate([soundfile.read(path, dtype="int16")[0] for path in CLIPS[:2]])
    assert len(speech) > SAMPLES
    np.testing.assert_array_equal(log_mel(speech), log_mel(speech[-SAMPLES:]))
    np.testing.assert_allclose(log_mel(speech), wanted(speech), atol=1e-3)


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(1, SAMPLES + 5_000) | st.integers(SAMPLES - 900, SAMPLES + 900),
    loudness=st.floats(0, 20_000),
    offset=st.integers(-3_000, 3_000),
)
def test_any_sound_of_any_length(count: int, loudness: float, offset: int) -> None:
    sound = noise(count, loudness, offset)
    made = log_mel(sound)
    assert made.shape == (BANDS, FRAMES) and made.dtype == np.float32
    np.testing.assert_allclose(made, wanted(sound), atol=1e-3)


def test_digital_silence_is_a_floor() -> None:
    np.testing.assert_array_equal(log_mel(np.zeros(100, np.int16)), log_mel(np.zeros(0, np.int16)))
    assert log_mel(np.zeros(100, np.int16)).max() == pytest.approx(-1.5)
