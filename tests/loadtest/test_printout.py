from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from loadtest.printout import ForPeople, ForPrograms
from loadtest.script import Turn

LATE: Any = SimpleNamespace(now=80_000, faults=["a fault"], late_frames=3, latest_ms=41.6)
WAV = Path("heard.wav")


def test_people_see_texts_times_and_troubles() -> None:
    shown = StringIO()
    people = ForPeople(Console(file=shown, width=200))
    people.text({"type": "transcript", "text": "never shown", "final": False})
    people.text({"type": "transcript", "text": "[hello]", "final": True})
    people.text({"type": "notice", "text": "queue_full: x"})
    people.text({"type": "phrase", "text": "Hi."})
    people.text({"type": "phrase", "text": "I am"}, cut_off=True)
    people.turn(Turn(1, "hello", "Hi.", 1_234.4, {"first_token": 99.6}, []))
    people.turn(Turn(2, None, None, None, {}, ["no answer"]))
    people.over(LATE, WAV)
    assert shown.getvalue().splitlines() == [
        " caller  [hello]",
        "   note  queue_full: x",
        "  agent  Hi.",
        "  agent  I am [cut off]",
        " turn 1  first audio 1,234 ms (server: first token 100)",
        " turn 2  first audio none",
        "  error  no answer",
        "  heard  10.0 s of what the caller heard: heard.wav",
        "   note  a fault",
        "   note  3 of the caller's own frames left over 20 ms late (worst 42 ms): "
        "first audio is not exact",
    ]


def test_programs_are_told_of_troubles_beside_the_json(capsys: pytest.CaptureFixture[str]) -> None:
    programs = ForPrograms(WAV)
    programs.turn(Turn(1, "hello", "Hi.", 12.0, {}, []))
    programs.over(LATE, WAV)
    told = capsys.readouterr()
    assert told.out.count("\n") == 1
    assert "a fault" in told.err and "3 of the caller's own frames" in told.err
