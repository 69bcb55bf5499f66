"""Parley as the clients call it: the whole app under uvicorn, real voice activity, scripted models.

The transcriber stands in for Whisper, but not for nothing: it knows the recordings that the callers
speak and tells them apart by their loudness over time, so a client whose sound arrives broken is
not understood.
"""

from collections.abc import AsyncIterator, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from audio.pcm import Audio
from audio.resampling import resample
from configs.schema import ScriptedLanguageModel, ScriptedSynthesizer, Stack
from conversation.history import Message
from deployments.engines.scripted import Replies, Tone
from ingress.app import create_app
from ingress.backends import Backends, Piece, ReplyOptions, Speech, Transcript, Voice
from ingress.security import Secrets
from tests.clients.caller import TOOL
from tests.ingress.line import Counts
from tests.ingress.server import serving

STORY = " ".join(["It is a long story that goes on and on."] * 16)
REPLIES = (
    STORY,
    "You said: {last} That was it.",
    {"tool": TOOL["name"], "arguments": {"city": "Berlin"}},
    "It is {tool_result} in Berlin.",
)
SCRIPTED: dict[str, Any] = {
    "stt": {"engine": "scripted"},
    "llm": {"engine": "scripted", "first_token_ms": 20},
    "tts": {"engine": "scripted", "ms_per_word": 100},
    "agents": {"default": {"prompt": "You are Sam.", "phrase_markers": False}},
}
ALIKE = 0.7
"""Correlation from which on two sounds are the same recording, Opus or mu-law between them."""
SHORTEST_S = 0.8
"""Less is no sentence, and how readiness is asked."""


class Models:
    """The three seams. `prompts` remembers what the language model was asked."""

    def __init__(self, stack: Stack, known: dict[str, Audio]) -> None:
        assert isinstance(stack.llm, ScriptedLanguageModel)
        assert isinstance(stack.tts, ScriptedSynthesizer)
        self._replies, self._tone, self._known = Replies(stack.llm), Tone(stack.tts), known
        self.prompts: list[list[Message]] = []

    async def transcribe(
        self, speech: Audio, *, language: str, final: bool, deadline_s: float
    ) -> Transcript | None:
        """The words of the recording that this is; of a partial, as many as have been said."""
        if speech.seconds < SHORTEST_S:
            return Transcript("") if final else None
        text, one = max(self._known.items(), key=lambda known: likeness(speech, known[1]))
        if final:
            return Transcript(text if likeness(speech, one) > ALIKE else "(something else)")
        words = text.split()
        return Transcript(" ".join(words[: round(len(words) * speech.seconds / one.seconds)]))

    async def reply(
        self,
        messages: Sequence[Message],
        options: ReplyOptions,
        *,
        first_token_s: float,
        deadline_s: float,
    ) -> AsyncIterator[Piece]:
        self.prompts.append(list(messages))
        async for piece in self._replies.reply(messages, options):
            yield piece

    async def synthesize(
        self, phrase: str, voice: Voice, *, deadline_s: float
    ) -> AsyncIterator[Speech]:
        async for speech in self._tone.synthesize(phrase, voice.speed):
            yield speech

    async def voices(self, *, deadline_s: float) -> tuple[str, ...]:
        return ("af_heart",)

    @property
    def backends(self) -> Backends:
        models: Any = self
        return Backends(models, models, models)


def likeness(one: Audio, other: Audio) -> float:
    """1 for the same sound, wherever in silence it stands; about 0 for another."""
    a, b = (resample(sound, 8_000).samples.astype(np.float64) for sound in (one, other))
    size = len(a) + len(b)
    products = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    return float(products.max() / (np.sqrt((a @ a) * (b @ b)) + 1))


@contextmanager
def answering(
    known: dict[str, Audio], replies: Sequence[Any] = REPLIES
) -> Generator[tuple[str, Models]]:
    """The server's address (http://…), and its models. `known` are the recordings by what is
    said in them."""
    stack = Stack.model_validate({**SCRIPTED, "llm": {**SCRIPTED["llm"], "replies": replies}})
    models = Models(stack, known)
    app = create_app(
        stack, models.backends, Counts(), secrets=Secrets(), proxy="haproxy", replica="r1"
    )
    with serving(app) as client:
        while client.get("/health").status_code != 200:
            pass
        yield str(client.base_url), models
