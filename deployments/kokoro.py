"""The Serve deployment of Kokoro. Owns nothing but the engine: replicas, shares and autoscaling
stand in the Serve config."""

from collections.abc import AsyncGenerator

from ray import serve

from configs import schema
from deployments.engines.kokoro import Kokoro as Engine
from ingress.backends import Speech


@serve.deployment(max_ongoing_requests=32)
class Kokoro:
    def __init__(self, settings: schema.Kokoro) -> None:
        self._engine = Engine(settings)

    async def synthesize(
        self, phrase: str, voice: str, speed: float
    ) -> AsyncGenerator[Speech, None]:
        """See `deployments.engines.kokoro.Kokoro.synthesize`; call it with `stream=True`."""
        async for speech in self._engine.synthesize(phrase, voice, speed):
            yield speech

    async def voices(self) -> list[str]:
        """The names that `synthesize` takes, sorted."""
        return self._engine.voices()

    def check_health(self) -> None:
        self._engine.check()
