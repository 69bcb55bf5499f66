from dataclasses import replace

import pytest

from loadtest.noticed import Beat, Kind, Noticed, Own, Record, Trouble
from loadtest.step import Step
from loadtest.summary import failings, spread, summed

STEP = Step(calls=3, ramp_s=1.0, duration_s=10.0, begins_s=500.0)


def result(*records: Record, own: Own | None = None):
    return summed(STEP, 7.0, [(0, record) for record in records], own or Own())


def test_percentiles() -> None:
    assert spread([]) is None
    found = spread(float(ms) for ms in range(101))
    assert found and (found.count, found.p50, found.p95, found.p99) == (101, 50, 95, 99)
    assert found.max == 100


def test_only_turns_after_the_ramp_count_but_all_errors_do() -> None:
    found = result(
        Noticed(0, 1.5, 9_000.0, stages_ms={"late": 1.0}, gaps_ms=[99.0]),
        Noticed(0, 1.7, None),
        Noticed(0, 3.0, 700.0, gaps_ms=[80.0, 120.0]),
        Noticed(1, 4.0, 900.0, barged=True, barge_in_ms=180.0),
        Noticed(2, 5.0, None, early=True),
        Trouble(0, 1.7, Kind.MISSED, "first"),
        Trouble(1, 9.0, Kind.MISSED, "second"),
    )
    assert found.first_audio_ms and found.first_audio_ms.count == 2
    assert found.first_audio_ms.p50 == 800
    assert (found.turns, found.missed, found.early, found.ramped_s) == (3, 1, 1, 2.0)
    assert (found.gaps, found.longest_gap_ms, found.stages_ms) == (2, 120.0, {})
    assert found.barge_ins == 1 and found.barge_in_ms and found.barge_in_ms.p95 == 180
    assert found.errors == {"missed": 2} and found.examples == {"missed": "first"}


def test_stages_stand_in_the_order_of_their_times() -> None:
    found = result(
        Noticed(0, 3.0, 1.0, stages_ms={"endpoint": 500.0, "transcript": 300.0, "sent": 510.0}),
        Noticed(0, 4.0, 1.0, stages_ms={"endpoint": 520.0, "transcript": 900.0}),
        Noticed(0, 5.0, 1.0, stages_ms={"endpoint": 520.0, "transcript": 310.0, "sent": 530.0}),
    )
    assert list(found.stages_ms) == ["transcript", "endpoint", "sent"] or list(found.stages_ms) == [
        "transcript",
        "sent",
        "endpoint",
    ]
    assert [one.count for one in found.stages_ms.values()].count(3) == 2
    assert found.stages_ms["transcript"].p50 == 310


def test_calls_of_all_processes_are_active_together() -> None:
    beats = [(0, Beat(0.5, 1)), (1, Beat(0.6, 2)), (0, Beat(1.0, 3)), (1, Beat(9.0, 0))]
    found = summed(STEP, 0.0, beats, Own(cpu_s=4.5))
    assert found.active == [(0.5, 1), (0.6, 3), (1.0, 5), (9.0, 3)]
    assert (found.took_s, found.cpu_share) == (9.0, 0.5)


def test_the_testers_own_lateness_is_of_all_its_frames() -> None:
    own = Own(late_ms=[980, 0], latest_ms=3.0)
    own.add(Own(late_ms=[0, 0, 0, 20], latest_ms=3.9, cpu_s=1.0))
    assert own.late_ms == [980, 0, 0, 20]
    assert (own.late_at_ms(97), own.late_at_ms(99), own.latest_ms) == (1.0, 4.0, 3.9)
    assert Own().late_at_ms(99) == 0


GOOD = result(Noticed(0, 3.0, 700.0), Noticed(0, 4.0, 900.0))


@pytest.mark.parametrize(
    ("found", "slo_ms", "why"),
    [
        (GOOD, 1_000.0, ""),
        (GOOD, None, ""),
        (GOOD, 850.0, "p95 is 890 ms, the objective 850 ms"),
        (result(), None, "no first audio was measured"),
        (replace(GOOD, missed=2), None, "2 missed"),
        (replace(GOOD, errors={"refused": 3}), None, "3 refused"),
        (replace(GOOD, late_p99_ms=21.0), None, "the load tester was late itself"),
        (replace(GOOD, late_p99_ms=20.0), None, ""),
    ],
)
def test_a_step_fails_for_reasons(found, slo_ms: float | None, why: str) -> None:
    told = failings(found, slo_ms, allow_late=False)
    assert bool(told) == bool(why)
    assert not why or told[0].startswith(why)
