"""The Serve deployment of Whisper. Owns nothing but the engine: replicas, shares and autoscaling
stand in the Serve config."""

from collections.abc import AsyncGenerator

from ray import serve

from configs import schema
from deployments.engines.whisper import Whisper as Engine
from ingress.backends import RecordingOptions, Segment


@serve.deployment(max_ongoing_requests=32)
class Whisper:
    def __init__(self, settings: schema.Whisper) -> None:
        self._engine = Engine(settings)

    async def transcribe(
        self, pcm: bytes, rate_hz: int, *, language: str, final: bool
    ) -> str | None:
        """See `deployments.engines.whisper.Whisper.transcribe`."""
        return await self._engine.transcribe(pcm, rate_hz, language=language, final=final)

    async def recorded(
        self, pcm: bytes, rate_hz: int, options: RecordingOptions
    ) -> AsyncGenerator[Segment, None]:
        """See `deployments.engines.whisper.Whisper.recorded`; call it with `stream=True`."""
        async for segment in self._engine.recorded(pcm, rate_hz, options):
            yield segment

    def check_health(self) -> None:
        self._engine.check()
