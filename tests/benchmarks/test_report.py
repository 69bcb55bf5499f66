import io
import json

import pytest
from rich.console import Console

from benchmarks.report import Detail, Figure, Report, number


@pytest.mark.parametrize(
    ("figure", "met"),
    [
        (Figure("a", 0.15, at_most=0.15), True),
        (Figure("a", 0.16, at_most=0.15), False),
        (Figure("a", 30, at_least=30), True),
        (Figure("a", 29, at_least=30), False),
        (Figure("a", None, at_most=2.0), False),
        (Figure("a", None), None),
        (Figure("a", 7.0), None),
    ],
)
def test_a_target_is_met_or_not_or_none(figure: Figure, met: bool | None):
    assert figure.met is met


def test_one_target_not_met_fails_the_report():
    met, missed = Figure("a", 1, at_most=2), Figure("b", 3, at_most=2)
    assert Report("x", [met, Figure("c", 9)]).met
    assert not Report("x", [met, missed]).met


def test_programs_get_every_figure_and_row():
    detail = Detail("turns", ("turn", "ms"), [(1, 812.5), (2, None)])
    told = json.loads(
        Report("x", [Figure("a", 1.5, "ms", at_most=2.0)], [detail], ["hm"]).as_json()
    )
    assert told["figures"] == [
        {"name": "a", "value": 1.5, "unit": "ms", "at_most": 2.0, "at_least": None, "met": True}
    ]
    assert told["details"] == {"turns": [{"turn": 1, "ms": 812.5}, {"turn": 2, "ms": None}]}
    assert told["met"] and told["notes"] == ["hm"]


def test_people_see_measured_target_and_verdict():
    out = io.StringIO()
    figures = [Figure("wait", 2_345.6, "ms", at_most=2_000.0), Figure("done", 3, at_least=3)]
    Report("x", figures, notes=["[busy]"]).show(Console(file=out, width=100))
    lines = out.getvalue().splitlines()
    assert any(
        all(part in line for part in ("wait", "2,346 ms", "≤ 2,000", "not met")) for line in lines
    )
    assert any("done" in line and "not met" not in line and "met" in line for line in lines)
    assert "note: [busy]" in out.getvalue()


def test_numbers_are_short():
    assert [number(v) for v in (0.0833333, 12.34, 2_881.7, 3, None, "text")] == [
        "0.083",
        "12.3",
        "2,882",
        "3",
        "-",
        "text",
    ]
