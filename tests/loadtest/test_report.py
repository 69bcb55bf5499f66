"""The HTML page is read as a browser would read it, and its plots as SVG."""

import json
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.noticed import Beat, Kind, Noticed, Own, Record, Trouble
from loadtest.plots import Plot, ticks
from loadtest.report import as_html, as_json
from loadtest.run import Conditions, Run
from loadtest.step import Load, Step
from loadtest.summary import summed

LOAD = Load("http://127.0.0.1:8000", ["/somewhere/said.wav"], parameters={"pin": "1234"})
EVIL = "<script>alert('&')</script>"
STAGES = {"transcript": 150.0, "endpoint": 200.0, "sent": 480.0}


def step(calls: int, first_ms: float) -> tuple[Step, list[tuple[int, Record]]]:
    records: list[Record] = [
        *(Noticed(0, 1.0 + k, first_ms + k, stages_ms=STAGES) for k in range(10)),
        Trouble(0, 3.0, Kind.NOTICE, EVIL),
        Beat(0.5, 1),
        Beat(1.0, calls),
        Beat(12.0, 0),
    ]
    return Step(calls, 0.0, 12.0, 0.0), [(0, record) for record in records]


@pytest.fixture
def run() -> Run:
    nobody: Any = SimpleNamespace()
    made = Run(nobody, Conditions(0.0, 12.0, slo_p95_ms=600.0), nobody)
    made.results += [summed(*step(1, 500.0)[:1], 0.0, step(1, 500.0)[1], Own())]
    made.results += [summed(*step(8, 900.0)[:1], 13.0, step(8, 900.0)[1], Own())]
    return made


class Page(HTMLParser):
    """Cells by table, headings, and everything that would be fetched or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.headings: list[str] = []
        self.foreign: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append(tag)
        self.foreign += [tag] if tag in ("script", "link", "img", "iframe") else []
        self.foreign += [str(value) for name, value in attrs if name in ("src", "href")]
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._open.append("")

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "td":
            self.rows[-1][-1] += data.strip()
        if self._open and self._open[-1] == "h2":
            self.headings.append(data)


def svgs(html: str) -> list[ElementTree.Element]:
    parts = [part.split("</svg>")[0] + "</svg>" for part in html.split("<svg")[1:]]
    return [ElementTree.fromstring("<svg" + part) for part in parts]


def test_the_page_has_every_step_and_needs_nothing_else(run: Run) -> None:
    html = as_html(run, LOAD)
    page = Page(html)
    assert page.foreign == []
    assert [row[:6] for row in page.rows[1:3]] == [
        ["1", "10", "504", "509", "509", "509"],
        ["8", "10", "904", "909", "909", "909"],
    ]
    assert page.rows[1][-1] == "1 notice"
    assert page.rows[2][-1] == "p95 is 909 ms, the objective 600 ms; 1 notice"
    assert page.headings == [
        "First audio by step", "First audio over time", "Stages", "Calls active", "Conditions"
    ]  # fmt: skip
    assert "alert" in html and EVIL not in html
    assert "1234" not in html and "/somewhere" not in html


def test_each_plot_draws_what_was_noticed(run: Run) -> None:
    distribution, over_time, stages, active = svgs(as_html(run, LOAD))
    assert len(distribution.findall("polyline")) == 2
    assert len(distribution.findall("line[@class='slo']")) == 2
    points = over_time.findall("circle")
    assert len(points) == 20 + 2
    assert points[0].findtext("title") == "call 0: 500 ms"
    assert sum("bad" in str(p.get("class")) for p in points) == 2
    bars = stages.findall("rect")
    assert len(bars) == 6
    widths = [float(bar.get("width", 0)) for bar in bars[:3]]
    assert widths[0] / widths[1] == pytest.approx(150 / 50, rel=0.02)
    assert len(active.findall("polygon")) == 2


def test_a_run_of_which_nothing_is_known_is_a_page_all_the_same(run: Run) -> None:
    run.results[:] = [summed(Step(2, 0.0, 1.0, 0.0), 0.0, [], Own())]
    page = Page(as_html(run, LOAD))
    assert page.rows[1][:3] == ["2", "0", "-"]
    assert "Stages" not in page.headings


def test_the_json_has_every_turn(run: Run) -> None:
    told = json.loads(as_json(run, LOAD))
    assert told["load"]["wavs"] == ["said.wav"] and "parameters" not in told["load"]
    assert told["conditions"]["slo_p95_ms"] == 600
    first, second = told["steps"]
    assert (first["calls"], len(first["noticed"]), first["failings"]) == (1, 10, ["1 notice"])
    assert first["first_audio_ms"]["p50"] == 504.5 and first["late"] is False
    assert second["troubles"][0]["kind"] == "notice"


@given(st.floats(1e-3, 1e6), st.integers(3, 10))
def test_ticks_are_round_and_reach_the_longest(longest: float, about: int) -> None:
    found = ticks(longest, about)
    assert found[0] == 0 and found[-1] >= longest * (1 - 1e-6)
    assert 2 <= len(found) <= about + 2


def test_the_lowest_value_is_at_the_foot() -> None:
    plot = Plot("x", "y", 100, 100)
    assert plot.y(0) > plot.y(100) and plot.x(0) < plot.x(100)
