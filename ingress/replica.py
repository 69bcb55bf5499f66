"""What the routes of one ingress replica share. Owns nothing itself."""

from collections.abc import Callable
from dataclasses import dataclass

from audio.voice_activity import SileroModel
from configs.schema import Stack
from ingress.admission import Admission
from ingress.backends import Backends
from ingress.judging import TurnJudge
from ingress.lines import FixedLines
from ingress.metrics import Metrics
from ingress.readiness import Readiness
from ingress.security import Secrets


@dataclass(frozen=True, slots=True)
class Replica:
    """`now_s` is a clock in seconds; only differences count."""

    stack: Stack
    backends: Backends
    metrics: Metrics
    secrets: Secrets
    silero: SileroModel
    lines: FixedLines
    admission: Admission
    readiness: Readiness
    now_s: Callable[[], float]
    judge: TurnJudge | None = None

    @property
    def voices(self) -> tuple[str, ...]:
        """The synthesizer's; empty until it is ready, and where nobody tells them."""
        return self.readiness.voices
