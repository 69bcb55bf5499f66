"""The commands `run` and `capacity`, from their options to the exit code."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable

from rich.console import Console

from loadtest.capacity import broken, kept
from loadtest.crew import crew
from loadtest.progress import Progress, tables
from loadtest.report import as_html, as_json
from loadtest.run import Conditions, Run
from loadtest.step import Load
from loadtest.summary import failings
from loadtest.webhook import CallRefused, check_ready


def run_steps(given: argparse.Namespace, pace: float) -> int:
    """0 when every step was good enough. Raises CallRefused, UnreadableRecording, WorkerLost."""
    conditions = Conditions(given.ramp, given.duration, given.slo_p95_ms, given.allow_late)

    async def steps(run: Run) -> tuple[bool, str]:
        good = [await run.step(calls) for calls in given.calls]
        return all(good), ""

    return asyncio.run(_hold(given, pace, conditions, steps))


def search_capacity(given: argparse.Namespace, pace: float) -> int:
    """0 when any number of calls keeps the objective. Raises as `run_steps`."""
    conditions = Conditions(given.ramp, given.duration, given.slo_p95_ms)
    bounds = {"first": given.first, "most": given.max_calls, "within_percent": given.within}

    async def search(run: Run) -> tuple[bool, str]:
        tried = await run.search(**bounds)
        return kept(tried) > 0, "\n" + verdict(run, tried, given.max_calls)

    return asyncio.run(_hold(given, pace, conditions, search))


def verdict(run: Run, tried: dict[int, bool], most: int) -> str:
    """The search's outcome in a sentence, and what set the limit."""
    good, bad = kept(tried), broken(tried)
    objective = f"p95 ≤ {run.conditions.slo_p95_ms:,.0f} ms"
    said = f"capacity: {good} calls keep {objective}" if good else f"no calls keep {objective}"
    if bad is None:
        return f"{said}; --max-calls {most} ended the search"
    result = next(result for result in run.results if result.calls == bad)
    why = "; ".join(run.failings(result))
    others = failings(result, run.conditions.slo_p95_ms, allow_late=True)
    blame = (
        ""
        if others or not result.late
        else ". The tester is the limit: a machine of its own, or --processes"
    )
    return f"{said}; {bad} do not: {why}{blame}"


async def _hold(
    given: argparse.Namespace,
    pace: float,
    conditions: Conditions,
    steps: Callable[[Run], Awaitable[tuple[bool, str]]],
) -> int:
    load, console = load_of(given, pace), Console(highlight=False)
    for file in filter(None, (given.json, given.html)):
        if not file.resolve().parent.is_dir():
            raise CallRefused(f"there is no folder {file.resolve().parent}")
    await check_ready(load.called().server)
    progress = Progress(console)
    async with crew(load, given.processes) as workers:
        run = Run(workers, conditions, progress)
        try:
            good, said = await steps(run)
        finally:
            progress.stop()
            _tell(run, load, given, console)
    if said:
        console.print(said, soft_wrap=True)
    return 0 if good else 1


def load_of(given: argparse.Namespace, pace: float) -> Load:
    url = given.url.rstrip("/")
    return Load(
        url=url,
        wavs=[str(wav.resolve()) for wav in given.wav or given.default_wavs],
        public_url=(given.public_url or url).rstrip("/"),
        auth_token_env=given.auth_token_env,
        protocol=given.protocol,
        api_key_env=given.api_key_env,
        agent=given.agent,
        parameters=dict(given.param),
        think_ms=given.think_ms,
        barge_in_rate=given.barge_in_rate,
        barge_in_after_ms=given.barge_in_after,
        timeout_s=given.timeout_s,
        jitter_ms=given.jitter_ms,
        loss_percent=given.loss,
        pace=pace,
        seed=given.seed,
    )


def _tell(run: Run, load: Load, given: argparse.Namespace, console: Console) -> None:
    """The tables, and the files that were asked for; of the steps that were held to their end."""
    if not run.results:
        return
    why = [run.failings(result) for result in run.results]
    tables(console, run.results, why)
    if given.json:
        given.json.write_text(as_json(run, load))
    if given.html:
        given.html.write_text(as_html(run, load))
