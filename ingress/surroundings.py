"""What the calls of a replica have in common. Owns nothing itself."""

from collections.abc import Callable
from dataclasses import dataclass

from ingress.backends import Backends
from ingress.judging import TurnJudge
from ingress.lines import FixedLines
from ingress.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every call of a replica shares, and the clock (seconds) that it lives by."""

    backends: Backends
    lines: FixedLines
    metrics: Metrics
    now_s: Callable[[], float]
    lead_s: float = 0.2
    partial_every_ms: int = 0
    judge: TurnJudge | None = None
