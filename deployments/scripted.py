"""The scripted engines as Serve deployments, with the methods of the real ones. Owns no script."""

from collections.abc import AsyncIterator, Sequence

from ray import serve

from configs.schema import ScriptedLanguageModel, ScriptedSynthesizer, ScriptedTranscriber
from conversation.history import Message
from deployments.engines.scripted import Replies, Script, Tone
from ingress.backends import ReplyOptions, Speech


@serve.deployment(max_ongoing_requests=100)
class Transcriber:
    def __init__(self, section: ScriptedTranscriber) -> None:
        self._script = Script(section)

    async def transcribe(
        self, pcm: bytes, rate_hz: int, *, language: str, final: bool
    ) -> str | None:
        return await self._script.transcribe(pcm)


@serve.deployment(max_ongoing_requests=100)
class LanguageModel:
    def __init__(self, section: ScriptedLanguageModel) -> None:
        self._replies = Replies(section)

    async def reply(self, messages: Sequence[Message], options: ReplyOptions) -> AsyncIterator[str]:
        async for token in self._replies.reply(messages, options):
            yield token


@serve.deployment(max_ongoing_requests=100)
class Synthesizer:
    def __init__(self, section: ScriptedSynthesizer) -> None:
        self._tone = Tone(section)

    async def synthesize(self, phrase: str, voice: str, speed: float) -> AsyncIterator[Speech]:
        async for speech in self._tone.synthesize(phrase, speed):
            yield speech
