"""What a person at a terminal sees of a load test: progress, a line a step, a table at the end."""

import time

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from loadtest.noticed import Beat, Noticed, Record, Trouble
from loadtest.summary import Spread, StepResult, spread


class Progress:
    """A line of how it goes, drawn anew as records come; on no terminal, only each step's end."""

    def __init__(self, console: Console, every_s: float = 0.25) -> None:
        self._console, self._every_s = console, every_s
        self._live: Live | None = None
        self._calls, self._longest_s, self._began_s = 0, 0.0, 0.0
        self._active: dict[int, int] = {}
        self._turns, self._troubles = 0, 0
        self._first_ms: list[float] = []
        self._drawn_s = 0.0

    def begins(self, calls: int, longest_s: float) -> None:
        self._calls, self._longest_s, self._began_s = calls, longest_s, time.monotonic()
        self._turns, self._troubles = 0, 0
        self._active.clear()
        self._first_ms.clear()
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()

    def note(self, process: int, record: Record) -> None:
        match record:
            case Beat(_, active):
                self._active[process] = active
            case Noticed(first_audio_ms=first_ms):
                self._turns += 1
                if first_ms is not None:
                    self._first_ms.append(first_ms)
            case Trouble():
                self._troubles += 1
        now = time.monotonic()
        if self._live and now - self._drawn_s >= self._every_s:
            self._drawn_s = now
            self._live.update(self._line(now - self._began_s), refresh=True)

    def ends(self, result: StepResult, failings: list[str]) -> None:
        if self._live:
            self._live.stop()
        first = result.first_audio_ms
        told = f"p50 {first.p50:,.0f} · p95 {first.p95:,.0f} ms" if first else "nothing measured"
        verdict = f"[red]{escape('; '.join(failings))}[/]" if failings else "[green]ok[/]"
        line = f"{result.calls:>4} calls  {result.turns} turns  first audio {told}  {verdict}"
        self._console.print(line, soft_wrap=True)

    def stop(self) -> None:
        """Leave the terminal as it was."""
        if self._live:
            self._live.stop()

    def _line(self, gone_s: float) -> str:
        part = min(1.0, gone_s / self._longest_s) if self._longest_s else 1.0
        bar = "━" * round(part * 20)
        first = spread(self._first_ms)
        told = f"first audio p50 {first.p50:,.0f} · p95 {first.p95:,.0f} ms" if first else "…"
        troubles = f"  [red]{self._troubles} errors[/]" if self._troubles else ""
        return (
            f"{self._calls:>4} calls  [cyan]{bar:<20}[/] {gone_s:4.0f} s  "
            f"{sum(self._active.values())} active  {self._turns} turns  {told}{troubles}"
        )


def tables(console: Console, results: list[StepResult], failings: list[list[str]]) -> None:
    """Print what all steps came to."""
    console.print("\nFirst audio at the caller's ear, ms", style="bold")
    console.print(table(results, failings))
    console.print("barge-in: p95, to clear; late: the tester's own frames, p99", style="dim")
    if told := stages(results):
        console.print("\nTold by the server, p50 / p95, ms", style="bold")
        console.print(told)
    examples = {kind: text for result in results for kind, text in result.examples.items()}
    for kind, text in examples.items():
        console.print(f"{kind}: {text}", style="yellow", markup=False, soft_wrap=True)


def table(results: list[StepResult], failings: list[list[str]]) -> Table:
    """All steps, times in milliseconds."""
    shown = _table()
    for name in ("calls", "turns", "p50", "p95", "p99", "max", "gaps", "barge-in", "missed"):
        shown.add_column(name, justify="right")
    for name in ("errors", "late", ""):
        shown.add_column(name, justify="right")
    for result, why in zip(results, failings, strict=True):
        barge_in = result.barge_in_ms
        shown.add_row(
            *(str(result.calls), str(result.turns), *_times(result.first_audio_ms)),
            *(str(result.gaps), f"{barge_in.p95:,.0f}" if barge_in else "-"),
            *(str(result.missed), str(sum(result.errors.values()))),
            f"{result.late_p99_ms:.0f}",
            "[red]late[/]" if result.late else "[red]no[/]" if why else "[green]ok[/]",
        )
    return shown


def _table() -> Table:
    return Table(box=None, padding=(0, 2, 0, 0))


def stages(results: list[StepResult]) -> Table | None:
    """The server's own stages, by their medians; None where it told none."""
    names = list(dict.fromkeys(name for result in results for name in result.stages_ms))
    if not names:
        return None
    shown = _table()
    shown.add_column("calls", justify="right")
    for name in names:
        shown.add_column(name.replace("_", " "), justify="right")
    for result in results:
        told = [result.stages_ms.get(name) for name in names]
        cells = [f"{one.p50:,.0f} / {one.p95:,.0f}" if one else "-" for one in told]
        shown.add_row(str(result.calls), *cells)
    return shown


def _times(times: Spread | None) -> list[str]:
    if not times:
        return ["-"] * 4
    return [f"{ms:,.0f}" for ms in (times.p50, times.p95, times.p99, times.max)]
