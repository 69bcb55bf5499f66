"""What a conversation is at one moment, and the policy it follows. Owns no decision."""

from dataclasses import dataclass
from typing import Literal

from conversation.commands import Command, Outcome
from conversation.events import Utterance
from conversation.fallbacks import FailureClass
from conversation.history import Message
from conversation.spoken import BEGINNING, Phrase, Position
from conversation.tools import ToolCall
from conversation.wishes import PLAIN, Wish

Phase = Literal["listening", "preparing", "replying"]
"""`preparing`: a reply is made that nobody hears yet. `replying`: until all of it was heard."""

UNCONFIRMED_S = 10.0
"""Seconds after its last sample should have played that a turn waits for the caller's end to say
so. Our choice: far above any jitter buffer, far below what a caller would wait in silence."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The part of an agent and of `configs.schema` that turn-taking follows; documented there.

    With an `item_prefix`, the protocol names the items of a conversation, and so begin their names.
    Its peer falls silent by itself at a voice, has no marks to say what was heard, but takes back
    afterwards what was not. `answers`: an utterance is answered without being asked."""

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
    item_prefix: str = ""
    answers: bool = True
    wish: Wish = PLAIN

    @property
    def by_items(self) -> bool:
        return self.item_prefix != ""


@dataclass(frozen=True, slots=True)
class Failed:
    failure: FailureClass
    detail: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the caller's utterance; `text` is None until it is transcribed. A `tentative` one
    ends at a pause that may not be the utterance's end; a `dismissed` one was said in passing; an
    `unasked` one was ended by hand and is not answered by itself. `item` is the utterance's."""

    number: int
    item: str = ""
    utterance: Utterance | None = None
    text: str | None = None
    failed: Failed | None = None
    tentative: bool = False
    dismissed: bool = False
    unasked: bool = False


@dataclass(frozen=True, slots=True)
class Untold:
    """An utterance that is over, whose transcript the caller's end has not been told yet."""

    item: str
    seconds: float


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
    utterances: int = 0  # begun so far
    untold: tuple[Untold, ...] = ()
    unasked: bool = False  # the last utterance was ended by hand
    queued: tuple[tuple[Message, ...], ...] = ()
    wished: tuple[Wish, ...] = ()  # replies that are asked for, and wait
    asides: int = 0  # begun so far
    answering: tuple[Message, ...] = ()  # what of the caller's the running turn answers
    wish: Wish = PLAIN  # of the running turn
    calls: tuple[ToolCall, ...] = ()  # told in the running turn
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

    @property
    def utterance_item(self) -> str:
        """The caller's latest utterance; empty where the protocol names none."""
        return self._item("u", self.utterances)

    @property
    def unfinished_item(self) -> str:
        """The utterance under way, or the next: with a key held, a voice begins none, and what is
        said is named when it is over."""
        return self._item("u", self.utterances + (not self.caller_speaks))

    @property
    def reply_item(self) -> str:
        """What is said in the running turn, or will be in the next."""
        return self._item("a", self.turn)

    @property
    def aside_item(self) -> str:
        return self._item("x", self.asides)

    def _item(self, kind: str, number: int) -> str:
        return f"{self.policy.item_prefix}{kind}{number}" if self.policy.by_items else ""


Step = tuple[Conversation, tuple[Command, ...]]
