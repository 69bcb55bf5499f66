"""What goes out to the caller, the same for every protocol."""

from dataclasses import dataclass, field
from typing import Any

from audio.pcm import Audio
from conversation.history import Message
from conversation.tools import ToolCall
from conversation.wishes import Wish
from ingress.backends import Usage


@dataclass(frozen=True, slots=True)
class Play:
    audio: Audio


@dataclass(frozen=True, slots=True)
class PhraseEnd:
    """The caller's end is to say when everything played so far was heard."""

    turn: int
    generation: int
    phrase: int


@dataclass(frozen=True, slots=True)
class Clear:
    """Whatever has not been played is not to be played."""


@dataclass(frozen=True, slots=True)
class CallerStarted:
    """The caller has begun utterance `item`, `at_s` seconds into the line's audio."""

    item: str
    at_s: float


@dataclass(frozen=True, slots=True)
class CallerStopped:
    """Utterance `item` is over; its voice ended `at_s` seconds into the line's audio. `by_hand`:
    the caller's end has committed it."""

    item: str
    at_s: float
    by_hand: bool


@dataclass(frozen=True, slots=True)
class CallerSaid:
    """`item` names the utterance that a text that is not final yet belongs to."""

    turn: int
    text: str
    final: bool
    item: str = ""


@dataclass(frozen=True, slots=True)
class CallerUnderstood:
    """All words of utterance `item`, which lasted `seconds`; empty where there were none. With
    `failed`, why they are not known."""

    item: str
    text: str
    seconds: float
    failed: str = ""


@dataclass(frozen=True, slots=True)
class ReplyBegun:
    """Turn `turn` of the agent's is to be heard from now on, as item `item`. One that is made
    aside from the conversation has a negative number."""

    turn: int
    item: str
    wish: Wish


@dataclass(frozen=True, slots=True)
class AgentWrites:
    """More words of the agent's, ahead of their sound: a phrase, or of a reply in writing a piece
    that is to be joined to those before as it is."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class ToolCalled:
    turn: int
    call: ToolCall


@dataclass(frozen=True, slots=True)
class Used:
    turn: int
    usage: Usage


@dataclass(frozen=True, slots=True)
class FellBack:
    """The model has failed; a fixed line follows, if the turn is spoken."""

    turn: int
    detail: str


@dataclass(frozen=True, slots=True)
class ReplySent:
    """Everything of the turn has been sent. It may play on, and still be interrupted."""

    turn: int


@dataclass(frozen=True, slots=True)
class AgentSays:
    """The words of a phrase, as its sound is sent."""

    turn: int
    phrase: int
    text: str


@dataclass(frozen=True, slots=True)
class TurnClosed:
    """`stages_ms` maps a stage of the turn to when it was done, in milliseconds after the
    caller's last speech sample."""

    turn: int
    outcome: str
    stages_ms: dict[str, float] = field(default_factory=dict[str, float])
    heard: str = ""


@dataclass(frozen=True, slots=True)
class ItemTold:
    """What the conversation holds of an item, to whoever asked by `request`: see `TellItem`."""

    item: str
    message: Message | None
    request: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A codec's own answer to a message, `body` being the wire's."""

    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Noted:
    text: str


SERVER_STOPS = "the server stops"
"""Why a call is closed that might be begun anew elsewhere."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The call is over: everything before this has gone out."""

    reason: str


Output = (
    Play
    | PhraseEnd
    | Clear
    | CallerStarted
    | CallerStopped
    | CallerSaid
    | CallerUnderstood
    | ReplyBegun
    | AgentWrites
    | AgentSays
    | ToolCalled
    | Used
    | FellBack
    | ReplySent
    | TurnClosed
    | ItemTold
    | Answer
    | Noted
    | Closed
)
