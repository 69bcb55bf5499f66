from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from audio import mulaw
from audio.pcm import Audio
from audio.resampling import resample
from audio.voice_activity import (
    QUIET_PEAK,
    QUIET_WINDOWS,
    RATE_HZ,
    WINDOW_SAMPLES,
    SileroModel,
    VoiceActivity,
)

CLIPS = sorted((Path(__file__).parent.parent / "data").glob("librivox-*.wav"))


@pytest.fixture(scope="module")
def model() -> SileroModel:
    return SileroModel()


def telephone(path: Path) -> np.ndarray:
    """A clip as the telephone brings it: 8 kHz, through mu-law."""
    samples, rate_hz = soundfile.read(path, dtype="int16")
    return mulaw.decode(mulaw.encode(resample(Audio(samples, rate_hz), RATE_HZ).samples))


@pytest.mark.parametrize("path", CLIPS, ids=lambda path: path.stem)
def test_speech_is_found(model: SileroModel, path: Path) -> None:
    silence = np.zeros(RATE_HZ, dtype=np.int16)
    probabilities = np.array(VoiceActivity(model).push(np.append(telephone(path), silence)))
    last_second = RATE_HZ // WINDOW_SAMPLES - 8
    assert np.mean(probabilities[:-last_second] > 0.5) > 0.6
    assert np.max(probabilities[-last_second:]) < 0.3


def test_silence_is_not_speech(model: SileroModel) -> None:
    assert max(VoiceActivity(model).push(np.zeros(4 * RATE_HZ, dtype=np.int16))) < 0.1


@pytest.mark.parametrize("loudness", [30, 300, 3_000])
def test_noise_is_not_speech(model: SileroModel, loudness: int) -> None:
    noise = np.random.default_rng(7).normal(0, loudness, 4 * RATE_HZ).astype(np.int16)
    assert np.mean(np.array(VoiceActivity(model).push(noise)) > 0.5) < 0.05


class Counted:
    """The network, and how often it was asked."""

    def __init__(self, model: SileroModel) -> None:
        self._model, self.asked = model, 0

    def __call__(self, windows: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.asked += 1
        return self._model(windows, state)


def unsparing(model: SileroModel, samples: np.ndarray) -> np.ndarray:
    """The network's own opinion of every window."""
    line = np.append(np.zeros(32), samples).astype(np.float32) / 32_768
    state, found = np.zeros((2, 1, 128), np.float32), []
    for at in range(0, len(samples) - WINDOW_SAMPLES + 1, WINDOW_SAMPLES):
        probability, state = model(line[np.newaxis, at : at + 32 + WINDOW_SAMPLES], state)
        found.append(float(probability[0, 0]))
    return np.array(found)


def test_a_lasting_quiet_is_not_worth_asking(model: SileroModel) -> None:
    quiet = np.random.default_rng(7).integers(-QUIET_PEAK, QUIET_PEAK, 8 * RATE_HZ, np.int16)
    counted = Counted(model)
    assert max(VoiceActivity(counted).push(quiet)) < 0.1
    assert counted.asked == QUIET_WINDOWS


def test_the_first_sound_after_a_quiet_is_heard(model: SileroModel) -> None:
    counted = Counted(model)
    activity = VoiceActivity(counted)
    activity.push(np.zeros(40 * WINDOW_SAMPLES, dtype=np.int16))
    sound = np.zeros(WINDOW_SAMPLES, dtype=np.int16)
    for loudest in (QUIET_PEAK + 1, -QUIET_PEAK - 1, -32_768):
        sound[-1] = loudest
        before = counted.asked
        activity.push(sound)
        assert counted.asked == before + 1


@pytest.mark.parametrize("gap_s", [0.3, 2, 9])
def test_the_network_spared_finds_the_same_speech_no_later(
    model: SileroModel, gap_s: float
) -> None:
    gap = np.zeros(int(gap_s * RATE_HZ) // WINDOW_SAMPLES * WINDOW_SAMPLES, dtype=np.int16)
    line = np.concatenate([piece for path in CLIPS for piece in (gap, telephone(path))] + [gap])
    all_asked = unsparing(model, line) > 0.5
    spared = np.array(VoiceActivity(model).push(line)) > 0.5
    assert np.mean(spared == all_asked) > 0.97
    at = 0
    for path in CLIPS:
        at += len(gap)
        windows = slice(at // WINDOW_SAMPLES, at // WINDOW_SAMPLES + 40)
        assert 0 <= np.argmax(spared[windows]) <= np.argmax(all_asked[windows])
        assert spared[windows].any()
        at += len(telephone(path))


def test_one_probability_per_whole_window(model: SileroModel) -> None:
    activity = VoiceActivity(model)
    assert activity.push(np.zeros(WINDOW_SAMPLES - 1, dtype=np.int16)) == []
    assert len(activity.push(np.zeros(1, dtype=np.int16))) == 1
    assert len(activity.push(np.zeros(3 * WINDOW_SAMPLES, dtype=np.int16))) == 3


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 700), min_size=1, max_size=20))
def test_any_split_is_heard_the_same(sizes: list[int]) -> None:
    model = SileroModel()
    clip = telephone(CLIPS[1])[: sum(sizes)]
    activity, at, pieces = VoiceActivity(model), 0, []
    for size in sizes:
        pieces += activity.push(clip[at : at + size])
        at += size
    assert pieces == VoiceActivity(model).push(clip)


def test_calls_share_a_model_but_no_state(model: SileroModel) -> None:
    clip = telephone(CLIPS[1])
    alone = VoiceActivity(model).push(clip)
    loud, quiet = VoiceActivity(model), VoiceActivity(model)
    beside = []
    for at in range(0, len(clip), 160):
        beside += loud.push(clip[at : at + 160])
        quiet.push(np.zeros(160, dtype=np.int16))
    assert beside == alone


def test_missing_weights_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"pip install .*silero-vad"):
        SileroModel(tmp_path / "silero_vad.onnx")


def test_missing_package_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match=r"pip install .*silero-vad"):
        SileroModel()
