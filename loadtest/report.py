"""A run as JSON, and as one HTML page that needs nothing else: no script, no network. Pure but
for reading its own template."""

import datetime
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jinja2
import orjson

from loadtest.plots import COLOURS, Plot
from loadtest.run import Run
from loadtest.step import Load
from loadtest.summary import StepResult

TEMPLATE = "report.html.j2"
BAR_HEIGHT = 44
PRIVATE = ("parameters", "auth_token_env", "api_key_env")


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot with its heading, what it shows, and its legend: colour class and name."""

    heading: str
    shows: str
    svg: str
    legend: list[tuple[str, str]]


def as_json(run: Run, load: Load) -> str:
    """Every figure, every turn and every error; times as in `loadtest.summary`."""
    steps = [
        {**asdict(result), "late": result.late, "failings": run.failings(result)}
        for result in run.results
    ]
    whole = {"load": _conditions(load), "conditions": asdict(run.conditions), "steps": steps}
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2).decode()


def as_html(run: Run, load: Load) -> str:
    """The report: a table and four plots."""
    results = run.results
    figures = [
        first_audio(results, run.conditions.slo_p95_ms),
        over_time(results, run.conditions.slo_p95_ms),
        stacked(results),
        active(results),
    ]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True
    )
    return environment.get_template(TEMPLATE).render(
        made=datetime.datetime.now().astimezone().isoformat(" ", "seconds"),
        load=_conditions(load),
        conditions=asdict(run.conditions),
        steps=[(result, run.failings(result)) for result in results],
        figures=[figure for figure in figures if figure],
    )


def _conditions(load: Load) -> dict[str, Any]:
    """What the callers did; parameters of calls may be private."""
    told = asdict(load) | {"wavs": [Path(wav).name for wav in load.wavs]}
    return {name: told[name] for name in told if name not in PRIVATE}


def first_audio(results: list[StepResult], slo_ms: float | None) -> Figure:
    """Which share of the turns was answered within which time."""
    times = [_counted(result) for result in results]
    most = max([slo_ms or 0.0, *(each[-1] for each in times if each)], default=1.0)
    plot = Plot("first audio, ms", "% of turns", most, 100)
    for number, (result, each) in enumerate(zip(results, times, strict=True)):
        share = [(ms, 100 * (rank + 1) / len(each)) for rank, ms in enumerate(each)]
        points = [(each[0], 0.0), *share, (most, 100.0)] if each else []
        plot.line(points, _colour(number), f"{result.calls} calls, {len(each)} turns")
    if slo_ms:
        plot.upright(slo_ms, f"objective: p95 ≤ {slo_ms:g} ms")
        plot.across(95, "95 %")
    shows = "The share of turns answered within a time; further left and steeper is better."
    return Figure("First audio by step", shows, plot.svg(), _legend(results))


def over_time(results: list[StepResult], slo_ms: float | None) -> Figure:
    """Each turn where it happened; turns during a ramp, which are not counted, faint."""
    measured = [(number, result, one) for number, result in enumerate(results)
                for one in result.noticed if one.first_audio_ms is not None]  # fmt: skip
    most_ms = max([slo_ms or 0.0, *(one.first_audio_ms or 0.0 for *_, one in measured)])
    most_s = max((result.began_s + result.took_s for result in results), default=1.0)
    plot = Plot("seconds since the run began", "first audio, ms", most_s, most_ms)
    for number, result, one in measured:
        ramping, first_ms = one.at_s < result.ramped_s, one.first_audio_ms or 0.0
        title = f"call {one.call}: {first_ms:,.0f} ms" + (" (ramp, not counted)" * ramping)
        plot.point((result.began_s + one.at_s, first_ms), _colour(number), title, faint=ramping)
    for result in results:
        for trouble in result.troubles:
            title = f"call {trouble.call}: {trouble.kind}: {trouble.text}"
            plot.point((result.began_s + max(0.0, trouble.at_s), 0), "bad", title)
    if slo_ms:
        plot.across(slo_ms, f"objective: p95 ≤ {slo_ms:g} ms")
    shows = "One point a turn. Faint: while calls were still beginning. Red, at the foot: errors."
    return Figure("First audio over time", shows, plot.svg(), _legend(results))


def stacked(results: list[StepResult]) -> Figure | None:
    """Medians of the server's stages, each beginning where the one before it ends."""
    told = [result for result in results if result.stages_ms]
    if not told:
        return None
    names = list(dict.fromkeys(name for result in told for name in result.stages_ms))
    colours = {name: _colour(number) for number, name in enumerate(names)}
    most = max(times.p50 for result in told for times in result.stages_ms.values())
    rows = [f"{result.calls} calls" for result in told]
    height = 70 + BAR_HEIGHT * len(rows)
    plot = Plot("ms after the caller's last voiced sample", "stages", most, 1, rows, height)
    for row, result in enumerate(told):
        begins = 0.0
        for name, times in result.stages_ms.items():
            ends = max(begins, times.p50)
            title = f"{name}: at {times.p50:,.0f} ms (p95 {times.p95:,.0f})"
            plot.bar(row, begins, ends, colours[name], title)
            begins = ends
    shows = (
        "Medians, told by the server, in the order in which they came: a bar's part ends when its "
        "stage was done. What is prepared ahead may come before the endpoint."
    )
    legend = [(colours[name], name.replace("_", " ")) for name in names]
    return Figure("Stages", shows, plot.svg(), legend)


def active(results: list[StepResult]) -> Figure:
    """Calls held over time."""
    most_s = max((result.began_s + result.took_s for result in results), default=1.0)
    most = max((calls for result in results for _, calls in result.active), default=1)
    plot = Plot("seconds since the run began", "calls", most_s, most, height=200)
    for number, result in enumerate(results):
        points: list[tuple[float, float]] = []
        for at_s, calls in result.active:
            points += [(result.began_s + at_s, points[-1][1])] if points else []
            points.append((result.began_s + at_s, calls))
        plot.line(points, _colour(number), f"{result.calls} calls", area=True)
    return Figure("Calls active", "Calls whose stream was open.", plot.svg(), [])


def _counted(result: StepResult) -> list[float]:
    every = [one for one in result.noticed if one.at_s >= result.ramped_s]
    return sorted(one.first_audio_ms for one in every if one.first_audio_ms is not None)


def _colour(number: int) -> str:
    return f"c{number % COLOURS}"


def _legend(results: list[StepResult]) -> list[tuple[str, str]]:
    return [(_colour(n), f"{result.calls} calls") for n, result in enumerate(results)]
