"""The scripted engines as Serve deployments, with the methods of the real ones. Owns no script."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from ray import serve

from configs.schema import ScriptedLanguageModel, ScriptedSynthesizer, ScriptedTranscriber
from conversation.history import Message
from deployments.engines.scripted import Replies, Script, Tone
from deployments.engines.scripted_chat import chat_completions
from ingress.backends import Piece, RecordingOptions, ReplyOptions, Segment, Speech


@serve.deployment(max_ongoing_requests=100)
class Transcriber:
    def __init__(self, section: ScriptedTranscriber) -> None:
        self._script = Script(section)

    async def transcribe(
        self, pcm: bytes, rate_hz: int, *, language: str, final: bool
    ) -> str | None:
        return await self._script.transcribe(pcm)

    async def recorded(
        self, pcm: bytes, rate_hz: int, options: RecordingOptions
    ) -> AsyncIterator[Segment]:
        async for segment in self._script.recorded(pcm, rate_hz):
            yield segment


@serve.deployment(max_ongoing_requests=100)
class LanguageModel:
    def __init__(self, section: ScriptedLanguageModel) -> None:
        self._replies = Replies(section)

    async def reply(
        self, messages: Sequence[Message], options: ReplyOptions
    ) -> AsyncIterator[Piece]:
        async for piece in self._replies.reply(messages, options):
            yield piece

    async def chat_completions(self, body: dict[str, Any]) -> AsyncIterator[str | dict[str, Any]]:
        async for item in chat_completions(self._replies, body):
            yield item


@serve.deployment(max_ongoing_requests=100)
class Synthesizer:
    def __init__(self, section: ScriptedSynthesizer) -> None:
        self._tone, self._voices = Tone(section), section.voices

    async def synthesize(self, phrase: str, voice: str, speed: float) -> AsyncIterator[Speech]:
        async for speech in self._tone.synthesize(phrase, speed):
            yield speech

    async def voices(self) -> list[str]:
        return list(self._voices)
