"""`end-of-turn`: does smart-turn know a finished sentence from a pause, over the telephone?

On recorded people (`benchmarks.turn_cuts`). The target is the rule for a default: it may end no
more turns in the middle of a sentence than silence alone does.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from audio.turn_completion import SmartTurn
from audio.voice_activity import SileroModel
from benchmarks.progress import Told
from benchmarks.recordings import DATA, ROOT, questions
from benchmarks.report import Detail, Figure, Report
from benchmarks.scoring import percentile
from benchmarks.turn_cuts import ASKED_AFTER_MS, Cut, cuts, ending_of, spoken

WEIGHTS = ROOT / ".weights" / "smart-turn-v3.2"
RECORDINGS = DATA / "turns"
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
THRESHOLD = 0.5
STEPS = 2
"""How often `tell` is called."""


@dataclass(frozen=True, slots=True)
class Judged:
    """`probability` that the speaker has finished, and what it took to tell."""

    cut: Cut
    probability: float
    wall_ms: float = 0
    cpu_ms: float = 0


@dataclass(frozen=True, slots=True)
class Silences:
    """How long a silence ends the turn, by what the model says of it."""

    name: str
    finished_ms: int
    unfinished_ms: int
    threshold: float = THRESHOLD

    def wait_ms(self, judged: Judged) -> int:
        finished = judged.probability >= self.threshold
        return self.finished_ms if finished else self.unfinished_ms


SILENCE_ALONE = Silences("silence alone, 500 ms", 500, 500)
TWO_STEPS = Silences("200 ms or 1,200 ms", 200, 1_200)
WAYS = (
    SILENCE_ALONE,
    TWO_STEPS,
    Silences("the same, threshold 0.8", 200, 1_200, 0.8),
    Silences("500 ms or 1,200 ms", 500, 1_200),
)


def end_of_turn(folder: Path, tell: Told) -> Report:
    """Judge every cut of the recordings in `folder`. Raises FileNotFoundError without weights."""
    model, silero = SmartTurn(WEIGHTS), SileroModel()
    found = [_judge(model, cut) for one in spoken(folder) for cut in cuts(one, silero)]
    tell(f"{len(found)} cuts")
    asked = [_judge(model, ending_of(one, silero)) for one in questions()]
    tell(f"{len(asked)} questions")
    own = [one for one in found if one.cut.where != "between words"]
    between = [one for one in found if one.cut.where == "between words"]
    paused = [one for one in own if one.cut.pause_ms is not None and one.cut.finished is False]
    ended = [one for one in own if one.cut.finished]
    alone = cut_short(SILENCE_ALONE, paused)
    figures = [
        *_rates(own, between, THRESHOLD),
        Figure("of these right", accuracy(own + between, THRESHOLD)),
        Figure("synthetic questions taken for finished", rate(asked, THRESHOLD)),
        Figure("turns cut short at pauses, two steps", cut_short(TWO_STEPS, paused), at_most=alone),
        Figure("turns cut short at pauses, silence alone", alone),
        Figure("a pause, median", percentile([one.wall_ms for one in found], 50), "ms"),
        Figure("a pause, p95", percentile([one.wall_ms for one in found], 95), "ms"),
        Figure("a pause, median of CPU time", percentile([one.cpu_ms for one in found], 50), "ms"),
    ]
    details = [_pauses(own), _by_threshold(own, between), _by_way(paused, ended)]
    notes = [f"asked after {ASKED_AFTER_MS} ms of silence, on one thread"]
    return Report("end-of-turn", figures, details, notes)


def rate(judged: Sequence[Judged], threshold: float) -> float | None:
    """The part that is taken for finished; None of nothing."""
    if not judged:
        return None
    return sum(one.probability >= threshold for one in judged) / len(judged)


def accuracy(judged: Sequence[Judged], threshold: float) -> float | None:
    """The part that is judged as the text is punctuated, of those that it decides."""
    decided = [one for one in judged if one.cut.finished is not None]
    if not decided:
        return None
    right = sum((one.probability >= threshold) == one.cut.finished for one in decided)
    return right / len(decided)


def cut_short(silences: Silences, paused: Sequence[Judged]) -> float | None:
    """The part of pauses within a sentence that end the turn, as long as the speaker made them."""
    if not paused:
        return None
    ended = sum((one.cut.pause_ms or 0) >= silences.wait_ms(one) for one in paused)
    return ended / len(paused)


def _judge(model: SmartTurn, cut: Cut) -> Judged:
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    probability = model(cut.samples)
    wall_ms = (time.perf_counter() - wall_s) * 1_000
    return Judged(cut, probability, wall_ms, (time.process_time() - cpu_s) * 1_000)


def _rates(own: list[Judged], between: list[Judged], threshold: float) -> list[Figure]:
    finished = [one for one in own if one.cut.finished]
    unfinished = [one for one in own if one.cut.finished is False]
    missed = rate(finished, threshold)
    return [
        Figure(
            "pauses within a sentence taken for its end",
            rate(unfinished, threshold),
            f"of {len(unfinished)}",
        ),
        Figure(
            "cuts between words taken for an end", rate(between, threshold), f"of {len(between)}"
        ),
        Figure(
            "sentences' ends taken for a pause",
            None if missed is None else 1 - missed,
            f"of {len(finished)}",
        ),
    ]


def _pauses(own: list[Judged]) -> Detail:
    told = {True: "finished", False: "unfinished", None: "either"}
    rows = [
        (
            one.cut.recording,
            one.cut.words,
            one.cut.pause_ms,
            told[one.cut.finished],
            one.probability,
        )
        for one in own
    ]
    columns = ("recording", "words before", "pause, ms", "the text says", "probability")
    return Detail("at the recordings' own pauses and ends", columns, rows)


def _by_threshold(own: list[Judged], between: list[Judged]) -> Detail:
    rows = [
        (
            threshold,
            accuracy(own + between, threshold),
            *(figure.value for figure in _rates(own, between, threshold)),
        )
        for threshold in THRESHOLDS
    ]
    columns = ("threshold", "right", "pauses as ends", "cuts as ends", "ends as pauses")
    return Detail("by threshold", columns, rows)


def _by_way(paused: list[Judged], ended: list[Judged]) -> Detail:
    rows = [
        (
            way.name,
            cut_short(way, paused),
            sum(way.wait_ms(one) for one in ended) / len(ended) if ended else None,
        )
        for way in WAYS
    ]
    columns = ("silence that ends a turn", "turns cut short", "wait at ends, mean ms")
    return Detail(f"what {len(paused)} pauses and {len(ended)} ends come to", columns, rows)
