"""Steps of a load test, four times as fast as real time, against a stack's face."""

import asyncio
import time
from dataclasses import replace

import numpy as np
import pytest

from audio.pcm import Audio
from loadtest.noticed import Beat, Kind, Noticed, Record
from loadtest.step import Load, Step, hold_calls
from loadtest.summary import StepResult, failings, summed
from loadtest.talking import Habits
from loadtest.utterance import utterance_of
from tests.loadtest.answering import TONE, Answering, Stack, stack_server, voice

pytestmark = pytest.mark.timed

TALK = Habits((voice(),), think_ms=100, timeout_s=5)


async def held(
    how: Answering, habits: Habits = TALK, *, calls: int = 2, busy: str | None = None, **load: float
) -> tuple[StepResult, list[Record]]:
    records: list[Record] = []
    async with stack_server(Stack(how, busy=busy)) as url:
        step = Step(calls, ramp_s=0.05, duration_s=4.0, begins_s=time.monotonic())
        given = replace(Load(url, [], pace=0.25), **load)
        own = await hold_calls(given, habits, step, range(calls), records.append)
    return summed(step, 0.0, [(0, record) for record in records], own), records


async def test_every_turn_of_every_call_is_noticed() -> None:
    result, records = await held(Answering(greeting=True))
    assert result.first_audio_ms and result.first_audio_ms.p50 >= 200  # ten silent frames
    assert {one.call for one in result.noticed} == {0, 1}
    assert result.turns >= 4
    assert list(result.stages_ms) == ["endpoint", "first_audio"]
    assert result.stages_ms["endpoint"].p95 == 200
    assert (result.missed, result.gaps, result.barge_ins, result.errors) == (0, 0, 0, {})
    beats = [record.active for record in records if isinstance(record, Beat)]
    assert max(beats) == 2 and beats[-1] == 0
    assert sum(result.active[-1:][0][1:]) == 0
    assert failings(result, None, allow_late=True) == []


async def test_a_server_without_texts_is_measured_the_same() -> None:
    result, _ = await held(Answering(texts=False))
    assert result.first_audio_ms and result.first_audio_ms.p50 >= 200
    assert result.turns >= 2 and not result.stages_ms and not result.errors


async def test_a_buffer_that_runs_dry_inside_a_reply_is_a_gap() -> None:
    result, _ = await held(Answering(dry_frames=6, replies=("One.", "Two.", "Three.")))
    whole = [one for one in result.noticed if one.gaps_ms]
    assert whole and all(len(one.gaps_ms) == 2 for one in whole)
    assert result.gaps == sum(len(one.gaps_ms) for one in result.noticed)
    assert result.longest_gap_ms >= 80


async def test_barge_ins_are_answered_and_their_turns_too() -> None:
    how = Answering(replies=("One.", "Two.", "Three.", "Four."))
    result, _ = await held(how, replace(TALK, barge_in_rate=1.0, barge_in_after_ms=300))
    assert result.barge_ins >= 2 and result.barge_in_ms
    assert result.barge_in_ms.count == result.barge_ins
    assert 0 < result.barge_in_ms.p50 < 500
    assert not result.errors and not result.missed


async def test_a_barge_in_that_is_ignored_is_an_error() -> None:
    how = Answering(replies=("One.",) * 8, heeds_barge_in=False)
    long = replace(TALK, utterances=(voice(2.0),), barge_in_rate=1.0, barge_in_after_ms=300)
    result, _ = await held(how, long)
    assert result.errors.get(Kind.BARGE_IN_IGNORED)
    assert result.early  # the agent still speaks when the caller ends: that is no first audio
    assert result.barge_in_ms is None


async def test_a_barge_in_as_the_reply_ends_is_none() -> None:
    how = Answering(replies=("One.",), heeds_barge_in=False)
    result, _ = await held(how, replace(TALK, barge_in_rate=1.0, barge_in_after_ms=400))
    assert result.barge_ins and result.barge_in_ms is None
    assert not result.errors


@pytest.mark.parametrize(
    ("how", "kind", "missed"),
    [
        (Answering(answers=0), Kind.MISSED, True),
        (Answering(outcome="failed"), Kind.FAILED, False),
        (Answering(outcome="empty"), Kind.NOT_UNDERSTOOD, True),
        (Answering(close_after=60), Kind.CLOSED, False),
        (Answering(odd_frames=["no json"]), Kind.FAULT, False),
        (Answering(dry_frames=500), Kind.ENDLESS, False),
    ],
    ids=["silent", "failed", "empty", "closed", "fault", "endless"],
)
async def test_what_goes_wrong_is_told_by_its_kind(
    how: Answering, kind: Kind, missed: bool
) -> None:
    waits = kind in (Kind.MISSED, Kind.ENDLESS)
    result, _ = await held(how, replace(TALK, timeout_s=1) if waits else TALK)
    assert result.errors.get(kind), result.errors
    assert kind in result.examples
    assert bool(result.missed) == missed or kind == Kind.CLOSED
    assert any(kind in why for why in failings(result, None, allow_late=True))


async def test_a_refused_call_is_placed_again_and_told() -> None:
    result, _ = await held(Answering(), busy="All lines are busy.")
    assert result.errors[Kind.REFUSED] >= 2
    assert "All lines are busy." in result.examples[Kind.REFUSED]
    assert not result.turns


async def test_a_server_that_goes_away_is_told_and_waited_for_no_longer_than_the_step() -> None:
    records, answered = list[Record](), asyncio.Event()

    def note(record: Record) -> None:
        records.append(record)
        if isinstance(record, Noticed):
            answered.set()

    step = Step(calls=2, ramp_s=0.05, duration_s=10.0, begins_s=time.monotonic())
    async with asyncio.TaskGroup() as tasks, stack_server(Stack(Answering())) as url:
        load = Load(url, [], pace=0.25)
        holding = tasks.create_task(hold_calls(load, TALK, step, range(2), note))
        await answered.wait()
    result = summed(step, 0.0, [(0, record) for record in records], await holding)
    assert result.errors[Kind.CLOSED] == 2
    assert result.errors[Kind.REFUSED] >= 1  # placed again in vain
    assert "nothing listens" in result.examples[Kind.REFUSED]


async def test_lost_frames_are_not_sent() -> None:
    how = Answering()
    result, _ = await held(how, loss_percent=50.0, seed=7)
    media = how.events("media")
    last = {frame["streamSid"]: int(frame["media"]["chunk"]) for frame in media}  # of each call
    assert 0.35 < len(media) / sum(last.values()) < 0.65
    assert result.turns


async def test_jitter_delays_both_ways_and_keeps_the_order() -> None:
    how, plain = Answering(), Answering()
    result, _ = await held(how, calls=1, jitter_ms=400.0)
    chunks = [int(frame["media"]["chunk"]) for frame in how.events("media")]
    assert chunks == sorted(set(chunks))
    quiet, _ = await held(plain, calls=1)
    assert result.first_audio_ms and quiet.first_audio_ms
    # Endpoint and answer are late by a random time of up to 400 ms each.
    assert result.first_audio_ms.max > quiet.first_audio_ms.p50 + 100


async def test_turns_during_the_ramp_do_not_count() -> None:
    records: list[Record] = []
    async with stack_server(Stack(Answering())) as url:
        step = Step(calls=2, ramp_s=4.0, duration_s=4.0, begins_s=time.monotonic())
        load = Load(url, [], pace=0.25)
        own = await hold_calls(load, TALK, step, range(2), records.append)
    result = summed(step, 0.0, [(0, record) for record in records], own)
    before = [one for one in result.noticed if one.at_s < 4.0]
    assert before and all(one.call == 0 for one in before)
    assert result.turns == len(result.noticed) - len(before) > 0


async def test_a_tester_that_is_late_itself_says_so() -> None:
    class Busy(list[Record]):
        def append(self, record: Record) -> None:
            if isinstance(record, Noticed):
                time.sleep(0.3)  # the machine is busy elsewhere
            super().append(record)

    records = Busy()
    async with stack_server(Stack(Answering(replies=("One.",)))) as url:
        step = Step(calls=4, ramp_s=0.01, duration_s=4.0, begins_s=time.monotonic())
        own = await hold_calls(Load(url, [], pace=0.25), TALK, step, range(4), records.append)
    result = summed(step, 0.0, [(0, record) for record in records], own)
    assert result.late and result.latest_ms > 200
    assert "does not count" in failings(result, None, allow_late=False)[0]
    assert failings(result, None, allow_late=True) == []


async def test_a_pause_in_an_utterance_that_is_answered_early_is_no_first_audio() -> None:
    pause = np.zeros(2_400, np.int16)  # longer than the server waits
    said = np.concatenate([TONE, pause, TONE[:320], np.zeros(800, np.int16)])
    habits = replace(TALK, utterances=(utterance_of(Audio(said, 8_000)),))
    result, _ = await held(Answering(heeds_barge_in=False), habits)
    assert result.early and not result.missed
    assert all(one.first_audio_ms is None or one.first_audio_ms > 100 for one in result.noticed)
