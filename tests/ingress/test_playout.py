"""A turn's speech paced, held and gone on with, by a clock that is handed in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio.pcm import Audio
from conversation.spoken import Position
from ingress.playout import Playout
from ingress.protocols.outputs import AgentSays, PhraseEnd, Play

RATE_HZ = 24_000


def sound(seconds, first=0):
    """Samples that tell their own place."""
    return Audio(np.arange(first, first + round(seconds * RATE_HZ), dtype=np.int16), RATE_HZ)


def phrase(playout, seconds, *, whole=True):
    number = playout.begin(f"phrase {len(playout._lines)}")
    playout.add(number, sound(seconds))
    if whole:
        playout.end(number)
    return number


def a_playout(*seconds, lead_s=0.2, shut=False):
    playout = Playout(1, RATE_HZ, lead_s, shut=shut)
    for each in seconds:
        phrase(playout, each)
    return playout


def played_s(outputs):
    return sum(output.audio.seconds for output in outputs if isinstance(output, Play))


def run_out(playout, now_s=0.0, generation=0):
    """Ask whenever it says; everything that came, and when."""
    came = []
    for _ in range(10_000):
        came += [(now_s, output) for output in playout.due(now_s, generation)]
        if playout.played_out(now_s) or (due_s := playout.due_s()) is None:
            return came
        now_s = max(due_s, now_s + 0.001)
    raise AssertionError("it never ends")


def test_the_first_chunk_leaves_at_once_and_the_lead_is_kept():
    playout = a_playout(1.0)
    first = list(playout.due(5.0, 0))
    assert first[0] == AgentSays(1, 0, "phrase 0")
    assert played_s(first) == pytest.approx(0.2)
    assert list(playout.due(5.05, 0)) == []
    assert playout.due_s() == pytest.approx(5.1)
    assert played_s(playout.due(5.1, 0)) == pytest.approx(0.1)


def test_every_sample_goes_out_once_in_order_and_each_phrase_ends_with_a_mark():
    came = [output for _, output in run_out(a_playout(0.55, 0.03, 0.31))]
    heard = np.concatenate([o.audio.samples for o in came if isinstance(o, Play)])
    assert (heard == np.concatenate([sound(s).samples for s in (0.55, 0.03, 0.31)])).all()
    kinds = [o for o in came if not isinstance(o, Play)]
    assert kinds[:3] == [
        AgentSays(1, 0, "phrase 0"),
        PhraseEnd(1, 0, 0),
        AgentSays(1, 1, "phrase 1"),
    ]
    assert kinds[-1] == PhraseEnd(1, 0, 2)
    assert all(o.audio.seconds >= 0.02 for o in came if isinstance(o, Play))


def test_nothing_of_a_prepared_turn_leaves_before_it_is_released():
    playout = a_playout(1.0, shut=True)
    assert list(playout.due(0, 0)) == [] and playout.due_s() is None
    playout.open()
    assert played_s(playout.due(0, 0)) == pytest.approx(0.2)


def test_held_speech_goes_on_from_the_first_sample_that_was_not_heard():
    playout = a_playout(1.0)
    list(playout.due(0, 0))
    assert playout.hold(0.15)
    assert playout.position(9.0) == Position(0, pytest.approx(0.15))
    assert list(playout.due(9.0, 1)) == []
    playout.open()
    outputs = list(playout.due(10.0, 1))
    assert outputs[0].audio.samples[0] == round(0.15 * RATE_HZ)
    assert run_out(playout, 10.0, 1)[-1][1] == PhraseEnd(1, 1, 0)


def test_a_phrase_that_was_played_whole_is_behind():
    playout = a_playout(0.1, 0.5)
    list(playout.due(0, 0))
    assert playout.position(0.05) == Position(0, pytest.approx(0.05))
    list(playout.due(0.1, 0))
    assert playout.position(0.12) == Position(1, pytest.approx(0.02))
    run_out(playout, 0.12)
    assert playout.position(9.0) == Position(2)


def test_nothing_to_clear_before_anything_was_sent():
    assert not a_playout(1.0).hold(0)
    assert a_playout().position(3.0) == Position()


def test_a_late_phrase_is_an_underrun_and_a_held_one_is_not():
    playout = a_playout(0.1)
    list(playout.due(0, 0))
    phrase(playout, 0.1)
    list(playout.due(0.11, 0))
    assert playout.take_underruns() == 0
    phrase(playout, 0.1)
    list(playout.due(0.5, 0))
    assert playout.take_underruns() == 1
    playout.hold(0.55)
    playout.open()
    list(playout.due(5.0, 1))
    assert playout.take_underruns() == 0


def test_a_phrase_still_being_synthesised_is_neither_ended_nor_played_out_twice():
    playout = Playout(1, RATE_HZ, 0.2, shut=False)
    number = phrase(playout, 0.05, whole=False)
    outputs = list(playout.due(0, 0))
    assert [type(o) for o in outputs] == [AgentSays, Play]
    assert played_s(outputs) == pytest.approx(0.03)  # a frame is kept back, to end the phrase with
    assert playout.played_out(0.06) and not playout.played_out(0.07)
    playout.add(number, sound(0.05))
    playout.end(number)
    assert [type(o) for o in playout.due(0.07, 0)] == [Play, PhraseEnd]
    assert playout.played_out(0.2)


def test_the_next_phrase_is_wanted_once_the_last_one_begins():
    playout = a_playout(0.5, 0.5, shut=True)
    assert playout.phrases_waiting == 2
    playout.open()
    list(playout.due(0, 0))
    assert playout.phrases_waiting == 1
    run_out(playout)
    assert playout.phrases_waiting == 0


@given(
    st.lists(st.integers(1, 40_000), min_size=1, max_size=4),
    st.lists(st.floats(0.0, 0.6), max_size=8),
    st.sampled_from([0.04, 0.2, 1.0]),
)
def test_however_often_it_is_held_every_sample_is_heard_once(lengths, holds, lead_s):
    """What the far end plays until each hold, joined, is the speech."""
    playout = Playout(1, RATE_HZ, lead_s, shut=False)
    for length in lengths:
        number = playout.begin("words")
        playout.add(number, Audio(np.ones(length, np.int16), RATE_HZ))
        playout.end(number)
    now_s, heard_s = 0.0, 0.0
    for after_s in holds:
        end_s, ends_s = now_s + after_s, now_s
        while now_s <= end_s:
            sent_s = played_s(playout.due(now_s, 0))
            ends_s = max(ends_s, now_s) + sent_s
            now_s = max(playout.due_s() or end_s + 1, now_s + 0.001)
        heard_s = sum(lengths[: playout.position(end_s).phrase]) / RATE_HZ
        heard_s += playout.position(end_s).seconds
        playout.hold(end_s)
        playout.open()
        now_s = end_s
    rest_s = played_s(output for _, output in run_out(playout, now_s))
    assert heard_s + rest_s == pytest.approx(sum(lengths) / RATE_HZ, abs=0.001)


def test_speech_of_any_rate_goes_out_at_the_lines():
    playout = Playout(1, 8_000, 0.2, shut=False)
    number = playout.begin("a tone")
    tone = (8_000 * np.sin(np.arange(24_000) * 2 * np.pi * 440 / 24_000)).astype(np.int16)
    for piece in np.split(tone, 8):
        seconds = playout.add(number, Audio(piece, RATE_HZ))
    assert seconds == pytest.approx(1.0, abs=0.003)  # libswresample holds back the last 2 ms or so
    playout.end(number)
    played = [output.audio for _, output in run_out(playout) if isinstance(output, Play)]
    assert {audio.rate_hz for audio in played} == {8_000}
    heard = np.concatenate([audio.samples for audio in played])
    assert len(heard) == pytest.approx(8_000, abs=8)
    peak = np.argmax(np.abs(np.fft.rfft(heard.astype(float))))
    assert abs(peak * 8_000 / len(heard) - 440) < 2


def test_no_chunk_of_a_growing_phrase_is_shorter_than_a_frame():
    playout = Playout(1, RATE_HZ, 0.2, shut=False)
    number, sent, now_s = playout.begin("growing"), [], 0.0
    for _ in range(40):
        playout.add(number, sound(0.0125))
        sent += playout.due(now_s, 0)
        now_s += 0.0125
    playout.end(number)
    sent += [output for _, output in run_out(playout, now_s)]
    lengths = [output.audio.seconds for output in sent if isinstance(output, Play)]
    assert min(lengths) >= 0.02 and sum(lengths) == pytest.approx(0.5)
