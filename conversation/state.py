"""What a conversation is at one moment, and the policy it follows. Owns no decision."""

from dataclasses import dataclass
from typing import Literal

from conversation.commands import Command, Outcome
from conversation.events import Utterance
from conversation.fallbacks import FailureClass
from conversation.history import Message
from conversation.spoken import BEGINNING, Phrase, Position

Phase = Literal["listening", "preparing", "replying"]
"""`preparing`: a reply is made that nobody hears yet. `replying`: until all of it was heard."""

UNCONFIRMED_S = 10.0
"""Seconds after its last sample should have played that a turn waits for the caller's end to say
so. Our choice: far above any jitter buffer, far below what a caller would wait in silence."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The part of an agent and of `configs.schema` that turn-taking follows; documented there."""

    system_prompt: str = ""
    greeting: str | None = None
    interruptible: bool = True
    fallback_lines: tuple[str, ...] = ("I apologize, can you repeat that?",)
    max_queued_turns: int = 0
    max_history_messages: int = 0
    max_history_tokens: int = 0
    idle_call_s: float = 1_800
    call_length_s: float = 7_200
    prepares: bool = True
    warms_prefix: bool = False
    resume_within_ms: int = 800
    backchannels: tuple[str, ...] = ()
    interruption_min_words: int = 1


@dataclass(frozen=True, slots=True)
class Failed:
    failure: FailureClass
    detail: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the caller's utterance; `text` is None until it is transcribed. A `tentative` one
    ends at a pause that may not be the utterance's end; a `dismissed` one was said in passing."""

    number: int
    utterance: Utterance | None = None
    text: str | None = None
    failed: Failed | None = None
    tentative: bool = False
    dismissed: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """`turn`, `attempt` and `generation` name what is being spoken or, while listening, what will
    be next. A turn may take several attempts; each `clear` of the line begins a generation."""

    policy: Policy = Policy()
    phase: Phase = "listening"
    turn: int = 0
    attempt: int = 0
    generation: int = 0
    history: tuple[Message, ...] = ()
    caller_speaks: bool = False
    voice_sample: int = 0  # where the caller's voice began
    endpoint_sample: int = 0  # where the last utterance was found to be over
    segments: tuple[Segment, ...] = ()
    next_segment: int = 0
    queued: tuple[str, ...] = ()
    answering: str = ""  # the caller's message that the running turn answers
    written: bool = False  # the reply is synthesised to its end
    sent: tuple[Phrase, ...] = ()
    heard: int = 0  # how many of `sent` the caller has heard whole
    played: Position = BEGINNING  # by our own clock
    held: bool = False  # silent, until it is clear whether the caller interrupts
    played_out_s: float | None = None
    outcome: Outcome = "answered"  # of the running turn, should nothing more happen to it
    failures: int = 0  # in a row
    leaving: bool = False  # hang up once this turn was heard
    over: bool = False
    digits: str = ""
    digit_s: float = 0.0
    now_s: float = 0.0
    started_s: float | None = None
    active_s: float = 0.0  # when anybody last spoke


Step = tuple[Conversation, tuple[Command, ...]]
