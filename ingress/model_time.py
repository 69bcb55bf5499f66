"""How long each model has worked for one attempt at a turn. Owns no clock."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Literal

from ingress.metrics import Metrics

Model = Literal["stt", "llm", "tts"]


class ModelTime:
    """Requests of one model do not overlap within an attempt."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self.worked_ms: dict[Model, float] = {}

    @contextmanager
    def of(self, model: Model) -> Generator[None]:
        """The body waits for the model."""
        began_s = self._now_s()
        try:
            yield
        finally:
            lasted_ms = (self._now_s() - began_s) * 1_000
            self.worked_ms[model] = self.worked_ms.get(model, 0.0) + lasted_ms

    def tell_wasted(self, metrics: Metrics) -> None:
        """The attempt was dropped: its work was for nothing."""
        for model, ms in self.worked_ms.items():
            metrics.observe("parley_wasted_model_ms", ms, backend=model)
