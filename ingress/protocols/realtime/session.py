"""The session object: what it begins with, how it is changed, and what it means for the call.

Owns no state: a change makes a new session. Voices that we do not know are echoed as they were
given, and the agent's own is used; a language that the transcriber does not know is its to refuse.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import orjson

from conversation.endpointing import Thresholds
from conversation.events import Configured
from conversation.history import Message
from conversation.prompts import MARKER_INSTRUCTION
from conversation.tools import Tool
from conversation.wishes import Wish
from ingress.protocols.inputs import Listen
from ingress.protocols.realtime.errors import Body, Refused, checked
from ingress.protocols.realtime.settings import (
    Function,
    MaxTokens,
    NamedFunction,
    Overrides,
    SemanticVad,
    ServerVad,
    Settings,
    ToolChoice,
    VoiceId,
)

NULL_MEANS_OFF = frozenset({"turn_detection", "transcription", "noise_reduction", "tracing"})
"""Elsewhere null is what many clients send for a field that they have nothing to say about."""

EAGERNESS = {"low": 2.0, "medium": 1.0, "auto": 1.0, "high": 0.6}
"""How much of the configured silence ends an utterance in `semantic_vad` where no model judges
sentences. OpenAI lets `low`, `medium` and `high` wait for 8, 4 and 2 s at most, but much less where
its model is sure; without one such waits would be felt after every sentence. Half and twice the
usual are our choice, `high` bounded so that the pauses between words (up to some 250 ms) do not end
an utterance at the default of 500 ms."""

PCM = {"type": "audio/pcm", "rate": 24_000}

MAX_BYTES = 500_000
"""Fields that we do not know are kept, and the session is sent back whole with each change: some
clients take no message above 1 MiB (`websockets`' default)."""

ENGINE_SPEEDS = (0.5, 2.0)
"""What `configs.agents.Agent.speed` takes; OpenAI's begin at 0.25."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What an agent and its stack bring into a session. `judged`: a model tells complete sentences
    from incomplete ones."""

    model: str
    system_prompt: str
    voice: str
    speed: float
    voices: frozenset[str]
    thresholds: Thresholds
    judged: bool
    interruptible: bool
    markers: bool
    tools: bool


@dataclass(frozen=True, slots=True)
class Session:
    """`body` is what the client is shown, `settings` the same as understood."""

    defaults: Defaults
    body: Body
    settings: Settings

    @classmethod
    def begin(cls, defaults: Defaults, session_id: str, expires_at: int) -> "Session":
        """`expires_at` is Unix time in seconds."""
        body = _first(defaults, session_id, expires_at)
        return cls(defaults, body, checked(Settings, body, "session"))

    def updated(self, update: Mapping[str, Any]) -> "Session":
        """The session with what is given changed in it. Raises Refused, and is as it was."""
        if update.get("type", "realtime") != "realtime":
            raise Refused(
                f"sessions of type {update['type']!r} are not supported: only 'realtime'",
                param="session.type",
            )
        fixed = {key: self.body[key] for key in ("id", "object", "expires_at")}
        body = {**_merged(self.body, update, self.defaults), **fixed}
        if len(orjson.dumps(body)) > MAX_BYTES:
            raise Refused(f"a session of more than {MAX_BYTES} bytes", param="session")
        settings = checked(Settings, body, "session")
        if update.get("tool_choice") is None and _gone(settings.tool_choice, settings.tools):
            body = {**body, "tool_choice": "auto"}
            settings = settings.model_copy(update={"tool_choice": "auto"})
        _check_tools(settings.tools, settings.tool_choice, self.defaults, "session")
        return replace(self, body=body, settings=settings)

    @property
    def transcribes(self) -> bool:
        return self.settings.audio.input.transcription is not None

    @property
    def spoken(self) -> bool:
        return self.settings.output_modalities == ["audio"]

    def listen(self) -> Listen:
        """How the line is to be heard."""
        heard, thresholds = self.settings.audio.input, self.defaults.thresholds
        language = heard.transcription.language if heard.transcription else None
        language = language.lower().split("-")[0] if language else None
        match heard.turn_detection:
            case ServerVad() as vad:
                silence_ms = vad.silence_duration_ms
                thresholds = replace(
                    thresholds,
                    speech_threshold=vad.threshold,
                    preroll_ms=vad.prefix_padding_ms,
                    complete_silence_ms=silence_ms,
                    incomplete_silence_ms=silence_ms,
                )
            case SemanticVad() as vad if not self.defaults.judged:
                silence_ms = round(thresholds.silence_ms * EAGERNESS[vad.eagerness])
            case _:
                silence_ms = thresholds.silence_ms
        pause_ms = min(thresholds.pause_ms, silence_ms)
        thresholds = replace(thresholds, silence_ms=silence_ms, pause_ms=pause_ms)
        return Listen(thresholds, heard.turn_detection is None, language)

    def configured(self) -> Configured:
        """How replies are to be made."""
        detection = self.settings.audio.input.turn_detection
        return Configured(
            self._prompt(self.settings.instructions, spoken=self.spoken),
            self.wish(Overrides()),
            answers=detection is not None and detection.create_response,
            interruptible=detection is not None and detection.interrupt_response,
        )

    def _prompt(self, instructions: str, *, spoken: bool) -> str:
        """Where a reply is read, it is not to be written for the ear."""
        marked = spoken and self.defaults.markers
        return f"{instructions.strip()}\n\n{MARKER_INSTRUCTION}".strip() if marked else instructions

    def wish(
        self, given: Overrides, *, request: str = "", messages: tuple[Message, ...] | None = None
    ) -> Wish:
        """How a response is to be made that is to have this otherwise than the session. Raises
        Refused."""
        settings = self.settings
        tools = settings.tools if given.tools is None else given.tools
        inherited = "auto" if _gone(settings.tool_choice, tools) else settings.tool_choice
        choice = given.tool_choice or inherited
        _check_tools(tools, choice, self.defaults, "response")
        spoken = (given.output_modalities or settings.output_modalities) == ["audio"]
        instructions = given.instructions
        if instructions is None and spoken != self.spoken:
            instructions = settings.instructions
        return Wish(
            request,
            None if instructions is None else self._prompt(instructions, spoken=spoken),
            messages,
            kept=given.conversation != "none",
            spoken=spoken,
            voice=self._known(given.voice or settings.audio.output.voice),
            speed=min(max(settings.audio.output.speed, ENGINE_SPEEDS[0]), ENGINE_SPEEDS[1]),
            max_tokens=_number(given.max_output_tokens or settings.max_output_tokens),
            tools=tuple(map(_tool, tools)),
            tool_choice=choice.name if isinstance(choice, NamedFunction) else choice,
        )

    def _known(self, voice: str | VoiceId) -> str:
        name = voice.id if isinstance(voice, VoiceId) else voice
        return name if name in self.defaults.voices else self.defaults.voice


def _first(defaults: Defaults, session_id: str, expires_at: int) -> Body:
    kind = "semantic_vad" if defaults.judged else "server_vad"
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "expires_at": expires_at,
        "model": defaults.model,
        "instructions": defaults.system_prompt,
        "output_modalities": ["audio"],
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "include": None,
        "audio": {
            "input": {
                "format": dict(PCM),
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": _detection(kind, defaults),
            },
            "output": {"format": dict(PCM), "voice": defaults.voice, "speed": defaults.speed},
        },
    }


def _detection(kind: str, defaults: Defaults) -> Body:
    """A kind of turn detection as it is where nothing else is given."""
    common = {
        "type": kind,
        "create_response": True,
        "interrupt_response": defaults.interruptible,
    }
    if kind == "semantic_vad":
        return common | {"eagerness": "auto"}
    thresholds = defaults.thresholds
    return common | {
        "threshold": thresholds.speech_threshold,
        "prefix_padding_ms": thresholds.preroll_ms,
        "silence_duration_ms": thresholds.silence_ms,
        "idle_timeout_ms": None,
    }


def _merged(old: Body, new: Mapping[str, Any], defaults: Defaults) -> Body:
    """What is given over what there was, object by object; one of another type takes its place."""
    merged = dict(old)
    for key, value in new.items():
        if value is None and key not in NULL_MEANS_OFF:
            continue
        if isinstance(value, dict):
            given, before = cast(Body, value), old.get(key)
            base = cast(Body, before) if isinstance(before, dict) else Body()
            if "type" in given and given["type"] != base.get("type"):
                base = _beginning(key, given["type"], defaults)
            value = _merged(base, given, defaults)
        merged[key] = value
    return merged


def _beginning(key: str, kind: Any, defaults: Defaults) -> Body:
    """An object of this type as it is before anything is given: some clients read every field."""
    match key, kind:
        case "turn_detection", "server_vad" | "semantic_vad":
            return _detection(kind, defaults)
        case "format", "audio/pcm":
            return dict(PCM)
        case _:
            return {}


def _check_tools(tools: list[Function], choice: ToolChoice, defaults: Defaults, path: str) -> None:
    if tools and not defaults.tools:
        raise Refused(
            "this server's language model cannot call tools: leave `tools` empty, or configure a "
            "model with a tool parser (args.llm)",
            code="tools_not_supported",
            param=f"{path}.tools",
        )
    if _gone(choice, tools):
        raise Refused(
            "tool_choice names a function that is not among the tools", param=f"{path}.tool_choice"
        )


def _gone(choice: ToolChoice, tools: list[Function]) -> bool:
    """Whether it names none of the tools. A choice from before is open then: who takes a tool away
    has not asked for it again."""
    return isinstance(choice, NamedFunction) and choice.name not in {tool.name for tool in tools}


def _number(most: MaxTokens) -> int | None:
    return None if most == "inf" else most


def _tool(function: Function) -> Tool:
    schema = function.parameters or {"type": "object", "properties": {}}
    return Tool(function.name, function.description or "", orjson.dumps(schema).decode())
