"""Voice probabilities into utterances."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.endpointing import RATE_HZ, WINDOW_SAMPLES, Endpointer, Thresholds
from conversation.events import SpeechEnded, SpeechStarted

SECOND = RATE_HZ // WINDOW_SAMPLES + 1  # windows


def hear(endpointer, *runs):
    return [
        event
        for probability, windows in runs
        for _ in range(windows)
        for event in endpointer.push(probability)
    ]


def test_an_utterance_has_its_preroll_and_its_tail():
    started, ended = hear(Endpointer(Thresholds()), (0, 40), (0.9, 40), (0, 40))
    assert started == SpeechStarted(40 * WINDOW_SAMPLES)
    assert ended.utterance.first_sample == 40 * WINDOW_SAMPLES - 0.32 * RATE_HZ
    assert ended.utterance.end_sample == 80 * WINDOW_SAMPLES + 0.2 * RATE_HZ
    assert ended.complete and ended.silence_ms == 512


@pytest.mark.parametrize("windows", [1, 2, 3])
def test_a_click_is_not_speech(windows):
    assert hear(Endpointer(Thresholds()), (0, 40), (0.9, windows), (0, 40)) == []


def test_a_short_word_is_speech():
    assert len(hear(Endpointer(Thresholds()), (0, 40), (0.9, 5), (0, 40))) == 2


def test_a_pause_shorter_than_the_endpoint_does_not_end_an_utterance():
    events = hear(Endpointer(Thresholds(silence_ms=500)), (0.9, 40), (0, 15), (0.9, 40), (0, 40))
    assert [type(event) for event in events] == [SpeechStarted, SpeechEnded]


def test_unsure_voice_goes_on_but_does_not_begin():
    assert hear(Endpointer(Thresholds()), (0.4, 100)) == []
    events = hear(Endpointer(Thresholds()), (0.9, 10), (0.4, 100))
    assert [type(event) for event in events] == [SpeechStarted]


def test_hold_music_is_cut_into_segments_that_lose_no_sample():
    endpointer = Endpointer(Thresholds(max_utterance_s=5))
    _, *ends = hear(endpointer, (0.9, 18 * SECOND), (0, 40))
    assert [end.complete for end in ends] == [False, False, False, True]
    pieces = [end.utterance for end in ends]
    for before, after in itertools.pairwise(pieces):
        assert before.end_sample == after.first_sample
        assert before.end_sample - before.first_sample <= 5 * RATE_HZ + WINDOW_SAMPLES


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 40)), max_size=40))
def test_events_alternate_and_utterances_do_not_overlap(runs):
    endpointer, talking, end = Endpointer(Thresholds(max_utterance_s=3)), False, 0
    for event in hear(endpointer, *runs):
        if isinstance(event, SpeechStarted):
            assert not talking
            talking = True
        else:
            assert talking
            talking = not event.complete
            assert end <= event.utterance.first_sample < event.utterance.end_sample
            end = event.utterance.end_sample
    assert endpointer.talking == talking
