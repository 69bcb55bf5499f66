"""What a peer may ask of the line itself, beside what happens in the conversation."""

from dataclasses import dataclass

from conversation.endpointing import Thresholds


@dataclass(frozen=True, slots=True)
class Listen:
    """Listen so from now on; `by_hand`: an utterance is over when the peer says so, and no voice
    begins or ends one. `language` is ISO 639-1; None leaves the agent's."""

    thresholds: Thresholds
    by_hand: bool = False
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """What the line has heard since the last utterance is one, whole."""


@dataclass(frozen=True, slots=True)
class TakeBack:
    """What the line has heard since the last utterance is to be forgotten."""


Input = Listen | Commit | TakeBack
