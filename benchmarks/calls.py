"""`calls`: several callers at once, each with a question of its own. Is everyone answered, and does
nobody hear or get another's?"""

import asyncio

import numpy as np

from benchmarks.calling import Answer, Held, hold_call
from benchmarks.ear import Ear
from benchmarks.elsewhere import Elsewhere
from benchmarks.progress import Told
from benchmarks.recordings import Recording, questions
from benchmarks.report import Detail, Figure, Report, number
from benchmarks.running_stack import RunningStack
from benchmarks.scoring import nearest, percentile, shared_words, word_error_rate

MOST_CALLS = 12
"""As many as there are questions: who has none of its own could not be told from another."""


async def calls(stack: RunningStack, count: int, turns: int, tell: Told) -> Report:
    """Hold `count` calls that begin at the same moment; each asks its own question `turns` times.
    Raises CallRefused, and FileNotFoundError without weights."""
    asked = questions()[:count]
    elsewhere = Elsewhere(stack.processes())

    def told(answer: Answer) -> None:
        tell(f"{answer.said.name}: {answer.noticed.transcript}")

    async with asyncio.TaskGroup() as tasks:
        work = [tasks.create_task(hold_call(stack.url, [one] * turns, told)) for one in asked]
    held = [task.result() for task in work]
    notes = elsewhere.notes()
    answers = [answer for one in held for answer in one.answers]
    heard = await _heard(answers)
    errors = [error for one in held for error in one.errors]
    figures = [*_verdicts(answers, asked, count * turns), *_speeds(held), *_replies(heard)]
    figures.append(Figure("errors", len(errors), at_most=0))
    return Report("calls", figures, [_detail(answers, heard)], [*notes, *errors])


def crossed(answers: list[Answer], asked: tuple[Recording, ...]) -> int:
    """Turns whose transcript is likelier another caller's question than the own."""
    words = [one.words for one in asked]
    return sum(
        words[nearest(one.noticed.transcript, words)] != one.said.words
        for one in answers
        if one.noticed.transcript
    )


def answered(answers: list[Answer]) -> int:
    """Turns with a transcript, a reply and its sound."""
    noticed = [one.noticed for one in answers]
    return sum(
        bool(one.transcript and one.reply) and one.first_audio_ms is not None for one in noticed
    )


def _verdicts(answers: list[Answer], asked: tuple[Recording, ...], wanted: int) -> list[Figure]:
    pairs = [(one.said.words, one.noticed.transcript or "") for one in answers]
    return [
        Figure("turns answered", answered(answers), f"of {wanted}", at_least=wanted),
        Figure("turns with another caller's words", crossed(answers, asked), at_most=0),
        Figure("word error rate", word_error_rate(pairs)),
    ]


def _speeds(held: list[Held]) -> list[Figure]:
    noticed = [answer.noticed for one in held for answer in one.answers]
    waits = [ms for one in noticed if (ms := one.first_audio_ms) is not None]
    return [
        Figure("first audio, p50", percentile(waits, 50), "ms"),
        Figure("first audio, p95", percentile(waits, 95), "ms"),
        Figure("callers' own frames over 20 ms late", sum(one.late_frames for one in held)),
        Figure("latest of them", max(one.latest_ms for one in held), "ms"),
    ]


async def _heard(answers: list[Answer]) -> list[float | None]:
    with Ear() as ear:
        return [
            shared_words(reply, await ear.words_of(one.heard))
            if (reply := one.noticed.reply)
            else None
            for one in answers
        ]


def _replies(heard: list[float | None]) -> list[Figure]:
    shares = [share for share in heard if share is not None]
    mean = float(np.mean(shares)) if shares else None
    return [
        Figure("own reply's words heard on the own line, mean", mean),
        Figure("own reply's words heard on the own line, worst", min(shares, default=None)),
    ]


def _detail(answers: list[Answer], heard: list[float | None]) -> Detail:
    rows = [
        (
            one.said.name,
            str(one.noticed.turn),
            one.noticed.first_audio_ms,
            one.noticed.transcript,
            one.noticed.reply,
            number(share),
        )
        for one, share in zip(answers, heard, strict=True)
    ]
    columns = ("caller", "turn", "first audio, ms", "understood", "reply", "heard")
    return Detail("turn by turn", columns, rows)
