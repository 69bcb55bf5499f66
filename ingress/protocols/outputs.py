"""What goes out to the caller, the same for every protocol."""

from dataclasses import dataclass, field

from audio.pcm import Audio


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
class CallerSaid:
    turn: int
    text: str
    final: bool


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


@dataclass(frozen=True, slots=True)
class Noted:
    text: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The call is over: everything before this has gone out."""

    reason: str


Output = Play | PhraseEnd | Clear | CallerSaid | AgentSays | TurnClosed | Noted | Closed
