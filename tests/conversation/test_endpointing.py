"""Voice probabilities into utterances."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.endpointing import RATE_HZ, WINDOW_SAMPLES, Endpointer, Thresholds
from conversation.events import (
    Paused,
    SpeechEnded,
    SpeechResumed,
    SpeechStarted,
    SpeechSustained,
)

SECOND = RATE_HZ // WINDOW_SAMPLES + 1  # windows


def hear(endpointer, *runs):
    return [
        event
        for probability, windows in runs
        for _ in range(windows)
        for event in endpointer.push(probability)
    ]


def turns(events):
    return [event for event in events if isinstance(event, SpeechStarted | SpeechEnded)]


def test_an_utterance_has_its_preroll_and_its_tail():
    started, ended = turns(hear(Endpointer(Thresholds()), (0, 40), (0.9, 40), (0, 40)))
    assert started == SpeechStarted(40 * WINDOW_SAMPLES)
    assert ended.utterance.first_sample == 40 * WINDOW_SAMPLES - 0.32 * RATE_HZ
    assert ended.utterance.end_sample == 80 * WINDOW_SAMPLES + 0.2 * RATE_HZ
    assert ended.complete and ended.silence_ms == 512


@pytest.mark.parametrize("windows", [1, 2, 3])
def test_a_click_is_not_speech(windows):
    assert hear(Endpointer(Thresholds()), (0, 40), (0.9, windows), (0, 40)) == []


def test_a_short_word_is_speech():
    assert len(turns(hear(Endpointer(Thresholds()), (0, 40), (0.9, 5), (0, 40)))) == 2


def test_a_pause_shorter_than_the_endpoint_does_not_end_an_utterance():
    events = hear(Endpointer(Thresholds(silence_ms=500)), (0.9, 40), (0, 15), (0.9, 40), (0, 40))
    assert [type(event) for event in turns(events)] == [SpeechStarted, SpeechEnded]


def test_unsure_voice_goes_on_but_does_not_begin():
    assert hear(Endpointer(Thresholds()), (0.4, 100)) == []
    events = hear(Endpointer(Thresholds()), (0.9, 10), (0.4, 100))
    assert [type(event) for event in turns(events)] == [SpeechStarted]


def test_hold_music_is_cut_into_segments_that_lose_no_sample():
    endpointer = Endpointer(Thresholds(max_utterance_s=5))
    _, *ends = turns(hear(endpointer, (0.9, 18 * SECOND), (0, 40)))
    assert [end.complete for end in ends] == [False, False, False, True]
    pieces = [end.utterance for end in ends]
    for before, after in itertools.pairwise(pieces):
        assert before.end_sample == after.first_sample
        assert before.end_sample - before.first_sample <= 5 * RATE_HZ + WINDOW_SAMPLES


def test_a_pause_is_told_once_and_then_the_end():
    events = hear(Endpointer(Thresholds()), (0.9, 40), (0, 40))
    assert [type(event) for event in events] == [
        SpeechStarted, SpeechSustained, Paused, SpeechEnded
    ]  # fmt: skip
    pause, end = events[2].utterance, events[3].utterance
    assert pause.voice_end_sample == end.voice_end_sample == 40 * WINDOW_SAMPLES
    assert pause.end_sample == 44 * WINDOW_SAMPLES  # 128 ms later


def test_speech_that_goes_on_is_told_and_pauses_anew():
    events = hear(Endpointer(Thresholds()), (0.9, 10), (0, 6), (0.9, 10), (0, 40))
    kinds = [type(event) for event in events]
    assert kinds == [SpeechStarted, Paused, SpeechResumed, Paused, SpeechEnded]
    assert events[2].sample == 16 * WINDOW_SAMPLES
    assert events[1].utterance.first_sample == events[3].utterance.first_sample


def test_a_click_in_a_pause_neither_resumes_nor_delays_the_end():
    events = hear(Endpointer(Thresholds()), (0.9, 10), (0, 6), (0.9, 1), (0, 9))
    assert [type(event) for event in events] == [SpeechStarted, Paused, SpeechEnded]
    assert events[2].silence_ms == 512


@pytest.mark.parametrize(("complete", "silence_ms"), [(True, 224), (False, 1_216)])
def test_a_complete_sentence_ends_early_and_an_incomplete_one_late(complete, silence_ms):
    endpointer = Endpointer(Thresholds())
    (*_, pause) = hear(endpointer, (0.9, 10), (0, 4))
    endpointer.judge(pause.utterance, complete=complete)
    assert hear(endpointer, (0, 80))[-1].silence_ms == silence_ms


def test_silence_counts_from_where_the_voice_has_faded_though_the_model_still_believes_in_it():
    endpointer = Endpointer(Thresholds(silence_ms=200))
    events = hear(endpointer, (0.9, 39))
    faded = 40 * WINDOW_SAMPLES - 64
    events += endpointer.push(0.9, faded)
    for window in range(40, 47):
        events += endpointer.push(0.9, faded)
        events += endpointer.wait((window + 1) * WINDOW_SAMPLES + 160, faded)
    *_, pause, end = events
    assert type(pause) is Paused and pause.utterance.voice_end_sample == faded
    assert type(end) is SpeechEnded and 200 <= end.silence_ms < 232


def test_a_frame_ends_the_silence_within_a_window():
    endpointer = Endpointer(Thresholds(silence_ms=200))
    hear(endpointer, (0.9, 40), (0, 5))
    heard = 45 * WINDOW_SAMPLES
    assert [*endpointer.wait(heard + 160, 40 * WINDOW_SAMPLES)] == []  # 180 ms
    (end,) = endpointer.wait(heard + 320, 40 * WINDOW_SAMPLES)
    assert end.silence_ms == 200 and not endpointer.talking


def test_a_loud_line_ends_nothing_by_itself():
    endpointer = Endpointer(Thresholds(silence_ms=200))
    hear(endpointer, (0.9, 40), (0, 5))
    assert [*endpointer.wait(45 * WINDOW_SAMPLES + 240, 45 * WINDOW_SAMPLES + 192)] == []


def test_a_voice_that_goes_on_is_not_ended_by_the_frame_before_its_second_window():
    endpointer = Endpointer(Thresholds(silence_ms=200))
    hear(endpointer, (0.9, 40), (0, 5))
    line = 46 * WINDOW_SAMPLES
    assert [*endpointer.push(0.9, line)] == [] == [*endpointer.wait(line + 250, line)]
    assert [type(event) for event in endpointer.push(0.9, line + WINDOW_SAMPLES)] == [SpeechResumed]


def test_a_judgement_of_an_earlier_pause_counts_no_more():
    endpointer = Endpointer(Thresholds())
    (*_, pause) = hear(endpointer, (0.9, 10), (0, 4))
    hear(endpointer, (0.9, 10), (0, 4))
    endpointer.judge(pause.utterance, complete=True)
    assert hear(endpointer, (0, 80))[-1].silence_ms == 512


def test_a_voice_that_lasts_is_told_once():
    events = hear(Endpointer(Thresholds(interruption_ms=320)), (0.9, 100))
    assert [type(event) for event in events] == [SpeechStarted, SpeechSustained]
    events = hear(Endpointer(Thresholds(interruption_ms=320)), (0.9, 9), (0, 5), (0.9, 9), (0, 5))
    assert SpeechSustained not in map(type, events)  # two short ones are not a long one


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 40)), max_size=40))
def test_events_alternate_and_utterances_do_not_overlap(runs):
    endpointer, talking, paused, end = Endpointer(Thresholds(max_utterance_s=3)), False, False, 0
    for event in hear(endpointer, *runs):
        assert talking != isinstance(event, SpeechStarted)
        match event:
            case SpeechStarted():
                talking = True
            case Paused(utterance):
                assert not paused
                paused = True
                assert end <= utterance.first_sample < utterance.end_sample
            case SpeechResumed():
                assert paused
                paused = False
            case SpeechEnded(utterance, complete):
                talking, paused = not complete, paused and not complete
                assert end <= utterance.first_sample < utterance.end_sample
                end = utterance.end_sample
    assert endpointer.talking == talking
