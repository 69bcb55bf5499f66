"""A call's protocol, as the caller's end of it speaks it: the seam between `loadtest.handset`,
which has the line's clock, and `loadtest.twilio_wire` and `loadtest.realtime_wire`. Pure: no
socket, and time is handed in, in samples of the line at 8 kHz."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from loadtest.playout import Playout
from loadtest.utterance import Utterance

FRAME_SAMPLES = 160
"""A frame of 20 ms leaves when its last sample was spoken."""


class Malformed(Exception):
    """A message that no client of the protocol would take; it says which and why."""


@dataclass(frozen=True, slots=True)
class Text:
    """What a server told of a call (a transcript, a phrase, a turn's end), the sample of the line
    at which it came, and the one at which sound that comes after it will play."""

    at: int
    body: dict[str, Any]
    plays_at: int = 0


@dataclass(slots=True)
class Ear:
    """What reached the caller. `faults` are what a client of the protocol would have refused,
    `cleared` the samples of the line at which buffered speech was dropped. The ear is a
    telephone's whatever the protocol, so that what is heard over both compares."""

    playout: Playout = field(default_factory=Playout)
    texts: list[Text] = field(default_factory=list[Text])
    faults: list[str] = field(default_factory=list[str])
    cleared: list[int] = field(default_factory=list[int])

    def read(self, body: dict[str, Any], now: int) -> None:
        self.texts.append(Text(now, body, max(now, self.playout.end)))

    def forget(self, before: int) -> None:
        """Drop sound and texts from before a sample."""
        self.playout.forget(before)
        self.texts = [text for text in self.texts if text.at >= before]


class Wire(Protocol):
    """One call's. What is returned is sent at once, in order."""

    @property
    def ear(self) -> Ear: ...

    def opening(self) -> list[str]:
        """The socket is open."""
        ...

    def frames(self, utterance: Utterance) -> Sequence[str]:
        """An utterance cut into frames, each for `speak`."""
        ...

    def speak(self, frame: str | None, at: int) -> str:
        """The message with a frame, or with silence, that begins at sample `at`."""
        ...

    def due(self, now: int) -> list[str]:
        """What the passing of time calls for."""
        ...

    def received(self, message: str | bytes, now: int) -> list[str]:
        """A message came; a malformed one is a fault."""
        ...

    def closing(self) -> list[str]:
        """The caller hangs up."""
        ...
