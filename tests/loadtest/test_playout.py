import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from audio import mulaw
from loadtest.playout import Playout


def sound(length: int, value: int = 1) -> bytes:
    """The code of mu-law `value`; `VALUES` has what it sounds as."""
    return bytes([value]) * length


VALUES = mulaw.decode(bytes(range(256))).tolist()


def test_media_plays_in_order_and_in_real_time() -> None:
    line = Playout()
    line.play(sound(100, 1), at=50)
    line.play(sound(100, 2), at=60)
    line.play(sound(100, 3), at=1_000)
    heard = line.heard(0, 1_200)
    assert [int(np.argmax(heard == VALUES[code])) for code in (1, 2, 3)] == [50, 150, 1_000]
    assert not heard[250:1_000].any() and not heard[1_100:].any()
    assert line.buffered(1_050) == 50


def test_a_mark_comes_back_when_what_was_before_it_has_played() -> None:
    line = Playout()
    line.play(sound(160), at=0)
    line.mark("a", at=10)
    line.play(sound(160), at=20)
    line.mark("b", at=20)
    assert line.due(159) == []
    assert line.due(160) == ["a"]
    assert line.due(319) == []
    assert line.due(10_000) == ["b"]
    assert line.due(20_000) == []


def test_a_mark_with_nothing_buffered_comes_back_at_once() -> None:
    line = Playout()
    line.play(sound(160), at=0)
    line.mark("late", at=500)
    assert line.due(500) == ["late"]


def test_clear_empties_the_buffer_and_brings_back_every_mark() -> None:
    line = Playout()
    for name in "abc":
        line.play(sound(160), at=0)
        line.mark(name, at=0)
    assert line.due(200) == ["a"]
    assert line.clear(at=200) == ["b", "c"]
    assert line.due(10_000) == []
    assert line.buffered(200) == 0
    assert line.heard(0, 1_000).sum() == 200 * VALUES[1]
    line.play(sound(10), at=300)
    assert np.flatnonzero(line.heard(250, 400)).tolist() == list(range(50, 60))


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 400)), max_size=20), st.integers(1, 99)
)
def test_any_window_is_a_part_of_the_whole(media: list[tuple[int, int]], step: int) -> None:
    line, at = Playout(), 0
    for later, length in media:
        at += later
        line.play(sound(length, at % 7 + 1), at)
    whole = line.heard(0, line.end + 50)
    assert np.count_nonzero(whole) == sum(length for _, length in media)
    parts = [line.heard(k, min(k + step, len(whole))) for k in range(0, len(whole), step)]
    assert np.array_equal(np.concatenate([whole[:0], *parts]), whole)


def test_a_gap_is_where_the_buffer_ran_dry() -> None:
    line = Playout()
    line.play(sound(160), at=100)
    line.play(sound(160), at=200)  # in time
    line.play(sound(160), at=1_000)
    line.play(sound(160), at=2_000)
    assert line.gaps(0, 5_000) == [(420, 1_000), (1_160, 2_000)]
    assert line.gaps(300, 1_500) == [(420, 1_000)]
    assert line.gaps(420, 1_500) == []
    line.clear(at=1_050)
    assert line.gaps(0, 5_000) == [(420, 1_000)]
    line.forget(before=420)
    assert line.gaps(0, 5_000) == [] and line.heard(1_000, 1_050).all()
