"""`realtime`: first audio over OpenAI's Realtime protocol beside Twilio's, on one stack in one run.

One caller on each line asks the same questions by turns, so that whatever else the machine does
meets both. Both measure with the same ear (`loadtest.wire.Ear`). Then the human clips are said on
both, heard at 8 and at 16 kHz; ten Realtime sessions talk at once; and at last pipecat's and
LiveKit's own Realtime clients ask, in the peers' environment, and tell what they waited.
"""

import asyncio
import json
import subprocess
from collections.abc import Sequence
from itertools import cycle, islice

from benchmarks.calling import Answer, Held, hold_call, open_call
from benchmarks.calls import answered
from benchmarks.elsewhere import Elsewhere
from benchmarks.first_audio import WARMING_TURNS
from benchmarks.peers.environment import peers_python
from benchmarks.progress import Told
from benchmarks.recordings import ROOT, Recording, clips, questions, short_questions
from benchmarks.report import Detail, Figure, Report
from benchmarks.running_stack import NoStack, RunningStack
from benchmarks.scoring import medians, percentile, word_error_rate

RATIO_AT_MOST = 1.05
SESSIONS, TURNS_EACH = 10, 3
CLIENTS = ("pipecat", "livekit")
CLIENT_TURNS = 10
A_CLIENTS_TURN_S = 30.0


def steps(turns: int) -> int:
    """How many there are to be told of."""
    each = WARMING_TURNS + turns + len(clips())
    return 2 * each + SESSIONS * TURNS_EACH + len(CLIENTS)


async def realtime(stack: RunningStack, turns: int, tell: Told) -> Report:
    """`turns` counted questions on each line. Raises CallRefused, NoStack."""
    python = peers_python(tell)
    elsewhere = Elsewhere(stack.processes())
    said = [*islice(cycle(short_questions()), WARMING_TURNS + turns), *clips()]
    lines = await by_turns(stack.url, said, tell)
    cores = elsewhere.cores()
    sessions = await at_once(stack.url, questions()[:SESSIONS], tell)
    clients = {name: _client(str(python), name, stack.url) for name in CLIENTS}
    for name, waits in clients.items():
        tell(f"{name}: {percentile(waits, 50) or 0:.0f} ms")
    notes = [*elsewhere.notes(), *_errors(lines), *_errors(sessions)]
    figures = [
        *compared(lines, turns),
        *_together(sessions),
        *(
            Figure(f"first audio, {name}'s client, median", percentile(waits, 50), "ms")
            for name, waits in clients.items()
        ),
        Figure("cores that others kept busy", cores),
    ]
    return Report("realtime", figures, [_stages(lines, turns), _turns(lines)], notes)


async def by_turns(url: str, said: Sequence[Recording], tell: Told) -> list[Held]:
    """A call on each line, Twilio's and Realtime's; who speaks first changes with each recording.
    Raises CallRefused."""
    held = [Held(), Held()]
    async with (
        open_call(url, said, held[0], protocol="twilio") as over_twilio,
        open_call(url, said, held[1], protocol="realtime") as over_realtime,
    ):
        for number in range(len(said)):
            for line in (over_twilio, over_realtime)[:: 1 if number % 2 else -1]:
                tell(_told(await anext(line)))
    return held


async def at_once(url: str, asked: Sequence[Recording], tell: Told) -> list[Held]:
    """Sessions that begin at the same moment; each asks its own question again and again."""

    async def hold(one: Recording) -> Held:
        said = [one] * TURNS_EACH
        return await hold_call(url, said, lambda turn: tell(_told(turn)), protocol="realtime")

    async with asyncio.TaskGroup() as tasks:
        work = [tasks.create_task(hold(one)) for one in asked]
    return [task.result() for task in work]


def _client(python: str, name: str, url: str) -> list[float]:
    """Milliseconds that a peer's client waited for each answer. Raises NoStack when it fails."""
    command = [python, "-m", f"benchmarks.peers.realtime_{name}", "--url", url]
    command += ["--turns", str(CLIENT_TURNS)]
    within_s = (CLIENT_TURNS + 2) * A_CLIENTS_TURN_S
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=within_s)
    if done.returncode:
        raise NoStack(f"{name}'s Realtime client failed:\n{done.stderr[-2_000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _counted(held: Held, turns: int) -> list[Answer]:
    return held.answers[WARMING_TURNS : WARMING_TURNS + turns]


def _waits(answers: list[Answer]) -> list[float]:
    return [ms for one in answers if (ms := one.noticed.first_audio_ms) is not None]


def compared(lines: list[Held], turns: int) -> list[Figure]:
    """Of calls by turns: Twilio's, Realtime's."""
    waits = [_waits(_counted(held, turns)) for held in lines]
    twilio, realtime = (percentile(each, 50) for each in waits)
    heard = [_word_error_rate(held.answers[WARMING_TURNS + turns :]) for held in lines]
    return [
        Figure("first audio over Twilio, median", twilio, "ms"),
        Figure("first audio over Realtime, median", realtime, "ms"),
        Figure(
            "Realtime over Twilio",
            realtime / twilio if realtime and twilio else None,
            at_most=RATIO_AT_MOST,
        ),
        Figure("first audio over Twilio, p95", percentile(waits[0], 95), "ms"),
        Figure("first audio over Realtime, p95", percentile(waits[1], 95), "ms"),
        Figure("turns answered on both", sum(map(len, waits)), f"of {2 * turns}", None, 2 * turns),
        Figure("word error rate, human clips at 8 kHz over Twilio", heard[0]),
        Figure("word error rate, human clips at 16 kHz over Realtime", heard[1]),
        Figure("errors on both", len(_errors(lines)), at_most=0),
        Figure("callers' own frames over 20 ms late", sum(one.late_frames for one in lines)),
    ]


def _word_error_rate(answers: list[Answer]) -> float:
    return word_error_rate((one.said.words, one.noticed.transcript or "") for one in answers)


def _together(sessions: list[Held]) -> list[Figure]:
    answers = [answer for held in sessions for answer in held.answers]
    wanted, waits = SESSIONS * TURNS_EACH, _waits(answers)
    kind = f"{SESSIONS} sessions at once"
    return [
        Figure(f"{kind}: turns answered", answered(answers), f"of {wanted}", at_least=wanted),
        Figure(f"{kind}: first audio, median", percentile(waits, 50), "ms"),
        Figure(f"{kind}: errors", len(_errors(sessions)), at_most=0),
    ]


def _errors(held: list[Held]) -> list[str]:
    return [error for one in held for error in one.errors]


def _told(answer: Answer) -> str:
    return f"{answer.noticed.first_audio_ms or 0:.0f} ms: {answer.noticed.transcript}"


def _stages(lines: list[Held], turns: int) -> Detail:
    twilio, realtime = (
        medians([one.noticed.stages_ms for one in _counted(held, turns)]) for held in lines
    )
    rows = [(stage.replace("_", " "), twilio[stage], realtime.get(stage)) for stage in twilio]
    columns = ("stage, done after", "Twilio, ms", "Realtime, ms")
    return Detail("stages, medians since the caller's last voice", columns, rows)


def _turns(lines: list[Held]) -> Detail:
    rows = [
        (
            a.said.name,
            a.noticed.first_audio_ms,
            b.noticed.first_audio_ms,
            a.noticed.transcript,
            b.noticed.transcript,
        )
        for a, b in zip(lines[0].answers, lines[1].answers, strict=True)
    ]
    columns = ("said", "Twilio, ms", "Realtime, ms", "understood, Twilio", "understood, Realtime")
    return Detail("turns", columns, rows)
