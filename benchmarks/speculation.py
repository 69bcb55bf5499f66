"""`speculation`: what a caller waits, against the sum of the stages that the answer takes.

Two stacks one after the other in one run, each of the same config: the first with speculation and
partial transcripts off, so that every stage runs alone and after the one before it; the second as
it ships. Both are asked the same questions by the same caller.
"""

import asyncio
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from itertools import cycle, islice, pairwise
from pathlib import Path

import yaml
from rich.console import Console

from benchmarks.calling import Answer, hold_call
from benchmarks.elsewhere import Elsewhere
from benchmarks.first_audio import WARMING_TURNS
from benchmarks.progress import Told, progress
from benchmarks.recordings import short_questions
from benchmarks.report import Detail, Figure, Report
from benchmarks.running_stack import RunningStack, running_stack
from benchmarks.scoring import medians, percentile

AT_MOST_OF_SUM = 0.9
MEDIAN_MS = 1_000.0
OFF = {"prepare_after_ms": 0, "partial_every_ms": 0}
WHO = {
    "endpoint": "silence",
    "transcript": "Whisper",
    "first_token": "the model's first token",
    "first_phrase": "the first phrase's tokens",
    "first_audio": "Kokoro, the first phrase",
}


def speculation(config: Path, turns: int, console: Console) -> Report:
    """Raises NoStack, CallRefused."""
    with without_speculation(config) as off:
        alone = _asked(off, turns, console, "one after the other")
    shipped = _asked(config, turns, console, "as it ships")
    stages = medians([one.noticed.stages_ms for one in alone.answers])
    sum_ms = stages.get("first_audio")
    ear_ms = percentile(alone.waits(), 50)
    median_ms = percentile(shipped.waits(), 50)
    ratio = median_ms / sum_ms if median_ms and sum_ms else None
    figures = [
        Figure("sum of the stages, each alone", sum_ms, "ms"),
        Figure("first audio without speculation, median", ear_ms, "ms"),
        Figure("first audio, median", median_ms, "ms", at_most=MEDIAN_MS),
        Figure("first audio, p95", percentile(shipped.waits(), 95), "ms"),
        Figure("first audio by the sum of the stages", ratio, at_most=AT_MOST_OF_SUM),
        Figure("turns answered", len(shipped.waits()), f"of {turns}", at_least=turns),
    ]
    after = medians([one.noticed.stages_ms for one in shipped.answers])
    notes = [*alone.notes, *shipped.notes]
    return Report("speculation", figures, [_table(stages, after)], notes)


class Asked:
    """The turns of one call that count, and what was noticed meanwhile."""

    def __init__(self, answers: list[Answer], notes: list[str]) -> None:
        self.answers, self.notes = answers, notes

    def waits(self) -> list[float]:
        return [ms for one in self.answers if (ms := one.noticed.first_audio_ms) is not None]


def _asked(config: Path, turns: int, console: Console, what: str) -> Asked:
    with (
        running_stack(None, config, console) as stack,
        progress(console, what, turns + WARMING_TURNS) as tell,
    ):
        return asyncio.run(_call(stack, turns, tell))


async def _call(stack: RunningStack, turns: int, tell: Told) -> Asked:
    said = list(islice(cycle(short_questions()), WARMING_TURNS + turns))
    elsewhere = Elsewhere(stack.processes())
    held = await hold_call(
        stack.url, said, lambda one: tell(f"{one.noticed.first_audio_ms or 0:.0f} ms")
    )
    return Asked(held.answers[WARMING_TURNS:], [*elsewhere.notes(), *held.errors])


@contextmanager
def without_speculation(config: Path) -> Generator[Path]:
    """The same Serve config, every stage waiting for the one before it."""
    whole = yaml.safe_load(config.read_text())
    args = whole["applications"][0]["args"]
    args["listening"] = {**args.get("listening", {}), **OFF}
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        changed = Path(folder) / config.name
        changed.write_text(yaml.safe_dump(whole, sort_keys=False))
        yield changed


def _table(alone: dict[str, float], shipped: dict[str, float]) -> Detail:
    """When each stage was done, and how long it took where each ran alone."""
    ends = {stage: alone[stage] for stage in WHO if stage in alone}
    took = [next(iter(ends.values()), 0.0), *(b - a for a, b in pairwise(ends.values()))]
    rows = [
        (WHO[stage], lasted, end, shipped.get(stage))
        for (stage, end), lasted in zip(ends.items(), took, strict=False)
    ]
    columns = ("stage", "alone, ms", "done after, ms", "as it ships, done after, ms")
    return Detail("stages, medians since the caller's last voice", columns, rows)
