"""The one timed test: what the load tester measures is what the server did, to within 5 ms.

Neither side's word is taken for the other's: the server dates its own answer, and the caller's line
by the frame that came soonest. The median of many turns, so that a busy machine that delays a
message now and then does not decide."""

import time
from statistics import median

import pytest

from loadtest.noticed import Noticed, Record
from loadtest.step import Load, Step, hold_calls
from loadtest.talking import Habits
from tests.loadtest.answering import Answering, Stack, stack_server, voice

pytestmark = pytest.mark.timed
SAID_S = 0.4
WITHIN_MS = 5.0


async def measured(how: Answering, habits: Habits) -> list[Noticed]:
    records: list[Record] = []
    async with stack_server(Stack(how)) as url:
        step = Step(calls=4, ramp_s=0.007, duration_s=10.0, begins_s=time.monotonic())
        await hold_calls(Load(url, []), habits, step, range(4), records.append)
    return [one for one in records if isinstance(one, Noticed)]


async def test_first_audio_is_measured_to_within_5_ms() -> None:
    how = Answering(silent_frames=13, replies=("One.",))
    noticed = await measured(how, Habits((voice(SAID_S),), think_ms=100))
    told = sorted(one.first_audio_ms for one in noticed if one.first_audio_ms is not None)
    known = sorted(
        (one.since_voice_s(one.answered_s) - SAID_S) * 1_000 for one in how.known if one.answered_s
    )
    assert len(told) == len(known) >= 8
    assert median(known) > 260
    errors = [ours - theirs for ours, theirs in zip(told, known, strict=True)]
    assert median(map(abs, errors)) <= WITHIN_MS, errors


async def test_barge_in_to_clear_is_measured_to_within_5_ms() -> None:
    how = Answering(replies=("One.", "Two.", "Three."))
    habits = Habits((voice(SAID_S),), think_ms=100, barge_in_rate=0.9, barge_in_after_ms=200)
    noticed = await measured(how, habits)
    told = sorted(one.barge_in_ms for one in noticed if one.barge_in_ms is not None)
    known = sorted(one.since_voice_s(one.cleared_s) * 1_000 for one in how.known if one.cleared_s)
    assert len(told) == len(known) >= 8
    errors = [ours - theirs for ours, theirs in zip(told, known, strict=True)]
    assert median(map(abs, errors)) <= WITHIN_MS, errors
