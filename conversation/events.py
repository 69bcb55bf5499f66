"""The vocabulary of a call: what happened, and what is to be done about it.

Events are in the past tense, commands imperative. What goes out to the caller stands in
`ingress.protocols.outputs`, since it carries sound.
"""

from dataclasses import dataclass
from typing import Literal

from conversation.fallbacks import FailureClass
from conversation.history import Message


@dataclass(frozen=True, slots=True)
class Utterance:
    """Samples [first, end) of the caller's audio at 8 kHz, counted from the call's first."""

    first_sample: int
    end_sample: int


@dataclass(frozen=True, slots=True)
class CallStarted: ...


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Enough voice to be speech; it began at `sample`."""

    sample: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """An utterance, or with `complete=False` a piece of one: the caller still speaks, but for
    longer than is transcribed at once. `silence_ms` is the silence already waited for."""

    utterance: Utterance
    complete: bool
    silence_ms: float


@dataclass(frozen=True, slots=True)
class Transcribed:
    """`text` is empty when there were no words."""

    segment: int
    text: str


@dataclass(frozen=True, slots=True)
class TranscriptFailed:
    segment: int
    failure: FailureClass
    detail: str


@dataclass(frozen=True, slots=True)
class TextReceived:
    text: str


@dataclass(frozen=True, slots=True)
class DigitPressed:
    """A key of the telephone: 0-9, *, # or A-D."""

    digit: str


@dataclass(frozen=True, slots=True)
class PhraseSent:
    """A phrase of `turn` is on its way to the caller, `seconds` of sound."""

    turn: int
    text: str
    seconds: float


@dataclass(frozen=True, slots=True)
class PhraseHeard:
    """The caller's end has played phrase number `phrase` (from 0) of `turn`."""

    turn: int
    generation: int
    phrase: int


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """The model's reply has been sent, whole."""

    turn: int


@dataclass(frozen=True, slots=True)
class ReplyFailed:
    turn: int
    failure: FailureClass
    detail: str


@dataclass(frozen=True, slots=True)
class LineEnded:
    """A fixed line (greeting, fallback) has been sent, or, as `unspoken` says, could not be."""

    turn: int
    unspoken: str = ""


@dataclass(frozen=True, slots=True)
class Ticked:
    """A clock's reading in seconds; only differences count."""

    now_s: float


@dataclass(frozen=True, slots=True)
class EndRequested:
    """Somebody wants the call to end now."""

    reason: str


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The line is gone."""

    reason: str


Event = (
    CallStarted
    | SpeechStarted
    | SpeechEnded
    | Transcribed
    | TranscriptFailed
    | TextReceived
    | DigitPressed
    | PhraseSent
    | PhraseHeard
    | ReplyEnded
    | ReplyFailed
    | LineEnded
    | Ticked
    | EndRequested
    | CallEnded
)


@dataclass(frozen=True, slots=True)
class Transcribe:
    segment: int
    utterance: Utterance


@dataclass(frozen=True, slots=True)
class Reply:
    """Let the model answer `messages`, and speak the answer."""

    turn: int
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Say:
    """Speak a fixed line."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class DropTurn:
    """Stop the turn's work and whatever of it has not been played."""

    turn: int


Outcome = Literal["answered", "interrupted", "empty", "failed", "greeted"]


@dataclass(frozen=True, slots=True)
class CloseTurn:
    """Put the turn on record: what was heard of it, and how it ended."""

    turn: int
    outcome: Outcome
    heard: str


@dataclass(frozen=True, slots=True)
class FallBack:
    """Put on record that a failure was answered with fallback line number `tier` (from 1)."""

    tier: int
    failure: FailureClass
    detail: str


@dataclass(frozen=True, slots=True)
class Note:
    """Tell the caller's log."""

    kind: Literal["queue_full", "queued", "digits", "unconfirmed", "unspoken", "not_understood"]
    text: str


@dataclass(frozen=True, slots=True)
class HangUp:
    reason: str


Command = Transcribe | Reply | Say | DropTurn | CloseTurn | FallBack | Note | HangUp
