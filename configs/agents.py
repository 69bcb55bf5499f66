"""An agent: who answers a call, how it speaks, and what it may take."""

from typing import Literal

from pydantic import Field, field_validator

from configs.section import Section
from conversation.prompts import variables_of

FALLBACK_LINES = (
    "I apologize, can you repeat that?",
    "I'm experiencing technical difficulties. Please hold.",
    "I apologize, I'm having connection issues. I'll have someone call you back.",
)


class Sampling(Section):
    """Sampling of the language model; the bounds are those of OpenAI's chat API."""

    max_tokens: int = Field(default=256, ge=1, le=8_192)
    temperature: float = Field(default=0.7, ge=0, le=2)
    top_p: float = Field(default=1.0, gt=0, le=1)
    frequency_penalty: float = Field(default=0, ge=-2, le=2)
    presence_penalty: float = Field(default=0, ge=-2, le=2)
    stop: tuple[str, ...] = Field(default=(), max_length=4)
    stream: bool = Field(default=True, description="false: the model's whole answer in one piece")


class Limits(Section):
    """Bounds of one call. A deadline of a model ends in a fallback line; an idle or overlong call
    is hung up."""

    request_timeout_s: float = Field(
        default=30, gt=0, description="a transcript, a first token, a phrase's speech"
    )
    streaming_timeout_s: float = Field(default=60, gt=0, description="a whole reply")
    idle_call_s: float = Field(default=1_800, gt=0, description="nobody has spoken")
    call_length_s: float = Field(default=7_200, gt=0)
    max_history_messages: int = Field(default=0, ge=0, description="0: unlimited")
    max_history_tokens: int = Field(default=0, ge=0, description="estimated; 0: unlimited")
    max_queued_turns: int = Field(default=8, ge=0, description="of a busy call; 0: unlimited")
    retries: int = Field(default=3, ge=0, le=10, description="of a transient failure, a request")


class Agent(Section):
    prompt: str = Field(min_length=1, description="system prompt; {name} takes a call's parameter")
    variables: dict[str, str] = Field(default={}, description="defaults of the prompt's variables")
    greeting: str | None = None
    voice: str = "af_heart"
    speed: float = Field(default=1.0, ge=0.5, le=2)
    language: str = Field(default="en", description="ISO 639-1, for the transcript")
    interruptible: bool = True
    backchannels: tuple[str, ...] | None = Field(
        default=None,
        description="said in passing, these do not interrupt; default: the language's own list",
    )
    interruption_min_words: int = Field(
        default=1, ge=1, le=20, description="fewer words do not interrupt, whatever they are"
    )
    first_phrase: Literal["clause", "sentence"] = Field(
        default="clause",
        description="where a reply is first cut: at a clause's end the caller waits less, at a "
        "sentence's the voice knows better how to say it",
    )
    phrase_markers: bool = Field(default=True, description="ask the model for ||BREAK||")
    sampling: Sampling = Sampling()
    limits: Limits = Limits()
    fallback_lines: tuple[str, ...] = Field(
        default=FALLBACK_LINES, min_length=1, description="in order; after the last, the call ends"
    )

    @field_validator("prompt", "greeting")
    @classmethod
    def _a_template(cls, template: str | None) -> str | None:
        variables_of(template or "")
        return template

    @field_validator("fallback_lines")
    @classmethod
    def _spoken(cls, lines: tuple[str, ...]) -> tuple[str, ...]:
        if not all(line.strip() for line in lines):
            raise ValueError("a fallback line is empty; remove it or give it words")
        return lines
