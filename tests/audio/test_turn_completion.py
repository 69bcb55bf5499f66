"""smart-turn on recorded speech over the telephone. How often it is right: `benchmarks`."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from audio import mulaw
from audio.pcm import Audio
from audio.resampling import resample
from audio.turn_completion import LONGEST_SAMPLES, RATE_HZ, SmartTurn

ROOT = Path(__file__).parent.parent.parent
CLIPS = sorted((ROOT / "tests" / "data").glob("librivox-*.wav"))


@pytest.fixture(scope="module")
def judge() -> SmartTurn:
    return SmartTurn(ROOT / ".weights" / "smart-turn-v3.2")


def telephone(path: Path) -> np.ndarray:
    """A clip as the telephone brings it: 8 kHz, through mu-law."""
    samples, rate_hz = soundfile.read(path, dtype="int16")
    return mulaw.decode(mulaw.encode(resample(Audio(samples, rate_hz), RATE_HZ).samples))


@pytest.mark.models
def test_a_speaker_who_pauses_in_a_sentence_is_told_from_one_who_has_finished(
    judge: SmartTurn,
) -> None:
    """Pauses of a second and of half a one: "ask not", "can do for you", "do for your country."."""
    speech = telephone(ROOT / "benchmarks" / "data" / "turns" / "jfk.wav")
    ask_not, for_you, country = (judge(speech[: int(s * RATE_HZ)]) for s in (4.6, 7.75, 10.75))
    assert max(ask_not, for_you) < 0.2
    assert country > 0.8


@pytest.mark.models
def test_the_end_of_a_sentence_is_told_from_a_comma_over_the_telephone(judge: SmartTurn) -> None:
    """0870 ends with "for them.", 0880 with "young man," and a pause."""
    to_do_for_them, young_man = (judge(telephone(path)) for path in CLIPS[:2])
    assert young_man < 0.2 and to_do_for_them > 0.8


@pytest.mark.models
def test_what_was_said_before_the_last_8_seconds_is_not_read(judge: SmartTurn) -> None:
    speech = np.concatenate([telephone(path) for path in CLIPS[:3]])
    assert len(speech) > LONGEST_SAMPLES
    assert judge(speech) == judge(speech[-LONGEST_SAMPLES:])


@pytest.mark.models
def test_calls_ask_it_at_once_and_get_their_own_answers(judge: SmartTurn) -> None:
    turns = [telephone(path)[:end] for path in CLIPS for end in (8_000, 20_000)]
    alone = [judge(turn) for turn in turns]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(judge, turns * 3)) == alone * 3
    assert len(set(alone)) == len(alone)


@pytest.mark.models
@settings(max_examples=15, deadline=None)
@given(st.integers(1, LONGEST_SAMPLES + 8_000), st.integers(0, 20_000))
def test_any_sound_gets_a_probability(judge: SmartTurn, count: int, loudness: int) -> None:
    sound = np.random.default_rng(count).normal(0, loudness, count)
    assert 0 <= judge(np.clip(sound, -32_768, 32_767).astype(np.int16)) <= 1


@pytest.mark.models
def test_no_samples_are_refused(judge: SmartTurn) -> None:
    with pytest.raises(ValueError, match="no samples"):
        judge(np.zeros(0, dtype=np.int16))


def test_missing_weights_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"python -m weights smart-turn-v3.2"):
        SmartTurn(tmp_path)
