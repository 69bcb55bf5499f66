"""Utterances that the caller's end cuts."""

from hypothesis import given
from hypothesis import strategies as st

from conversation.endpointing import RATE_HZ
from conversation.push_to_talk import PushToTalk


def test_an_utterance_lasts_from_the_last_one_to_the_commit():
    line = PushToTalk(25, 800)
    assert line.push(8_000, 7_200) is None
    ended = line.commit(8_000, 7_200)
    assert (ended.utterance.first_sample, ended.utterance.end_sample) == (800, 8_000)
    assert ended.complete and ended.by_hand and ended.silence_ms == 100
    assert line.commit(16_000, 7_200).utterance.first_sample == 8_000


def test_a_long_one_comes_in_pieces_and_a_long_silence_in_none():
    line = PushToTalk(1)
    piece = line.push(RATE_HZ, RATE_HZ - 80)
    assert piece and not piece.complete and piece.utterance.end_sample == RATE_HZ
    assert line.push(2 * RATE_HZ, RATE_HZ - 80) is None
    assert line.first_sample == 2 * RATE_HZ


@given(st.lists(st.tuples(st.integers(0, 20_000), st.booleans(), st.booleans()), max_size=20))
def test_pieces_follow_each_other_and_are_never_too_long(steps):
    line, heard, voice_end, before = PushToTalk(1), 0, 0, 0
    for samples, voiced, commits in steps:
        for _ in range(samples // 160):
            heard += 160
            voice_end = heard if voiced else voice_end
            if piece := line.push(heard, voice_end):
                assert before <= piece.utterance.first_sample < piece.utterance.end_sample
                assert piece.utterance.end_sample - piece.utterance.first_sample <= RATE_HZ + 160
                before = piece.utterance.end_sample
        if commits:
            ended = line.commit(heard, voice_end)
            assert ended.utterance.voice_end_sample <= ended.utterance.end_sample
            assert line.first_sample == heard
