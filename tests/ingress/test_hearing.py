"""A line that is heard by a voice's pauses, by hand, and the one after the other."""

import numpy as np

from audio.pcm import Audio
from conversation.endpointing import Thresholds
from conversation.events import SpeechEnded, SpeechStarted
from ingress.hearing import Hearing
from ingress.protocols.inputs import Listen
from tests.ingress.line import SILERO, recorded

SPEECH = recorded()
SHORT = Thresholds(max_utterance_s=2)


def silence(seconds: float) -> Audio:
    return Audio(np.zeros(round(seconds * 8_000), np.int16), 8_000)


def by_hand() -> Hearing:
    hearing = Hearing(SILERO, SHORT)
    assert not list(hearing.listen(Listen(SHORT, by_hand=True)))
    return hearing


def test_a_long_press_that_is_left_for_voices_is_over_when_nobody_speaks():
    hearing = by_hand()
    pieces = [*hearing.push(SPEECH), *hearing.push(silence(1.5))]
    assert pieces and not any(piece.complete for piece in pieces)
    (ended,) = hearing.listen(Listen(SHORT))
    assert isinstance(ended, SpeechEnded) and ended.complete and ended.by_hand
    assert ended.utterance.first_sample == pieces[-1].utterance.end_sample


def test_it_goes_on_while_somebody_speaks():
    hearing = by_hand()
    assert list(hearing.push(SPEECH))
    (begun,) = hearing.listen(Listen(SHORT))
    assert isinstance(begun, SpeechStarted)
    assert any(isinstance(e, SpeechEnded) and e.complete for e in hearing.push(silence(1)))


def test_what_was_taken_back_needs_no_end():
    hearing = by_hand()
    assert [*hearing.push(SPEECH), *hearing.push(silence(1.5))]
    hearing.take_back()
    assert not list(hearing.listen(Listen(SHORT)))


def test_wide_sound_is_kept_as_it_is_and_cut_at_the_same_places():
    narrow, wide = Hearing(SILERO, Thresholds()), Hearing(SILERO, Thresholds(), 16_000)
    twice = Audio(np.repeat(SPEECH.samples, 2), 16_000)
    quiet = Audio(np.zeros(16_000, np.int16), 16_000)
    ends = []
    for hearing, sounds in ((narrow, (SPEECH, silence(1))), (wide, (twice, quiet))):
        for sound in sounds:
            for event in hearing.push(sound):
                if isinstance(event, SpeechEnded):
                    ends.append((event.utterance, hearing.audio_of(event.utterance)))
    (first, narrow_sound), (second, wide_sound) = ends
    assert abs(first.voice_end_sample - second.voice_end_sample) <= 400
    assert (narrow_sound.rate_hz, wide_sound.rate_hz) == (8_000, 16_000)
    assert abs(len(wide_sound.samples) - 2 * len(narrow_sound.samples)) <= 1_600
