"""How many calls a replica holds, and which. Owns no clock: the time is passed in."""

from collections.abc import Generator
from contextlib import contextmanager

from ingress.call import Call
from ingress.metrics import Metrics

RESERVED_S = 10.0
"""How long an answered webhook keeps a place for its stream; Twilio opens one within a second."""


class Admission:
    def __init__(self, max_calls: int, metrics: Metrics) -> None:
        self._max_calls, self._metrics = max_calls, metrics
        self._calls: dict[str, Call] = {}
        self._reserved: dict[str, float] = {}
        self.peak = 0
        self.ended = 0  # calls so far

    @property
    def active(self) -> int:
        return len(self._calls)

    def reserve(self, call_sid: str, now_s: float) -> bool:
        """Keep a place for a call whose stream is about to open; False when there is none."""
        self._reserved = {sid: at for sid, at in self._reserved.items() if now_s - at < RESERVED_S}
        known = call_sid in self._reserved or call_sid in self._calls
        if not known and len(self._calls) + len(self._reserved) >= self._max_calls:
            return False
        self._reserved[call_sid] = now_s
        return True

    def holds(self, call_sid: str) -> bool:
        return call_sid in self._calls

    @property
    def full(self) -> bool:
        return len(self._calls) >= self._max_calls

    @contextmanager
    def hold(self, call_sid: str, call: Call) -> Generator[None]:
        """Count a call for as long as it lasts."""
        self._reserved.pop(call_sid, None)
        self._calls[call_sid] = call
        self.report()
        try:
            yield
        finally:
            del self._calls[call_sid]
            self.ended += 1
            self.report()

    def end_all(self, reason: str) -> int:
        """Hang up every call; how many there were."""
        calls = list(self._calls.values())
        for call in calls:
            call.end(reason)
        return len(calls)

    def report(self) -> None:
        """Set the gauges. Exporters forget one that is not set for some seconds."""
        self.peak = max(self.peak, self.active)
        self._metrics.gauge("parley_active_calls", self.active)
        self._metrics.gauge("parley_peak_calls", self.peak)
