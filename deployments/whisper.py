"""The Serve deployment of Whisper. Owns nothing but the engine: replicas, shares and autoscaling
stand in the Serve config."""

from ray import serve

from configs import schema
from deployments.engines.whisper import Whisper as Engine


@serve.deployment(max_ongoing_requests=32)
class Whisper:
    def __init__(self, settings: schema.Whisper) -> None:
        self._engine = Engine(settings)

    async def transcribe(
        self, pcm: bytes, rate_hz: int, *, language: str, final: bool
    ) -> str | None:
        """See `deployments.engines.whisper.Whisper.transcribe`."""
        return await self._engine.transcribe(pcm, rate_hz, language=language, final=final)

    def check_health(self) -> None:
        self._engine.check()
