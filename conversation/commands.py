"""What is to be done in a call, imperative. What happens in it: `conversation.events`."""

from dataclasses import dataclass
from typing import Literal

from conversation.events import Utterance
from conversation.fallbacks import FailureClass
from conversation.history import Message
from conversation.wishes import PLAIN, Wish


@dataclass(frozen=True, slots=True)
class Transcribe:
    segment: int
    utterance: Utterance


@dataclass(frozen=True, slots=True)
class Forget:
    """Nobody wants this segment's transcript any more."""

    segment: int


@dataclass(frozen=True, slots=True)
class Understood:
    """The caller's words are certain."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class Reply:
    """Let the model answer `messages`, and speak the answer; a `prepared` one waits, unheard, with
    its first phrase ready, for `Release` or `Discard`."""

    turn: int
    attempt: int
    messages: tuple[Message, ...]
    prepared: bool = False
    wish: Wish = PLAIN


@dataclass(frozen=True, slots=True)
class ReplyAside:
    """Let the model answer `messages` in writing, beside the conversation."""

    aside: int
    item: str
    messages: tuple[Message, ...]
    wish: Wish


@dataclass(frozen=True, slots=True)
class DropAside:
    aside: int


@dataclass(frozen=True, slots=True)
class Release:
    """The prepared reply is wanted: let it be heard."""


@dataclass(frozen=True, slots=True)
class Discard:
    """The prepared reply is not wanted: stop it, and leave no trace."""


@dataclass(frozen=True, slots=True)
class Say:
    """Speak a fixed line."""

    turn: int
    attempt: int
    text: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Fall silent at once, and keep what the caller has not heard."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on from the first sample that the caller has not heard."""


@dataclass(frozen=True, slots=True)
class DropTurn:
    """Stop the turn's work and whatever of it has not been played."""


@dataclass(frozen=True, slots=True)
class Warm:
    """Let the model compute these messages now: the next request begins with them."""

    messages: tuple[Message, ...]


Outcome = Literal["answered", "interrupted", "empty", "failed", "greeted"]


@dataclass(frozen=True, slots=True)
class CloseTurn:
    """Put the turn on record: what was heard of it, and how it ended."""

    turn: int
    outcome: Outcome
    heard: str


@dataclass(frozen=True, slots=True)
class TellStarted:
    """The caller has begun an utterance, which is to be known as `item`."""

    item: str
    sample: int


@dataclass(frozen=True, slots=True)
class TellStopped:
    """The utterance is over; `by_hand`: since the caller's end said so."""

    item: str
    utterance: Utterance
    by_hand: bool


@dataclass(frozen=True, slots=True)
class TellTranscript:
    """What was said in a whole utterance, maybe nothing, or why nobody knows."""

    item: str
    text: str
    seconds: float
    failed: str = ""


@dataclass(frozen=True, slots=True)
class TellBegun:
    """A reply is to be seen as begun, though it will have nothing in it."""

    turn: int
    item: str
    wish: Wish


@dataclass(frozen=True, slots=True)
class TellItem:
    """What the conversation holds of an item: one without words where it has none, or none yet;
    None where it has outgrown it."""

    item: str
    message: Message | None
    request: str


@dataclass(frozen=True, slots=True)
class FallBack:
    """Put on record that a failure was answered with fallback line number `tier` (from 1)."""

    turn: int
    tier: int
    failure: FailureClass
    detail: str


@dataclass(frozen=True, slots=True)
class Note:
    """Tell the caller's log."""

    kind: Literal[
        "queue_full",
        "queued",
        "digits",
        "unconfirmed",
        "unspoken",
        "not_understood",
        "backchannel",  # said in passing: no turn
        "continued",  # the caller went on just after the endpoint: the same turn
    ]
    text: str


@dataclass(frozen=True, slots=True)
class HangUp:
    reason: str


Command = (
    Transcribe
    | Forget
    | Understood
    | Reply
    | ReplyAside
    | DropAside
    | Release
    | Discard
    | Say
    | Hold
    | Resume
    | DropTurn
    | Warm
    | CloseTurn
    | TellStarted
    | TellStopped
    | TellTranscript
    | TellBegun
    | TellItem
    | FallBack
    | Note
    | HangUp
)
