"""Whisper in the benchmark's own process: what a listener understands of a reply."""

from types import TracebackType
from typing import Self

from audio.pcm import Samples
from benchmarks.recordings import ROOT
from configs.schema import Whisper as Settings
from deployments.engines.whisper import Whisper
from loadtest.first_audio import RATE_HZ

WEIGHTS = ROOT / ".weights" / "whisper-tiny.en"


class Ear:
    """The CPU default's own Whisper, so that no second model needs preparing."""

    def __init__(self) -> None:
        """Raises FileNotFoundError where `make weights` has not run."""
        self._whisper = Whisper(Settings(model=str(WEIGHTS)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._whisper.close()

    async def words_of(self, heard: Samples) -> str:
        """The words in int16 of shape (n,) at 8 kHz; empty for silence."""
        text = await self._whisper.transcribe(
            heard.astype("<i2").tobytes(), RATE_HZ, language="en", final=True
        )
        return text or ""
