"""What a step of a load test comes to, and whether it is good enough. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from loadtest.noticed import Beat, Noticed, Own, Record, Trouble
from loadtest.phone import LATE_MS
from loadtest.step import Step


@dataclass(frozen=True, slots=True)
class Spread:
    """Of `count` values in milliseconds; percentiles are interpolated linearly."""

    count: int
    p50: float
    p95: float
    p99: float
    max: float


def spread(values: Iterable[float]) -> Spread | None:
    """None of nothing."""
    if not (given := sorted(values)):
        return None
    p50, p95, p99 = np.percentile(given, (50, 95, 99)).round(1).tolist()
    return Spread(len(given), p50, p95, p99, round(given[-1], 1))


@dataclass(frozen=True, slots=True)
class StepResult:
    """A step's figures. Times are of utterances that ended after the last call had begun, errors
    and missed turns of all. `active` are the calls held at times in seconds since the step
    began, `began_s` since the run began; `cpu_share` is of one core, the tester's own."""

    calls: int
    began_s: float
    ramped_s: float
    took_s: float
    first_audio_ms: Spread | None
    stages_ms: dict[str, Spread]
    turns: int
    missed: int
    early: int
    gaps: int
    longest_gap_ms: float
    barge_ins: int
    barge_in_ms: Spread | None
    errors: dict[str, int]
    examples: dict[str, str]
    late_p99_ms: float
    latest_ms: float
    cpu_share: float
    noticed: list[Noticed] = field(repr=False)
    troubles: list[Trouble] = field(repr=False)
    active: list[tuple[float, int]] = field(repr=False)

    @property
    def late(self) -> bool:
        """The tester was late itself: the step does not count."""
        return self.late_p99_ms > LATE_MS


def summed(
    step: Step, began_s: float, records: Sequence[tuple[int, Record]], own: Own
) -> StepResult:
    """A step's records, each with the number of the process that noticed it."""
    every = [one for _, one in records if isinstance(one, Noticed)]
    troubles = [one for _, one in records if isinstance(one, Trouble)]
    counted = [one for one in every if one.at_s >= step.ramped_s]
    active = _active(records)
    took_s = active[-1][0] if active else 0.0
    return StepResult(
        calls=step.calls,
        began_s=round(began_s, 3),
        ramped_s=step.ramped_s,
        took_s=took_s,
        **_figures(counted),
        missed=sum(one.first_audio_ms is None and not one.early for one in every),
        errors=dict(Counter(str(one.kind) for one in troubles).most_common()),
        examples={str(one.kind): one.text for one in reversed(troubles)},
        late_p99_ms=own.late_at_ms(99),
        latest_ms=round(own.latest_ms, 1),
        cpu_share=round(own.cpu_s / took_s, 3) if took_s else 0.0,
        noticed=every,
        troubles=troubles,
        active=active,
    )


def _figures(counted: list[Noticed]) -> dict[str, Any]:
    gaps = [ms for one in counted for ms in one.gaps_ms]
    return {
        "turns": len(counted),
        "early": sum(one.early for one in counted),
        "first_audio_ms": spread(_known(one.first_audio_ms for one in counted)),
        "stages_ms": _stages(counted),
        "gaps": len(gaps),
        "longest_gap_ms": max(gaps, default=0.0),
        "barge_ins": sum(one.barged for one in counted),
        "barge_in_ms": spread(_known(one.barge_in_ms for one in counted)),
    }


def failings(result: StepResult, slo_p95_ms: float | None, *, allow_late: bool) -> list[str]:
    """Why a step is not good enough, in words; nothing if it is."""
    why: list[str] = []
    first = result.first_audio_ms
    if result.late and not allow_late:
        why.append(
            f"the load tester was late itself ({result.late_p99_ms:.0f} ms at p99): does not count"
        )
    if not first:
        why.append("no first audio was measured")
    elif slo_p95_ms is not None and first.p95 > slo_p95_ms:
        why.append(f"p95 is {first.p95:,.0f} ms, the objective {slo_p95_ms:,.0f} ms")
    if result.missed:
        why.append(f"{result.missed} missed")
    why += [f"{number} {kind}" for kind, number in result.errors.items()]
    return why


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _stages(noticed: list[Noticed]) -> dict[str, Spread]:
    """By their median times: what is prepared ahead may come before the endpoint."""
    names = {name for one in noticed for name in one.stages_ms}
    found = {
        name: spread(one.stages_ms[name] for one in noticed if name in one.stages_ms)
        for name in names
    }
    known = [(name, times) for name, times in found.items() if times]
    return dict(sorted(known, key=lambda item: (item[1].p50, item[0])))


def _active(records: Sequence[tuple[int, Record]]) -> list[tuple[float, int]]:
    """Calls held over time, of all processes together."""
    beats = [(record.at_s, process, record.active) for process, record in records
             if isinstance(record, Beat)]  # fmt: skip
    held: dict[int, int] = {}
    active: list[tuple[float, int]] = []
    for at_s, process, calls in sorted(beats):
        held[process] = calls
        active.append((max(0.0, at_s), sum(held.values())))
    return active
