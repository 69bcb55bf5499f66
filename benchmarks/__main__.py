"""`python -m benchmarks`: how good and how fast a stack is on this machine, target by target.

Exit code: 0 when every target is met, 1 when one is not, 2 when there was nothing to measure.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import side_by_side
from benchmarks.calls import MOST_CALLS, calls
from benchmarks.end_of_turn import RECORDINGS, STEPS, end_of_turn
from benchmarks.first_audio import WARMING_TURNS, first_audio
from benchmarks.footprint import footprint
from benchmarks.kokoro import PHRASES, kokoro
from benchmarks.memory import SCRIPTED, memory
from benchmarks.prefix import WARMING_CONVERSATIONS, prefix
from benchmarks.progress import progress
from benchmarks.realtime import realtime
from benchmarks.realtime import steps as realtime_steps
from benchmarks.recordings import ROOT, clips, questions
from benchmarks.report import Report
from benchmarks.running_stack import NoStack, RunningStack, running_stack
from benchmarks.speculation import speculation
from benchmarks.transcript import transcript, utterances
from benchmarks.words import words
from loadtest.utterance import UnreadableRecording
from loadtest.webhook import CallRefused

DEFAULT = ROOT / "serve_config.yaml"
ON_DEFAULT = ("footprint", "first-audio", "words", "calls", "realtime")
"""In this order on one stack: its memory before it has worked, speed before load."""
BY_ITSELF = ("memory", "speculation", "transcript", "kokoro", "prefix")
ALONE = ("prefix", "end-of-turn", "transcript", "kokoro", "speculation")
"""Without a stack that runs already."""

Measure = Callable[[RunningStack], Coroutine[Any, Any, Report]]


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = _command(commands, "words", "word error rate, and the reply heard by Whisper")
    one = _command(commands, "first-audio", "the wait for an answer, at the caller's ear")
    one.add_argument("--turns", type=positive, default=10, help="default: %(default)s")
    one = _command(commands, "calls", "simultaneous calls: all answered, none mixed up")
    one.add_argument("--calls", type=up_to_most, default=10, help="default: %(default)s")
    one.add_argument("--turns", type=positive, default=3, help="default: %(default)s")
    one = _command(commands, "realtime", "first audio over Realtime beside Twilio's, and who else")
    one.add_argument("--turns", type=positive, default=20, help="on each (default: %(default)s)")
    one = _command(commands, "memory", "what calls take, and leave behind", SCRIPTED)
    one.add_argument("--count", type=positive, default=100, help="calls (default: %(default)s)")
    _command(commands, "footprint", "seconds to start, memory of each process")
    one = _command(commands, "speculation", "first audio by the sum of its stages", stack=False)
    one.add_argument("--turns", type=positive, default=11, help="default: %(default)s")
    _command(commands, "transcript", "Whisper's short window against its whole one", stack=False)
    one = _command(commands, "kokoro", "a phrase's first sound, beside float32", stack=False)
    one.add_argument("--rounds", type=positive, default=7, help="default: %(default)s")
    one = _command(commands, "prefix", "first token after a cold and a warmed prefix", stack=False)
    one.add_argument("--rounds", type=positive, default=10, help="default: %(default)s")
    _apart(commands)
    return parser.parse_args(arguments)


def _apart(commands: Any) -> None:
    """Commands that take neither a stack nor a config."""
    one = commands.add_parser("end-of-turn", help="smart-turn on recorded speech cut at pauses")
    one.add_argument(
        "--recordings", type=Path, default=RECORDINGS, help="a folder as benchmarks/data/turns"
    )
    one.add_argument("--json", action="store_true", help="one JSON object on standard output")
    what = "Parley beside pipecat and LiveKit Agents, one core each: RESULTS.md"
    side_by_side.add_options(commands.add_parser("peers", help=what, description=what))
    one = commands.add_parser("all", help="all with a target but end-of-turn: an hour or so")
    one.add_argument("--json", action="store_true", help="one JSON object a benchmark")


def _command(
    commands: Any, name: str, what: str, config: Path = DEFAULT, *, stack: bool = True
) -> argparse.ArgumentParser:
    """`stack`: whether the command measures a whole stack, or a model of the config alone."""
    one: argparse.ArgumentParser = commands.add_parser(name, help=what, description=what)
    if stack:
        one.add_argument("--url", help="a running stack (default: start one on a free port)")
    shown = config.relative_to(ROOT)
    one.add_argument("--config", type=Path, default=config, help=f"to start (default: {shown})")
    one.add_argument("--json", action="store_true", help="one JSON object on standard output")
    return one


def positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def up_to_most(text: str) -> int:
    if (number := positive(text)) > MOST_CALLS:
        raise argparse.ArgumentTypeError(
            f"{text}: there are recordings for {MOST_CALLS} callers with words of their own"
        )
    return number


def measure_of(given: argparse.Namespace, console: Console) -> Measure:
    """The benchmark of a command, with its progress on the console."""

    async def measure(stack: RunningStack) -> Report:
        match given.command:
            case "words":
                with progress(console, "words", len(clips()) + len(questions()) + 1) as tell:
                    return await words(stack, tell)
            case "first-audio":
                with progress(console, "first-audio", given.turns + WARMING_TURNS) as tell:
                    return await first_audio(stack, given.turns, tell)
            case "calls":
                with progress(console, "calls", given.calls * given.turns) as tell:
                    return await calls(stack, given.calls, given.turns, tell)
            case "realtime":
                with progress(console, "realtime", realtime_steps(given.turns)) as tell:
                    return await realtime(stack, given.turns, tell)
            case "memory":
                with progress(console, "memory", 3 * given.count + 1) as tell:
                    return await memory(stack, given.count, tell)
            case _:
                return footprint(stack)

    return measure


def alone(given: argparse.Namespace, console: Console) -> Report:
    """A benchmark of one model without a stack around it, or of stacks of its own."""
    if given.command == "speculation":
        return speculation(given.config, given.turns, console)
    if given.command == "end-of-turn":
        with progress(console, "end-of-turn", STEPS) as tell:
            return end_of_turn(given.recordings, tell)
    if given.command == "transcript":
        said = utterances()
        with progress(console, "transcript", len(said)) as tell:
            return asyncio.run(transcript(given.config, tell, said))
    if given.command == "kokoro":
        with progress(console, "kokoro", (given.rounds + 1) * len(PHRASES)) as tell:
            return kokoro(given.config, given.rounds, tell)
    with progress(console, "prefix", given.rounds + WARMING_CONVERSATIONS) as tell:
        return prefix(given.config, given.rounds, tell)


def run(given: list[argparse.Namespace], console: Console) -> bool:
    """Measure on one stack: whether every target is met. Raises NoStack, CallRefused."""
    met = True
    if given[0].command == "peers":
        return side_by_side.run(given[0], console)
    if given[0].command in ALONE:
        report = alone(given[0], console)
        print(report.as_json(), flush=True) if given[0].json else report.show(console)
        return report.met
    with running_stack(given[0].url, given[0].config, console) as stack:
        for one in given:
            report = asyncio.run(measure_of(one, console)(stack))
            print(report.as_json(), flush=True) if one.json else report.show(console)
            met &= report.met
    return met


def main(arguments: list[str] | None = None) -> int:
    given = options(arguments)
    console = Console(highlight=False, stderr=given.json)
    rest = ["--json"] if given.json else []
    code = 0
    try:
        if given.command != "all":
            code = 0 if run([given], console) else 1
        else:
            groups = [[options([name, *rest]) for name in ON_DEFAULT]]
            groups += [[options([name, *rest])] for name in BY_ITSELF]
            groups.append([options(["peers", "--quick"])])
            code = 0 if all([run(group, console) for group in groups]) else 1
    except* (NoStack, CallRefused, UnreadableRecording, FileNotFoundError) as group:
        for error in _leaves(group):
            Console(stderr=True).print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        code = 2
    except* KeyboardInterrupt:
        code = 130
    return code


def _leaves(group: BaseExceptionGroup[Exception]) -> Iterator[Exception]:
    """The errors themselves; several calls may have met one each."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


if __name__ == "__main__":
    sys.exit(main())
