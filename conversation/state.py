"""What a conversation is at one moment, and the policy it follows. Owns no decision."""

from dataclasses import dataclass
from typing import Literal

from conversation.events import Outcome
from conversation.fallbacks import FailureClass
from conversation.history import Message

Phase = Literal["listening", "replying", "draining"]

UNCONFIRMED_S = 10.0
"""Seconds after its last sample should have played that a turn waits for the caller's end to say
so. Our choice: far above any jitter buffer, far below what a caller would wait in silence."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The part of an agent that turn-taking follows (`configs.agents`, which documents it)."""

    system_prompt: str = ""
    greeting: str | None = None
    interruptible: bool = True
    fallback_lines: tuple[str, ...] = ("I apologize, can you repeat that?",)
    max_queued_turns: int = 0
    max_history_messages: int = 0
    max_history_tokens: int = 0
    idle_call_s: float = 1_800
    call_length_s: float = 7_200


@dataclass(frozen=True, slots=True)
class Failed:
    failure: FailureClass
    detail: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the caller's utterance; `text` is None until it is transcribed."""

    number: int
    text: str | None = None
    failed: Failed | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """`turn` and `generation` name what is being spoken or, while listening, what will be next."""

    policy: Policy = Policy()
    phase: Phase = "listening"
    turn: int = 0
    generation: int = 0
    history: tuple[Message, ...] = ()
    caller_speaks: bool = False
    segments: tuple[Segment, ...] = ()
    next_segment: int = 0
    queued: tuple[str, ...] = ()
    sent: tuple[str, ...] = ()
    heard: int = 0  # how many of `sent` the caller has heard
    playout_end_s: float = 0.0
    outcome: Outcome = "answered"  # of the running turn, should nothing more happen to it
    failures: int = 0  # in a row
    leaving: bool = False  # hang up once this turn was heard
    over: bool = False
    digits: str = ""
    digit_s: float = 0.0
    now_s: float = 0.0
    started_s: float | None = None
    active_s: float = 0.0  # when anybody last spoke
