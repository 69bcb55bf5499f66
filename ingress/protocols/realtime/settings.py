"""What a session or a response may be told to be, field by field. Owns the bounds; how the parts
are put together is `session`'s. Fields that are not here are accepted and echoed."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Modalities = Annotated[list[Literal["audio", "text"]], Field(min_length=1, max_length=1)]
"""OpenAI refuses both at once, too: a spoken reply has its transcript anyway."""


class Part(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True, strict=True)


class Pcm(Part):
    """16-bit, mono, little-endian."""

    type: Literal["audio/pcm"]
    rate: Literal[24_000] = 24_000


class MuLaw(Part):
    type: Literal["audio/pcmu"]


class ALaw(Part):
    type: Literal["audio/pcma"]


Format = Annotated[Pcm | MuLaw | ALaw, Field(discriminator="type")]


class ServerVad(Part):
    type: Literal["server_vad"]
    threshold: float = Field(ge=0, le=1)
    prefix_padding_ms: int = Field(ge=0, le=2_000)
    silence_duration_ms: int = Field(ge=64, le=10_000)
    create_response: bool
    interrupt_response: bool
    idle_timeout_ms: int | None = None


class SemanticVad(Part):
    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"]
    create_response: bool
    interrupt_response: bool


TurnDetection = Annotated[ServerVad | SemanticVad, Field(discriminator="type")]


class Transcription(Part):
    model: str | None = None
    language: str | None = None


class VoiceId(Part):
    id: str


class Input(Part):
    format: Format
    transcription: Transcription | None
    turn_detection: TurnDetection | None


class Output(Part):
    format: Format
    voice: str | VoiceId
    speed: float = Field(ge=0.25, le=2)


class Sound(Part):
    input: Input
    output: Output


class Function(Part):
    """A tool. MCP servers are refused: nothing here would run their tools."""

    type: Literal["function"]
    name: str = Field(min_length=1)
    description: str | None = None
    parameters: dict[str, Any] = {}


class NamedFunction(Part):
    type: Literal["function"]
    name: str


ToolChoice = Literal["auto", "none", "required"] | NamedFunction
MaxTokens = Annotated[int, Field(ge=1)] | Literal["inf"]


class Extension(Part):
    """Parley's own: `events` asks for `parley.turn`, and for words of push-to-talk while they are
    spoken."""

    events: bool = False


class Settings(Part):
    """A whole session."""

    type: Literal["realtime"]
    instructions: str
    output_modalities: Modalities
    tools: list[Function]
    tool_choice: ToolChoice
    max_output_tokens: MaxTokens
    audio: Sound
    parley: Extension = Extension()


class ResponseOutput(Part):
    format: Format | None = None
    voice: str | VoiceId | None = None


class ResponseSound(Part):
    output: ResponseOutput | None = None


class Overrides(Part):
    """What one response is to have otherwise than the session; null leaves what that has."""

    instructions: str | None = None
    output_modalities: Modalities | None = None
    tools: list[Function] | None = None
    tool_choice: ToolChoice | None = None
    max_output_tokens: MaxTokens | None = None
    audio: ResponseSound | None = None
    conversation: Literal["auto", "none"] | None = None
    metadata: dict[str, str] | None = None
    input: list[dict[str, Any]] | None = None

    @property
    def voice(self) -> str | VoiceId | None:
        return self.audio.output.voice if self.audio and self.audio.output else None

    @field_validator("metadata")
    @classmethod
    def _few(cls, metadata: dict[str, str] | None) -> dict[str, str] | None:
        """OpenAI's own bounds."""
        items = (metadata or {}).items()
        if len(items) > 16 or any(len(k) > 64 or len(v) > 512 for k, v in items):
            raise ValueError("at most 16 pairs, of 64 and 512 characters")
        return metadata
