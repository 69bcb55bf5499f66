"""What a person at a terminal sees of a simulated call, and what a program does."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.text import Text as Styled

from loadtest.phone import LATE_MS, Phone
from loadtest.script import Turn

_SPEAKERS = {
    "transcript": ("caller", "cyan"),
    "phrase": ("agent", "green"),
    "notice": ("note", "yellow"),
}


class Printout(Protocol):
    def dialling(self, url: str, call_sid: str) -> None: ...
    def text(self, body: dict[str, Any], *, cut_off: bool = False) -> None: ...
    def turn(self, turn: Turn) -> None: ...
    def over(self, phone: Phone, wav: Path) -> None: ...


class ForPeople:
    """Texts as they come, one line of times a turn."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def dialling(self, url: str, call_sid: str) -> None:
        self._line("call", "bold", f"{url} as {call_sid}")

    def text(self, body: dict[str, Any], *, cut_off: bool = False) -> None:
        """`cut_off`: not all of it was heard."""
        said = str(body.get("text", "")) + (" [cut off]" if cut_off else "")
        if said and body.get("final", True) and (kind := _SPEAKERS.get(str(body.get("type")))):
            self._line(*kind, said)

    def turn(self, turn: Turn) -> None:
        first = "none" if turn.first_audio_ms is None else f"{turn.first_audio_ms:,.0f} ms"
        stages = [f"{name.replace('_', ' ')} {ms:,.0f}" for name, ms in turn.stages_ms.items()]
        told = f" (server: {' · '.join(stages)})" if stages else ""
        self._line(f"turn {turn.turn}", "bold", f"first audio {first}{told}")
        for error in turn.errors:
            self._line("error", "red", error)

    def over(self, phone: Phone, wav: Path) -> None:
        seconds = phone.now / 8_000
        self._line("heard", "bold", f"{seconds:.1f} s of what the caller heard: {wav}")
        for trouble in troubles(phone):
            self._line("note", "yellow", trouble)

    def _line(self, label: str, style: str, text: str) -> None:
        self._console.print(Styled(f"{label:>7}  ", style), Styled(text), sep="", soft_wrap=True)


class ForPrograms:
    """One JSON object a turn, and nothing else on standard output."""

    def __init__(self, wav: Path) -> None:
        self._wav = wav

    def dialling(self, url: str, call_sid: str) -> None: ...

    def text(self, body: dict[str, Any], *, cut_off: bool = False) -> None: ...

    def turn(self, turn: Turn) -> None:
        told = asdict(turn)
        errors = told.pop("errors")
        print(json.dumps({**told, "heard_wav": str(self._wav), "errors": errors}), flush=True)

    def over(self, phone: Phone, wav: Path) -> None:
        for trouble in troubles(phone):
            print(trouble, file=sys.stderr)


def troubles(phone: Phone) -> Iterator[str]:
    """What makes the call's figures doubtful: the server's faults and the caller's own."""
    yield from phone.faults
    if phone.late_frames:
        late = f"{phone.late_frames} of the caller's own frames left over {LATE_MS:.0f} ms late"
        yield f"{late} (worst {phone.latest_ms:.0f} ms): first audio is not exact"
