"""`first-audio`: how long a caller waits for the first sound of an answer.

Measured on the waveform at the caller's ear, from the last voiced sample of the question to the
first audible one of the reply (`loadtest.first_audio`); the server's own stages beside it.
"""

from itertools import cycle, islice

from benchmarks.calling import Answer, hold_call
from benchmarks.elsewhere import Elsewhere
from benchmarks.progress import Told
from benchmarks.recordings import short_questions
from benchmarks.report import Detail, Figure, Report
from benchmarks.running_stack import RunningStack
from benchmarks.scoring import medians, percentile

MEDIAN_MS = 1_000.0
WARMING_TURNS = 1
"""The first turn pays for what a model does once; it is left out, and shown."""


async def first_audio(stack: RunningStack, turns: int, tell: Told) -> Report:
    """Ask `turns` short questions in one call. Raises CallRefused."""
    said = list(islice(cycle(short_questions()), WARMING_TURNS + turns))
    elsewhere = Elsewhere(stack.processes())
    held = await hold_call(
        stack.url, said, lambda a: tell(f"{a.noticed.first_audio_ms or 0:.0f} ms")
    )
    notes, cores = elsewhere.notes(), elsewhere.cores()
    counted = held.answers[WARMING_TURNS:]
    waits = [ms for one in counted if (ms := one.noticed.first_audio_ms) is not None]
    figures = [
        Figure("first audio, median", percentile(waits, 50), "ms", at_most=MEDIAN_MS),
        Figure("first audio, p95", percentile(waits, 95), "ms"),
        Figure("first audio, longest", max(waits, default=None), "ms"),
        Figure("turns answered", len(waits), f"of {turns}", at_least=turns),
        Figure("errors", len(held.errors), at_most=0),
        Figure("caller's own frames over 20 ms late", held.late_frames),
        Figure("cores that others kept busy", cores),
    ]
    details = [_stages(counted, percentile(waits, 50)), _turns(held.answers)]
    return Report("first-audio", figures, details, [*notes, *held.errors])


def _stages(answers: list[Answer], at_ear_ms: float | None) -> Detail:
    """Medians of each stage's end, and how much later than the median before it that is."""
    ends = medians([one.noticed.stages_ms for one in answers])
    if at_ear_ms is not None:
        ends["at the caller's ear"] = at_ear_ms
    rows: list[tuple[str, float, float]] = []
    before_ms = 0.0
    for stage, ms in ends.items():
        rows.append((stage.replace("_", " "), ms, ms - before_ms))
        before_ms = ms
    columns = ("stage", "done after, ms", "of it, ms")
    return Detail("stages, medians since the caller's last voice", columns, rows)


def _turns(answers: list[Answer]) -> Detail:
    rows = [
        (
            str(one.noticed.turn) if one.noticed.turn > WARMING_TURNS else "warming",
            one.noticed.first_audio_ms,
            one.noticed.transcript,
            one.noticed.reply,
        )
        for one in answers
    ]
    return Detail("turns", ("turn", "first audio, ms", "understood", "reply"), rows)
