"""What simulated callers noticed under load: the records that a run is made of. Pure.

Times `at_s` are seconds since the step began; all others milliseconds, counted as
`loadtest.first_audio` counts them.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """Kinds of errors. Each makes a run fail."""

    REFUSED = "refused"  # no stream: busy, loading, not reached
    CLOSED = "closed"  # the server ended the call
    MISSED = "missed"  # nothing was heard of an answer in time
    ENDLESS = "endless"  # an answer that did not end in time
    NOT_UNDERSTOOD = "not understood"  # the agent heard nothing in the utterance
    FAILED = "failed"  # the agent said that it could not answer
    BARGE_IN_IGNORED = "barge-in ignored"  # the agent went on for a second or more
    FAULT = "fault"  # the server sent what no client would take
    NOTICE = "notice"  # the server noted a trouble of its own


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error of a call."""

    call: int
    at_s: float
    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Noticed:
    """One utterance and its answer. `at_s` is the end of the caller's voice; `first_audio_ms` is
    None where nothing was heard, and where the agent spoke `early`, into the utterance's end.
    `gaps_ms`: silences inside the reply in which the playout buffer was dry. `barge_in_ms`: from
    the first voiced sample to `clear`, of utterances that were spoken into a reply (`barged`)."""

    call: int
    at_s: float
    first_audio_ms: float | None
    early: bool = False
    stages_ms: dict[str, float] = field(default_factory=dict[str, float])
    gaps_ms: list[float] = field(default_factory=list[float])
    barged: bool = False
    barge_in_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Beat:
    """How many calls a process holds at a time."""

    at_s: float
    active: int


@dataclass(slots=True)
class Own:
    """The tester's own part: how many frames left so many milliseconds late (the last: or more),
    the worst, and the processor's time it took."""

    late_ms: list[int] = field(default_factory=list[int])
    latest_ms: float = 0.0
    cpu_s: float = 0.0

    def add(self, other: "Own") -> None:
        longest = max(len(self.late_ms), len(other.late_ms))
        pairs = [x + [0] * (longest - len(x)) for x in (self.late_ms, other.late_ms)]
        self.late_ms = [ours + theirs for ours, theirs in zip(*pairs, strict=True)]
        self.latest_ms = max(self.latest_ms, other.latest_ms)
        self.cpu_s += other.cpu_s

    def late_at_ms(self, percent: float) -> float:
        """So late or less was this share of the frames, in whole milliseconds rounded up."""
        wanted, seen = sum(self.late_ms) * percent / 100, 0
        for ms, frames in enumerate(self.late_ms):
            seen += frames
            if seen >= wanted:
                return ms + 1.0 if seen else 0.0
        return 0.0


Record = Noticed | Trouble | Beat
