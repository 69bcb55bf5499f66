"""Where a voice has faded, on recorded speech and by construction."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from audio.fading import BLOCK_SAMPLES, RATE_HZ, Fading
from audio.pcm import Audio
from audio.resampling import resample
from audio.voice_activity import SileroModel, VoiceActivity
from conversation.endpointing import Endpointer, Thresholds
from conversation.events import SpeechEnded

CLIPS = sorted((Path(__file__).parent.parent / "data").glob("librivox-*.wav"))
SILENCE = np.zeros(RATE_HZ, np.int16)


def tone(seconds, peak):
    times = np.arange(int(seconds * RATE_HZ))
    return (peak * np.sin(times * 2 * np.pi * 200 / RATE_HZ)).astype(np.int16)


def test_it_tells_the_block_in_which_the_sound_ends():
    fading = Fading()
    fading.push(np.concatenate([tone(0.5, 10_000), SILENCE]))
    assert 0.5 * RATE_HZ <= fading.loud_until < 0.5 * RATE_HZ + BLOCK_SAMPLES


def test_what_is_much_softer_than_the_voice_is_none_of_it():
    fading = Fading()
    fading.push(np.concatenate([tone(0.5, 10_000), tone(0.5, 100)]))  # -40 dB
    assert fading.loud_until <= 0.51 * RATE_HZ
    fading.push(tone(0.1, 400))  # -28 dB
    assert fading.loud_until >= 1.09 * RATE_HZ


def test_a_bang_is_forgotten():
    fading = Fading()
    fading.push(tone(0.064, 32_000))
    for _ in range(20):
        fading.push(SILENCE)
    fading.push(tone(0.1, 200))  # -44 dB of the bang
    assert fading.loud_until >= 20.1 * RATE_HZ


@given(st.lists(st.integers(0, 500), max_size=30))
def test_it_does_not_matter_how_the_line_is_cut(sizes):
    line = np.concatenate([tone(0.3, 9_000), SILENCE[:3_000], tone(0.2, 3_000), SILENCE[:4_000]])
    line = line[: sum(sizes)]
    pieces, whole = Fading(), Fading()
    at = 0
    for size in sizes:
        pieces.push(line[at : at + size])
        at += size
    whole.push(line)
    assert abs(pieces.loud_until - whole.loud_until) <= BLOCK_SAMPLES  # the loudest relaxes between


def ends(line, *, by_loudness):
    """Endpoints of a line: where the voice ended, and how long that took to be told."""
    activity, fading = VoiceActivity(SileroModel()), Fading()
    endpointer, found = Endpointer(Thresholds()), []
    for at in range(0, len(line), 160):
        frame = line[at : at + 160]
        fading.push(frame)
        until = fading.loud_until if by_loudness else None
        events = [e for p in activity.push(frame) for e in endpointer.push(p, until)]
        if by_loudness:
            events += endpointer.wait(at + 160, until)
        found += [at + 160 for event in events if isinstance(event, SpeechEnded)]
    return found


@pytest.mark.parametrize("clip", CLIPS, ids=lambda path: path.stem)
@pytest.mark.parametrize("shift", [0, 100])
def test_recorded_speech_ends_sooner_and_is_split_no_more_often(clip, shift):
    samples, rate_hz = soundfile.read(clip, dtype="int16")
    speech = resample(Audio(samples, rate_hz), RATE_HZ).samples
    noise = np.random.default_rng(1).normal(0, 33, len(speech) + 2 * RATE_HZ + shift)  # -60 dBFS
    line = noise.astype(np.int16)
    line[RATE_HZ + shift :][: len(speech)] += speech
    by_silero, by_both = ends(line, by_loudness=False), ends(line, by_loudness=True)
    assert len(by_both) == len(by_silero)
    assert all(a <= b + 160 for a, b in zip(by_both, by_silero, strict=True))
