"""`words`: are callers understood, and does the caller hear the words of the reply?

Everything goes over the telephone's way: mu-law at 8 kHz, endpointing, one call an utterance. What
was split at a pause is joined again.
"""

import numpy as np

from benchmarks.calling import Answer, hold_call
from benchmarks.ear import Ear
from benchmarks.progress import Told
from benchmarks.recordings import Recording, clips, questions
from benchmarks.report import Detail, Figure, Report, number
from benchmarks.running_stack import RunningStack
from benchmarks.scoring import shared_words, word_error_rate

WORD_ERROR_RATE, SHARED_WORDS = 0.15, 0.8


async def words(stack: RunningStack, tell: Told) -> Report:
    """Call with each recording. Raises CallRefused, and FileNotFoundError without weights."""
    human, spoken = clips(), questions()
    answers = [await _answer_to(stack.url, one, tell) for one in (*human, *spoken)]
    theirs, ours = answers[: len(human)], answers[len(human) :]
    shared = await _shared(answers, tell)
    whole = [share for share in shared if share is not None]
    figures = [
        Figure("word error rate, five human clips", _rate(theirs), at_most=WORD_ERROR_RATE),
        Figure("word error rate, synthetic questions", _rate(ours)),
        Figure(
            "reply's words heard by Whisper, mean",
            float(np.mean(whole)) if whole else None,
            at_least=SHARED_WORDS,
        ),
        Figure("reply's words heard by Whisper, worst", min(whole, default=None)),
        Figure("replies heard whole", len(whole), f"of {len(answers)}"),
        Figure("errors", sum(len(one.noticed.errors) for one in answers), at_most=0),
    ]
    return Report("words", figures, [_detail(answers, shared)])


async def _answer_to(url: str, recording: Recording, tell: Told) -> Answer:
    (answer,) = (await hold_call(url, [recording])).answers
    tell(f"{recording.name}: {answer.noticed.transcript}")
    return answer


def _rate(answers: list[Answer]) -> float:
    return word_error_rate([(a.said.words, a.noticed.transcript or "") for a in answers])


async def _shared(answers: list[Answer], tell: Told) -> list[float | None]:
    """Of each reply that nothing cut short, the part of its words that Whisper hears."""
    tell("listening to the replies with Whisper")
    with Ear() as ear:
        return [
            shared_words(reply, await ear.words_of(one.heard))
            if (reply := one.noticed.reply) and one.pieces == 1
            else None
            for one in answers
        ]


def _detail(answers: list[Answer], shared: list[float | None]) -> Detail:
    rows = [
        (
            one.said.name,
            number(_rate([one])),
            one.pieces,
            one.noticed.transcript,
            one.noticed.reply,
            number(share),
        )
        for one, share in zip(answers, shared, strict=True)
    ]
    columns = ("recording", "errors", "pieces", "understood", "reply", "heard")
    return Detail("word by word", columns, rows)
