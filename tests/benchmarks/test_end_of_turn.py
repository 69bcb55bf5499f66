"""What is made of probabilities and pauses; the figures themselves are the benchmark's."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from audio.voice_activity import RATE_HZ, SileroModel
from benchmarks.end_of_turn import RECORDINGS, Judged, Silences, accuracy, cut_short, rate
from benchmarks.turn_cuts import ASKED_AFTER_MS, Cut, Word, cuts, pauses, spoken, words_of

NOTHING = np.zeros(0, dtype=np.int16)


def judged(probability: float, finished: bool | None, pause_ms: int | None = 300) -> Judged:
    return Judged(Cut("a", "b", NOTHING, "pause", finished, pause_ms), probability)


def test_the_part_taken_for_finished():
    found = [judged(0.2, False), judged(0.5, False), judged(0.9, False), judged(0.4, False)]
    assert rate(found, 0.5) == 0.5
    assert rate([], 0.5) is None


def test_what_the_text_leaves_open_is_neither_right_nor_wrong():
    found = [judged(0.9, True), judged(0.9, False), judged(0.9, None), judged(0.1, None)]
    assert accuracy(found, 0.5) == 0.5
    assert accuracy(found[2:], 0.5) is None


def test_a_turn_is_cut_short_where_the_pause_outlasts_the_silence():
    silences = Silences("toy", 200, 1_200)
    found = [judged(p, False, ms) for p, ms in [(0.9, 200), (0.9, 190), (0.1, 1_199), (0.1, 1_200)]]
    assert cut_short(silences, found) == 0.5


@pytest.mark.parametrize(
    ("text", "finished"),
    [
        ("ends.", True),
        ("ends?", True),
        ("goes", False),
        ("goes,", False),
        ("may;", None),
        ("is...", False),
    ],
)
def test_punctuation_says_whether_it_was_the_end(text: str, finished: bool | None):
    assert Word(text, 1).finished is finished


def test_a_word_keeps_its_time():
    assert words_of("So@0.50 e@mail@1.25") == (Word("So", 0.5), Word("e@mail", 1.25))
    with pytest.raises(ValueError):
        words_of("untimed")


def test_silence_before_the_first_voice_is_no_pause():
    assert pauses([0, 0, 0.9, 0.4, 0.9, 0.3, 0.45, 0.6, 0]) == [(5, 7), (8, 9)]
    assert pauses([0, 0]) == []


@given(st.lists(st.floats(0, 1), max_size=40))
def test_pauses_lie_apart_and_after_voice(probabilities: list[float]):
    found = pauses(probabilities)
    edges = [edge for pause in found for edge in pause]
    assert edges == sorted(edges)
    for first, end in found:
        assert max(probabilities[:first], default=0) > 0.5
        assert max(probabilities[first:end]) <= 0.5


def test_every_recording_is_cut_at_its_pauses_and_between_its_words():
    found = [cut for one in spoken(RECORDINGS) for cut in cuts(one, SileroModel())]
    ends = [cut for cut in found if cut.where == "end"]
    assert len(ends) == len(json.loads((RECORDINGS / "turns.json").read_text()))
    assert {cut.finished for cut in found if cut.where == "between words"} == {False}
    said = {cut.words: cut for cut in found if cut.where == "pause"}
    ask_not = said["my fellow Americans, ask not"]
    assert ask_not.finished is False and math.isclose(ask_not.pause_ms or 0, 1_000, abs_tol=100)
    assert next(cut for cut in ends if cut.recording == "jfk").finished


@pytest.mark.parametrize(("until_s", "ends"), [(4.3, 0), (4.8, 1)])
def test_a_recording_that_breaks_off_with_the_voice_has_no_end(
    tmp_path: Path, until_s: float, ends: int
):
    speech, rate_hz = soundfile.read(RECORDINGS / "jfk.wav", dtype="int16")
    soundfile.write(tmp_path / "cut.wav", speech[: int(until_s * rate_hz)], rate_hz)
    (tmp_path / "turns.json").write_text('{"cut.wav": "Americans,@2.32 ask@3.88 not@4.40"}')
    (recording,) = spoken(tmp_path)
    found = [cut for cut in cuts(recording, SileroModel()) if cut.where == "end"]
    assert len(found) == ends
    for cut in found:
        asked_after = RATE_HZ * ASKED_AFTER_MS // 1_000
        assert np.abs(cut.samples[-asked_after // 2 :]).max() < 800
