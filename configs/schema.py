"""The typed arguments of the app (`args:` of a Serve config): *what* runs.

Serve's own `deployments:` section says *how much* (replicas, autoscaling, shares). Every value that
a deployment or the ingress reads is declared here or in `configs.agents`; a typo is an error that
names its path.
"""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, HttpUrl, field_validator, model_validator

from configs.agents import Agent
from configs.section import Section
from configs.webrtc import WebRtc


class Whisper(Section):
    """faster-whisper on our own replicas."""

    engine: Literal["whisper"] = "whisper"
    model: str = Field(description="folder of a CTranslate2 model, or a model hub's id")
    device: Literal["cpu", "cuda"] = "cpu"
    compute_type: str = "int8"
    threads: int = Field(default=2, ge=1, description="intra-op threads a pass; Ray would set 1")
    parallel: int = Field(default=1, ge=1, description="finals at once: over 1 pays on a GPU only")


class Kokoro(Section):
    """Kokoro on our own replicas."""

    engine: Literal["kokoro"] = "kokoro"
    model: str = Field(description="folder with config.json, kokoro-v1_0.pth, voices/; or a hub id")
    device: Literal["cpu", "cuda"] = "cpu"
    threads: int = Field(default=2, ge=1, description="torch threads a pass; Ray would set 1")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="auto: bfloat16 on a CPU that has it in hardware, else float32"
    )


class Vllm(Section):
    """Ray Serve LLM with vLLM. Its shares and scaling stand here, not under `deployments:`:
    Ray Serve LLM fixes its placement group when it is built."""

    engine: Literal["vllm"] = "vllm"
    model: str = Field(description="folder with config.json and safetensors, or a model hub's id")
    accelerator: Literal["cpu", "gpu"] = "gpu"
    engine_kwargs: dict[str, Any] = {}
    warm_prefix: bool = Field(
        default=True,
        description="compute prompt and history when a turn ends, for the prefix cache; costs a "
        "request of one token",
    )
    placement_group_config: dict[str, Any] | None = None
    deployment_config: dict[str, Any] = {}
    serve_options: dict[str, Any] = {}
    env_vars: dict[str, str] = {}


class OpenAI(Section):
    """Any OpenAI-compatible endpoint: vLLM, RunPod, OpenAI, Speaches, Kokoro-FastAPI."""

    engine: Literal["openai"]
    base_url: HttpUrl
    model: str
    api_key_env: str | None = Field(
        default=None, description="name of the variable that holds the key"
    )
    warm_prefix: bool = Field(
        default=False, description="as vllm's; for a language model with a prefix cache"
    )
    tools: bool = Field(default=True, description="whether the language model there can call tools")


class ScriptedTranscriber(Section):
    """No model: the transcripts and latency given here, for tests and load tests."""

    engine: Literal["scripted"]
    transcripts: tuple[str, ...] = Field(default=("What is the capital of Germany?",), min_length=1)
    latency_ms: float = Field(default=0, ge=0)


class ScriptedToolCall(Section):
    """A reply that calls a tool."""

    tool: str
    arguments: dict[str, Any] = {}


class ScriptedLanguageModel(Section):
    """No model: the replies and latencies given here. `{last}` in a reply is the caller's last
    message, `{turns}` the number of the caller's messages so far, `{tool_result}` what the last
    tool answered.

    The replies are taken in order and begin anew after the last. Each message of the caller's asks
    for one, and so does each result of a tool: after `{tool: …}` stands what is said of its
    result. Where that tool is not offered, the caller hears so instead.
    """

    engine: Literal["scripted"]
    replies: tuple[str | ScriptedToolCall, ...] = Field(
        default=("You said: {last} That was message {turns}.",), min_length=1
    )
    first_token_ms: float = Field(default=0, ge=0)
    tokens_per_second: float = Field(default=0, ge=0, description="0: all at once")


class ScriptedSynthesizer(Section):
    """No model: a tone, as long as the words would take to say."""

    engine: Literal["scripted"]
    latency_ms: float = Field(default=0, ge=0)
    ms_per_word: float = Field(default=60, gt=0)
    voices: tuple[str, ...] = Field(
        default=("af_heart", "am_michael", "bf_emma"), description="listed; the tone is the same"
    )


class EndOfTurn(Section):
    """smart-turn v3.2, asked at each pause whether the caller's sentence is complete."""

    model: str = Field(description="folder of the ONNX weights: python -m weights")
    threshold: float = Field(default=0.5, gt=0, lt=1, description="from here on it is complete")
    threads: int = Field(default=1, ge=1, description="pauses judged at once, a replica")
    complete_silence_ms: int = Field(default=200, ge=64, le=10_000)
    incomplete_silence_ms: int = Field(default=1_200, ge=64, le=10_000)


class Speaking(Section):
    """How speech goes out."""

    lead_ms: int = Field(
        default=200,
        ge=40,
        le=2_000,
        description="audio sent ahead of real time: bridges a network's jitter, and what a line "
        "must take back when the caller interrupts",
    )
    realtime_lead_ms: int = Field(
        default=500,
        ge=40,
        le=10_000,
        description="the same over Realtime's WebSocket, whose peer keeps what comes early and "
        "takes back by itself what was not heard",
    )


class Listening(Section):
    """When the caller has begun and ended an utterance. Times are counted in audio."""

    speech_threshold: float = Field(default=0.5, gt=0, lt=1, description="Silero's own default")
    min_speech_ms: int = Field(
        default=120, ge=32, le=2_000, description="voiced audio that counts as speech and barges in"
    )
    silence_ms: int = Field(default=500, ge=64, le=10_000, description="endpointing")
    preroll_ms: int = Field(default=320, ge=0, le=2_000, description="kept before the first voice")
    max_utterance_s: float = Field(
        default=25, ge=1, le=28, description="longer speech is transcribed in segments"
    )
    partial_every_ms: int = Field(default=500, ge=0, description="0: no partial transcripts")
    prepare_after_ms: int = Field(
        default=120,
        ge=0,
        le=5_000,
        description="silence after which the reply is prepared, unheard until the endpoint; 0: off",
    )
    resume_within_ms: int = Field(
        default=800,
        ge=0,
        le=5_000,
        description="speech that goes on so soon after the endpoint, before anything of the answer "
        "was heard, continues the same turn",
    )
    interruption_ms: int = Field(
        default=800,
        ge=64,
        le=10_000,
        description="voice that lasts so long takes the floor, whatever it says",
    )
    end_of_turn: EndOfTurn | None = Field(
        default=None, description="a model that tells complete sentences from incomplete ones"
    )

    @model_validator(mode="after")
    def _a_pause_is_shorter_than_the_endpoint(self) -> "Listening":
        if self.prepare_after_ms >= self.silence_ms:
            raise ValueError(
                f"prepare_after_ms: {self.prepare_after_ms} must be under silence_ms: "
                f"{self.silence_ms}; 0 turns preparing off"
            )
        return self


class Twilio(Section):
    """How Twilio reaches us, and how we know that it is Twilio."""

    public_url: HttpUrl | None = Field(
        default=None, description="https address under which Twilio sees this app"
    )
    auth_token_env: str | None = Field(
        default=None, description="name of the variable that holds Twilio's auth token"
    )
    parley_events: bool = Field(
        default=False, description="let a caller ask for texts on its own socket"
    )
    busy_line: str = "All our lines are busy. Please call again in a few minutes."

    @model_validator(mode="after")
    def _signatures_need_the_public_url(self) -> "Twilio":
        if self.auth_token_env and not self.public_url:
            raise ValueError("auth_token_env needs public_url: Twilio signs the address it calls")
        return self


class Api(Section):
    """OpenAI's protocols (/v1) and the page: who may use them, and how much at once. Beyond
    loopback they are served only when keys are configured."""

    keys_env: str | None = Field(
        default=None, description="name of the variable that holds the API keys, by commas"
    )
    allowed_origins: tuple[str, ...] = Field(
        default=(),
        description="of browsers' pages beside our own, as https://HOST or https://HOST:PORT",
    )
    max_body_mb: float = Field(default=25, gt=0, le=1_000, description="of an uploaded recording")
    max_audio_s: float = Field(
        default=1_800, gt=0, description="of a recording: 32 KB a second in the ingress's memory"
    )
    max_requests: int = Field(
        default=16, ge=1, description="REST requests at once a replica, beside its calls"
    )

    @field_validator("allowed_origins")
    @classmethod
    def _origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            parts = urlsplit(origin)
            if not parts.netloc or origin.lower() != f"{parts.scheme}://{parts.netloc}".lower():
                raise ValueError(f"{origin!r} is no origin: https://HOST or https://HOST:PORT")
        return tuple(origin.lower() for origin in origins)


class Ingress(Section):
    """One ingress replica's own limits."""

    max_calls: int = Field(
        default=100,
        ge=1,
        description="calls a replica; the ingress's max_ongoing_requests must be higher, "
        "so that the busy line and /health still get through",
    )


class Stack(Section):
    """The whole app."""

    stt: Annotated[Whisper | OpenAI | ScriptedTranscriber, Field(discriminator="engine")]
    llm: Annotated[Vllm | OpenAI | ScriptedLanguageModel, Field(discriminator="engine")]
    tts: Annotated[Kokoro | OpenAI | ScriptedSynthesizer, Field(discriminator="engine")]
    agents: dict[str, Agent] = Field(min_length=1)
    default_agent: str = "default"
    agent_by_number: dict[str, str] = Field(
        default={}, description="dialled number (E.164) → name of an agent"
    )
    listening: Listening = Listening()
    speaking: Speaking = Speaking()
    twilio: Twilio = Twilio()
    api: Api = Api()
    ingress: Ingress = Ingress()
    webrtc: WebRtc = WebRtc()

    @model_validator(mode="after")
    def _agents_exist(self) -> "Stack":
        for name in (self.default_agent, *self.agent_by_number.values()):
            if name not in self.agents:
                known = ", ".join(sorted(self.agents))
                raise ValueError(f"no agent named {name!r}; agents: has {known}")
        return self


def can_call_tools(stack: Stack) -> bool:
    """Whether the language model decides by itself when to call a tool that it is offered. vLLM
    does with a parser for the model's way of writing calls; a scripted model, when its script has
    a call."""
    match stack.llm:
        case Vllm(engine_kwargs=arguments):
            return bool(
                arguments.get("enable_auto_tool_choice") and arguments.get("tool_call_parser")
            )
        case OpenAI(tools=tools):
            return tools
        case ScriptedLanguageModel(replies=replies):
            return any(isinstance(reply, ScriptedToolCall) for reply in replies)
