"""`ingress.metrics.Metrics` over Ray Serve's, which Ray's agent exports to Prometheus with the
prefix `ray_` and the tags of deployment, replica and application. Owns no name of its own."""

from typing import Any, get_args

from ray.serve import metrics

from ingress.metrics import Counter, Gauge, Histogram

TAGS: dict[Counter | Histogram, Any] = {
    "parley_calls_total": ("outcome",),
    "parley_turns_total": ("outcome",),
    "parley_failures_total": ("backend", "failure"),
    "parley_retries_total": ("backend", "failure"),
    "parley_fallbacks_total": ("tier",),
    "parley_partials_total": ("outcome",),
    "parley_prepared_turns_total": ("outcome",),
    "parley_barge_ins_total": ("outcome",),
    "parley_stage_ms": ("stage",),
    "parley_wasted_model_ms": ("backend",),
}

BOUNDARIES_MS = [10, 25, 50, 100, 150, 200, 300, 400, 500, 650, 800, 1_000, 1_500, 2_000, 3_000,
                 5_000, 10_000, 30_000, 60_000]  # fmt: skip
"""Finest from 100 to 1000 ms, where a caller begins to notice a pause; the last two are the
default time-outs of a request and of a whole reply."""


class ServeMetrics:
    """Raises ValueError where a tag that `TAGS` declares is missing."""

    def __init__(self) -> None:
        self._counters = {
            name: metrics.Counter(name, tag_keys=TAGS.get(name, ())) for name in get_args(Counter)
        }
        self._gauges = {name: metrics.Gauge(name) for name in get_args(Gauge)}
        self._histograms = {
            name: metrics.Histogram(
                name, boundaries=list(map(float, BOUNDARIES_MS)), tag_keys=TAGS.get(name, ())
            )
            for name in get_args(Histogram)
        }

    def count(self, name: Counter, **tags: str) -> None:
        self._counters[name].inc(tags=tags)

    def gauge(self, name: Gauge, value: float) -> None:
        self._gauges[name].set(value)

    def observe(self, name: Histogram, value: float, **tags: str) -> None:
        self._histograms[name].observe(value, tags=tags)
