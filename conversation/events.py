"""What happens in a call, in the past tense. What is to be done about it: `conversation.commands`.

What goes out to the caller stands in `ingress.protocols.outputs`, since it carries sound.
"""

from dataclasses import dataclass

from conversation.fallbacks import FailureClass
from conversation.history import Message
from conversation.spoken import Word
from conversation.tools import ToolCall
from conversation.wishes import Wish


@dataclass(frozen=True, slots=True)
class Utterance:
    """Samples [first, end) of the caller's audio at 8 kHz, counted from the call's first. Behind
    `voice_end_sample` all is silence."""

    first_sample: int
    end_sample: int
    voice_end_sample: int


@dataclass(frozen=True, slots=True)
class CallStarted: ...


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Enough voice to be speech; it began at `sample`."""

    sample: int


@dataclass(frozen=True, slots=True)
class Paused:
    """The caller is silent for a moment: perhaps `utterance` is all there is to come."""

    utterance: Utterance


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """The caller goes on after a pause, from `sample`: the utterance is longer than it seemed."""

    sample: int


@dataclass(frozen=True, slots=True)
class SpeechSustained:
    """The caller's voice has lasted for longer than a cough or a word in passing."""


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """An utterance, or with `complete=False` a piece of one: the caller still speaks, but for
    longer than is transcribed at once. `silence_ms` is the silence already waited for. `by_hand`:
    the caller's end has said that the utterance is over, and asks for the reply itself."""

    utterance: Utterance
    complete: bool
    silence_ms: float
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class SpeechTakenBack:
    """The caller's end wants nothing to come of the utterance that is under way."""


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
class PhraseSpoken:
    """Phrase number `phrase` (from 0) has been synthesised, so far: `seconds` of sound, and when
    in them its words sound (none from an engine that does not tell)."""

    attempt: int
    phrase: int
    text: str
    seconds: float
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Played:
    """By our own clock, what was sent has played up to `seconds` of phrase number `phrase`."""

    phrase: int
    seconds: float


@dataclass(frozen=True, slots=True)
class PlayedOut:
    """By our own clock, everything that was sent has played."""


@dataclass(frozen=True, slots=True)
class PhraseHeard:
    """The caller's end says that phrase number `phrase` (from 0) has played."""

    turn: int
    generation: int
    phrase: int


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """The model's reply has been synthesised, whole."""

    attempt: int


@dataclass(frozen=True, slots=True)
class ReplyFailed:
    attempt: int
    failure: FailureClass
    detail: str


@dataclass(frozen=True, slots=True)
class LineEnded:
    """A fixed line (greeting, fallback) is ready, or, as `unspoken` says, could not be spoken."""

    attempt: int
    unspoken: str = ""


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """The caller's end has been told to call a tool, after what the agent has said."""

    turn: int
    call: ToolCall


@dataclass(frozen=True, slots=True)
class Configured:
    """From now on replies are made so, unless one is wished for otherwise; whether each utterance
    is answered by itself, and whether a voice may interrupt."""

    system_prompt: str
    wish: Wish
    answers: bool
    interruptible: bool


@dataclass(frozen=True, slots=True)
class ReplyRequested:
    """The caller's end wants a reply now, without an utterance."""

    wish: Wish


@dataclass(frozen=True, slots=True)
class ReplyCancelled:
    """The caller's end wants no more of the reply, nor of those that wait; of one that is made
    aside, `aside` is its number."""

    aside: int = 0


@dataclass(frozen=True, slots=True)
class ItemAdded:
    """The caller's end has put a message into the conversation, behind item `after`: at the end
    where that is unknown or empty, in front of all where it is None."""

    message: Message
    after: str | None = ""


@dataclass(frozen=True, slots=True)
class ItemDeleted:
    item: str


@dataclass(frozen=True, slots=True)
class ItemTruncated:
    """The caller has heard `heard_s` seconds of an item's speech."""

    item: str
    heard_s: float


@dataclass(frozen=True, slots=True)
class ItemAsked:
    """The caller's end asks what the conversation holds of an item; `request` names the asking."""

    item: str
    request: str


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
    | Paused
    | SpeechResumed
    | SpeechSustained
    | SpeechEnded
    | SpeechTakenBack
    | Transcribed
    | TranscriptFailed
    | TextReceived
    | DigitPressed
    | PhraseSpoken
    | Played
    | PlayedOut
    | PhraseHeard
    | ReplyEnded
    | ReplyFailed
    | LineEnded
    | ToolCalled
    | Configured
    | ReplyRequested
    | ReplyCancelled
    | ItemAdded
    | ItemDeleted
    | ItemTruncated
    | ItemAsked
    | Ticked
    | EndRequested
    | CallEnded
)
