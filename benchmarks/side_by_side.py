"""`python -m benchmarks peers`: Parley, pipecat and LiveKit Agents, one core and the same callers.

Owns the order of the runs (interleaved, so that a machine's moods meet all) and where figures are
kept: RESULTS.json beside this file, row by row, and the table made of it, RESULTS.md.
"""

import argparse
import json
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.peers.bots import Bot, Ground, Running, bots
from benchmarks.peers.environment import REQUIREMENTS, peers_python
from benchmarks.peers.ground import Cores, mocks, on_core
from benchmarks.recordings import ROOT
from benchmarks.side_by_side_rows import Callers, Sample, capacity, most_calls
from benchmarks.side_by_side_table import all_met, table

RESULTS = Path(__file__).with_name("RESULTS.json")
CALLS = 8

ROWS = {
    "first-audio": (
        "pipecat", "pipecat-timeout", "livekit", "parley", "parley-speculating", "parley-shipped",
    ),
    "barge-in": (
        "pipecat", "livekit", "livekit-no-warmup", "livekit-synchronized", "parley-shipped",
    ),
    "memory": ("pipecat", "pipecat-timeout", "livekit", "parley", "parley-shipped"),
    "capacity": (
        "pipecat", "pipecat-timeout", "livekit", "parley", "parley-shipped", "parley-serve",
    ),
}  # fmt: skip
"""What is measured of whom."""


@dataclass(frozen=True, slots=True)
class Effort:
    """Of first audio: interleaved `repetitions`. `times`: barge-ins of a repetition. `turns` of a
    call that count."""

    repetitions: int
    turns: int
    times: int


QUICK, WHOLE = Effort(2, 2, 8), Effort(5, 3, 16)


@dataclass(slots=True)
class Session:
    """One run of the command."""

    ground: Ground
    callers: Callers
    effort: Effort
    console: Console
    wanted: dict[str, Bot]
    found: dict[str, Any]
    results: Path
    began_s: float = field(default_factory=time.monotonic)

    def tell(self, row: str, bot: Bot, what: str) -> None:
        minutes = (time.monotonic() - self.began_s) / 60
        self.console.print(
            f"{minutes:5.1f} min  {row:<12} {bot.name:<19} {what}", markup=False, soft_wrap=True
        )

    def those_of(self, row: str) -> list[Bot]:
        return [self.wanted[name] for name in ROWS[row] if name in self.wanted]

    def keep(self, row: str, bot: Bot, value: Any, samples: Any) -> None:
        """Into the file at once: a run that is broken off has not been for nothing."""
        when = datetime.now(UTC).isoformat(timespec="minutes")
        kept = {"value": value, "floor_ms": round(bot.floor_ms(), 1), "when": when}
        kept |= {"commit": commit(), "what": bot.what, "samples": samples}
        self.found.setdefault("rows", {}).setdefault(row, {})[bot.name] = kept
        self.found["machine"], self.found["versions"] = machine(), versions()
        self.results.write_text(json.dumps(self.found, indent=1) + "\n")

    def all_started(self, row: str, stack: ExitStack) -> list[tuple[Bot, Running]]:
        """The row's bots, all up; a bot without calls costs the others nothing."""
        started: list[tuple[Bot, Running]] = []
        for bot in self.those_of(row):
            self.tell(row, bot, "starting")
            started.append((bot, stack.enter_context(bot.start(self.ground))))
        return started


def first_audio(session: Session) -> None:
    with ExitStack() as stack:
        started = session.all_started("first-audio", stack)
        samples: dict[str, list[Sample]] = {bot.name: [] for bot, _ in started}
        for _ in range(session.effort.repetitions):
            for bot, running in started:
                run = session.callers.talk(running, CALLS, session.effort.turns)
                samples[bot.name].append(run)
                session.tell("first-audio", bot, told(run))
                value = median(one["p50_ms"] for one in those_that_count(samples[bot.name]))
                session.keep("first-audio", bot, value, samples[bot.name])


def barge_in(session: Session) -> None:
    with ExitStack() as stack:
        for bot, running in session.all_started("barge-in", stack):
            run = session.callers.barge_in(running, session.effort.times)
            clears = [one["clear_ms"] for one in run["interruptions"]]
            value = median(clears)
            ignored = clears.count(None)
            session.tell("barge-in", bot, f"silent after {value} ms, {ignored} ignored")
            session.keep("barge-in", bot, value, [run])


def memory(session: Session) -> None:
    for bot in session.those_of("memory"):
        with bot.start(session.ground) as running:
            one = session.callers.resident_mb(running, 1)
            many = session.callers.resident_mb(running, bot.open_calls)
        value = round((many - one) / (bot.open_calls - 1), 2)
        session.tell("memory", bot, f"{value} MB a further call ({one:.0f} MB with one)")
        sample = {"one_mb": round(one, 1), "many_mb": round(many, 1), "many": bot.open_calls}
        session.keep("memory", bot, value, [sample])


def most(session: Session) -> None:
    for bot in session.those_of("capacity"):
        with bot.start(session.ground) as running:
            runs = capacity(
                session.callers,
                running,
                bot,
                session.effort.turns,
                lambda run, bot=bot: session.tell("capacity", bot, told(run)),
            )
        session.keep("capacity", bot, most_calls(runs), runs)
        session.tell("capacity", bot, f"{most_calls(runs)} calls")


MEASURES: dict[str, Callable[[Session], None]] = {
    "first-audio": first_audio,
    "barge-in": barge_in,
    "memory": memory,
    "capacity": most,
}


def told(run: Sample) -> str:
    late = (
        "" if run["counts"] else f"  DOES NOT COUNT: others {run['others']}, late {run['late_ms']}"
    )
    figures = f"p50 {run['p50_ms']} p95 {run['p95_ms']} ms, {run['cores']} cores"
    return f"{run['calls']} calls: {figures}{late}{'  ' + str(run['faults']) * bool(run['faults'])}"


def those_that_count(runs: list[Sample]) -> list[Sample]:
    """All of them when none does: the table says so."""
    return [run for run in runs if run["counts"]] or runs


def median(values: Iterable[float | None]) -> float | None:
    """Of those that came; None when none did."""
    came = sorted(value for value in values if value is not None)
    return came[len(came) // 2] if came else None


def commit() -> str:
    git = subprocess.run(
        ("git", "status", "--porcelain", "--", ".", ":!benchmarks/RESULTS.*"),
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    head = subprocess.run(
        ("git", "rev-parse", "--short", "HEAD"), cwd=ROOT, capture_output=True, text=True
    )
    return (head.stdout.strip() or "unknown") + "-dirty" * bool(git.stdout.strip())


def machine() -> str:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return f"{os.cpu_count()} cores ({model}), Python {platform.python_version()}"


def versions() -> dict[str, str]:
    peers = dict(
        line.split("==") for line in REQUIREMENTS.read_text().splitlines() if "==" in line[:60]
    )
    ours = {name: version(name) for name in ("uvicorn", "uvloop", "websockets", "ray")}
    return {name: peers[name] for name in ("pipecat-ai", "livekit-agents")} | ours


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(json=False)
    parser.add_argument("--quick", action="store_true", help="about 25 minutes, not an hour")
    parser.add_argument("--rows", nargs="+", choices=tuple(ROWS), default=tuple(ROWS))
    parser.add_argument("--bots", nargs="+", choices=tuple(bots()), default=tuple(bots()))
    parser.add_argument(
        "--results", type=Path, default=RESULTS, help="kept here; the table lies beside it"
    )


def run(given: argparse.Namespace, console: Console) -> bool:
    """Measure what is asked for and write the table: whether every target that was measured, now
    or before, is met. Raises NoStack."""
    results: Path = given.results
    found: dict[str, Any] = json.loads(results.read_text()) if results.is_file() else {}
    python = peers_python(console.print)
    cores = Cores.of_this_machine()
    wanted = {name: bot for name, bot in bots().items() if name in given.bots}
    with (
        tempfile.TemporaryDirectory(prefix="parley-peers-") as folder,
        mocks(cores.mocks) as models,
        on_core(cores.callers),
    ):
        session = Session(
            Ground(cores, models, python, Path(folder), console),
            Callers.new(models, cores.bot),
            QUICK if given.quick else WHOLE,
            console,
            wanted,
            found,
            results,
        )
        for row in given.rows:
            MEASURES[row](session)
    results.with_suffix(".md").write_text(table(found))
    console.print(table(found), markup=False, soft_wrap=True)
    return all_met(found)
