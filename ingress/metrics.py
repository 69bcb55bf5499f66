"""What the ingress reports. Owns no exporter: `deployments.metrics` implements it with Serve's."""

from typing import Literal, Protocol

Counter = Literal[
    # tag: outcome (completed; failed: a bug of ours; refused: no room, or the peer's fault)
    "parley_calls_total",
    "parley_turns_total",  # tag: outcome (conversation.events.Outcome)
    "parley_failures_total",  # tags: backend, failure
    "parley_retries_total",  # tags: backend, failure
    "parley_fallbacks_total",  # tag: tier
    "parley_partials_total",  # tag: outcome (done, skipped)
    "parley_queued_turns_refused_total",
    # tag: outcome (prepared, then released or dropped)
    "parley_prepared_turns_total",
    # tag: outcome (held: voice while the agent spoke; resumed: it was no interruption)
    "parley_barge_ins_total",
    "parley_underruns_total",  # silences within a reply, for want of its next phrase
]
Gauge = Literal["parley_active_calls", "parley_peak_calls"]
Histogram = Literal[
    "parley_first_audio_ms",  # of the model's replies
    "parley_stage_ms",  # tag: stage
    "parley_wasted_model_ms",  # tag: backend; of work for turns that were dropped unheard
]


class Metrics(Protocol):
    def count(self, name: Counter, **tags: str) -> None: ...
    def gauge(self, name: Gauge, value: float) -> None: ...
    def observe(self, name: Histogram, value: float, **tags: str) -> None: ...
