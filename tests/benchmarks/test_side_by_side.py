"""What the side-by-side makes of what it measured, and that it measures our own ingress."""

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks.__main__ import options
from benchmarks.peers.bots import Ground, bots, floor_of
from benchmarks.peers.caller import Turn
from benchmarks.peers.callers import Held
from benchmarks.peers.ground import Cores, mocks
from benchmarks.side_by_side import ROWS
from benchmarks.side_by_side_rows import (
    Callers,
    interruption,
    most_calls,
    quick_enough,
    waits,
    words_kept,
)
from benchmarks.side_by_side_table import all_met, table


def said(*messages: tuple[str, Any]) -> list[dict[str, Any]]:
    return [{"role": role, "content": content} for role, content in messages]


def test_words_kept_are_those_of_the_reply_before_the_last_words_of_the_caller() -> None:
    whole = "I can help you with that right now. The weather today is going to be warm."
    assert words_kept(said(("user", "a"), ("assistant", "I can help"), ("user", "b"))) == 3
    assert words_kept(said(("user", "a"), ("assistant", whole), ("user", "b"))) == 16
    assert words_kept(said(("user", "a"), ("user", "b"))) == 0
    assert words_kept(said(("user", "a"), ("assistant", "Sure, I… [cut off]"), ("user", "b"))) == 2
    parts = [{"type": "text", "text": "I can"}]
    assert words_kept(said(("user", "a"), ("assistant", parts), ("user", "b"))) == 2


def test_an_interruption_is_judged_by_the_last_request_before_the_next_answer() -> None:
    before, after = Turn(0, 1, 2, None, 0.8), Turn(3, 4, 5, 3.15, 0)
    kept = said(("user", "a"), ("assistant", "I can help you"), ("user", "b"))
    later = said(("user", "a"), ("user", "b"))
    asked = [{"at": 4.5, "messages": kept}, {"at": 6, "messages": later}]
    found = interruption(before, after, asked)
    assert found == {"clear_ms": 150, "heard": 3.2, "kept": 4}
    ignored = interruption(before, Turn(3, 4, None, None, 0), asked)
    assert ignored["clear_ms"] is None
    assert ignored["kept"] is None


def test_an_answer_that_never_came_is_the_longest_wait() -> None:
    answered = [Turn(0, 1, 1.7)] * 9
    told = waits(Held((tuple(answered), (*answered[:2], Turn(0, 1))), 0, (), 1))
    assert told["missed"] == 1
    assert told["p50_ms"] == 700
    assert told["p95_ms"] is None


def run(calls: int, p95_ms: float | None, faults: tuple[str, ...] = ()) -> dict[str, Any]:
    late_ms = {"callers": 1.0, "mocks": 2.0}
    return {"calls": calls, "cores": 0.5, "others": 0.01, "turns": 10, "missed": 0, "p50_ms": 700.0,
            "p95_ms": p95_ms, "counts": True, "late_ms": late_ms, "faults": faults}  # fmt: skip


def test_most_calls_are_those_of_the_largest_quick_run() -> None:
    runs = [run(64, 800), run(160, 1_200), run(96, 1_000), run(128, None), run(224, 700, ("x",))]
    assert [quick_enough(one) for one in runs] == [True, False, True, False, False]
    assert most_calls(runs) == 96
    assert most_calls([run(8, 2_000)]) == 0


def test_floors_follow_from_the_settings() -> None:
    serial = {"silence_ms": 200, "prepare_after_ms": 0}
    assert round(floor_of(serial, 8)) == 683
    assert round(floor_of({"silence_ms": 200, "prepare_after_ms": 120}, 8)) == 603
    assert floor_of({"silence_ms": 900, "prepare_after_ms": 120}, 8) == 900
    assert {name for row in ROWS.values() for name in row} == set(bots())


def kept(value: float | None, samples: list[Any], floor_ms: float = 683.3) -> dict[str, Any]:
    return {"value": value, "floor_ms": floor_ms, "what": "a bot", "when": "2026-01-01T00:00+00:00",
            "commit": "abc", "samples": samples}  # fmt: skip


def found(parley_ms: float) -> dict[str, Any]:
    first = {"pipecat": kept(810, [run(8, 830)]), "parley": kept(parley_ms, [run(8, 760)])}
    interrupted = {"clear_ms": 150.0, "heard": 3.2, "kept": 3}
    cut = [{"interruptions": [interrupted], "counts": True, "late_ms": {}, "faults": []}]
    return {
        "machine": "2 cores",
        "versions": {"pipecat-ai": "1.14.0"},
        "rows": {"first-audio": first, "barge-in": {"parley-shipped": kept(150, cut)}},
    }


def test_the_table_says_what_was_measured_and_which_target_is_missed() -> None:
    page = table(found(700))
    assert "| +127 ms | - | +17 ms | ≤ +30 ms | yes |" in page
    assert "| 150 ms | ≤ 200 ms | yes |" in page
    assert "calls a core, p95" not in page
    assert all_met(found(700))
    assert "**no**" in table(found(800))
    assert not all_met(found(800))


def test_a_figure_of_no_run_that_counts_is_doubted() -> None:
    doubtful = found(700)
    assert "Not one run" not in table(doubtful)
    doubtful["rows"]["first-audio"]["parley"]["samples"] = [run(8, 760) | {"counts": False}]
    assert "**Not one run that counts**: first-audio of parley." in table(doubtful)


@pytest.mark.parametrize("rows", [{}, {"rows": {}}])
def test_nothing_measured_makes_a_page_all_the_same(rows: dict[str, Any]) -> None:
    assert "nothing measured" in table(rows)


def test_rows_and_bots_can_be_chosen() -> None:
    given = options(["peers", "--quick", "--rows", "memory", "--bots", "parley", "livekit"])
    assert given.quick and given.rows == ["memory"] and given.bots == ["parley", "livekit"]
    assert options(["peers"]).rows == tuple(ROWS)


def test_our_ingress_is_measured_over_its_socket(tmp_path: Path) -> None:
    """One call to the application in a process of its own, with one barge-in. Not how fast."""
    cores = Cores.of_this_machine()
    with mocks(cores.mocks) as models:
        ground = Ground(cores, models, Path("unused"), tmp_path, Console())
        with bots()["parley"].start(ground) as running:
            run = Callers.new(models, cores.bot).barge_in(running, 1)
    assert run["faults"] == []
    (one,) = run["interruptions"]
    assert one["clear_ms"] > 0
    assert 0 < one["heard"] < 16
    assert 0 < one["kept"] < 16
