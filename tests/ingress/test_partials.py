"""When a partial transcript is due, with a human voice and the real voice activity."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio.pcm import Audio, Samples
from audio.resampling import resample
from audio.voice_activity import SileroModel
from configs.schema import Listening
from conversation.events import Utterance
from ingress.hearing import Hearing, thresholds_of
from ingress.partials import COVERS_MS, Partials
from ingress.protocols.inputs import Listen

SENTENCE = Path(__file__).parents[1] / "data" / "librivox-0880.wav"
EVERY_MS, FRAME_S = 200, 0.02
FINAL = COVERS_MS / 1_000


def frames(rate_hz: int) -> list[Samples]:
    """A second of silence on both sides of it."""
    samples, file_hz = soundfile.read(SENTENCE, dtype="int16")
    voice = resample(Audio(samples, file_hz), rate_hz).samples
    still = np.zeros(rate_hz, np.int16)
    line, step = np.concatenate([still, voice, still]), round(rate_hz * FRAME_S)
    return [line[at : at + step] for at in range(0, len(line), step)]


def partials(rate_hz: int, *, by_hand: bool) -> list[Utterance]:
    """What is transcribed at once, so that none is in flight."""
    listening = Listening()
    hearing = Hearing(SileroModel(), thresholds_of(listening), rate_hz)
    list(hearing.listen(Listen(thresholds_of(listening), by_hand=by_hand)))
    due, found = Partials(hearing, EVERY_MS), list[Utterance]()
    for frame in frames(rate_hz):
        list(hearing.push(Audio(frame, rate_hz)))
        if hearing.talking and (utterance := due.due(in_flight=False)):
            found.append(utterance)
    return found


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000])
def test_words_can_grow_as_long_as_there_is_a_voice_at_every_rate(rate_hz: int, by_hand: bool):
    found = partials(rate_hz, by_hand=by_hand)
    voiced = found[-1].voice_end_sample - found[0].end_sample
    assert len(found) > 0.5 * voiced / 8 / EVERY_MS
    gaps = np.diff([utterance.end_sample for utterance in found]) / 8
    assert gaps.max() < 3 * EVERY_MS, gaps


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
def test_the_last_one_has_all_the_words(rate_hz: int):
    last = partials(rate_hz, by_hand=False)[-1]
    assert last.end_sample - last.voice_end_sample >= FINAL * 8_000
