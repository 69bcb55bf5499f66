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
from ingress.hearing import Hearing

CLIPS = sorted((Path(__file__).parent.parent / "data").glob("librivox-*.wav"))
SILENCE = np.zeros(RATE_HZ, np.int16)


def tone(seconds, peak):
    times = np.arange(int(seconds * RATE_HZ))
    return (peak * np.sin(times * 2 * np.pi * 200 / RATE_HZ)).astype(np.int16)


def hear(fading, *sounds, voiced=True):
    """In windows of 32 ms, as Silero takes them."""
    line = np.concatenate(sounds)
    for at in range(0, len(line), 256):
        fading.push(line[at : at + 256])
        fading.judge(voiced=voiced)


def test_it_tells_the_block_in_which_the_sound_ends():
    fading = Fading()
    hear(fading, tone(0.512, 10_000))
    hear(fading, SILENCE, voiced=False)
    assert fading.loud_until == 0.512 * RATE_HZ


def test_what_is_much_softer_than_the_voice_is_none_of_it():
    fading = Fading()
    hear(fading, tone(0.512, 10_000), tone(0.512, 100))  # -40 dB
    assert fading.loud_until <= 0.52 * RATE_HZ
    hear(fading, tone(0.096, 400))  # -28 dB
    assert fading.loud_until >= 1.1 * RATE_HZ


def test_a_bang_that_is_no_voice_makes_no_voice_a_soft_one():
    fading = Fading()
    hear(fading, tone(0.064, 32_000), SILENCE, voiced=False)
    hear(fading, tone(0.096, 200))  # -44 dB of the bang
    assert fading.loud_until >= 1.15 * RATE_HZ


def test_who_speaks_softly_after_a_loud_utterance_is_heard():
    fading = Fading()
    hear(fading, tone(0.512, 32_000), SILENCE)
    fading.begin()
    hear(fading, tone(0.096, 200))
    assert fading.loud_until >= 1.6 * RATE_HZ


@given(st.lists(st.integers(0, 500), max_size=30))
def test_it_does_not_matter_how_the_line_is_cut(sizes):
    line = np.concatenate([tone(0.3, 9_000), SILENCE[:3_000], tone(0.2, 3_000), SILENCE[:4_000]])
    line = line[: sum(sizes)]
    pieces, whole = Fading(), Fading()
    for one in (pieces, whole):
        hear(one, tone(0.032, 9_000))
    at = 0
    for size in sizes:
        pieces.push(line[at : at + size])
        at += size
    whole.push(line)
    assert abs(pieces.loud_until - whole.loud_until) <= BLOCK_SAMPLES  # the loudest relaxes between


def ends(line, *, by_loudness):
    """Where the endpoints of a line were told."""
    if by_loudness:
        hearing = Hearing(SileroModel(), Thresholds())
        return [
            at + 160
            for at in range(0, len(line), 160)
            for event in hearing.push(Audio(line[at : at + 160], RATE_HZ))
            if isinstance(event, SpeechEnded)
        ]
    activity, endpointer, found = VoiceActivity(SileroModel()), Endpointer(Thresholds()), []
    for at in range(0, len(line), 160):
        events = [e for p in activity.push(line[at : at + 160]) for e in endpointer.push(p)]
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


def test_a_quiet_caller_is_heard_after_a_bang():
    samples, rate_hz = soundfile.read(CLIPS[0], dtype="int16")
    speech = resample(Audio(samples, rate_hz), RATE_HZ).samples
    softly = (speech / np.abs(speech).max() * 32_768 * 10 ** (-32 / 20)).astype(np.int16)
    noise = np.random.default_rng(1)
    line = noise.normal(0, 10, len(speech) + 3 * RATE_HZ).astype(np.int16)
    line[2 * RATE_HZ :][: len(speech)] += softly
    alone = len(ends(line, by_loudness=True))
    line[RATE_HZ : RATE_HZ + 800] = noise.normal(0, 14_600, 800).clip(-32_768, 32_767)
    assert len(ends(line, by_loudness=True)) == alone == len(ends(line, by_loudness=False))
