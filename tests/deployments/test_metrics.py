"""What the ingress reports arrives at Prometheus under the names of `ingress.metrics`."""

import re
import time
from typing import get_args

import httpx
import pytest
import ray

from deployments.metrics import TAGS, ServeMetrics
from ingress.metrics import Counter, Gauge, Histogram

EXPORTED_S = 60.0
"""Ray's agent reports every 10 s."""


def scraped(*wanted: str) -> str:
    """What Ray's agent exports, once every wanted name is in it."""
    [node] = ray.nodes()
    url = f"http://127.0.0.1:{node['MetricsExportPort']}/metrics"
    due = time.monotonic() + EXPORTED_S
    while True:
        page = httpx.get(url).text
        missing = [name for name in wanted if name not in page]
        if not missing:
            return page
        assert time.monotonic() < due, f"{missing} never came"
        time.sleep(0.5)


def value(page: str, name: str, **tags: str) -> float:
    """The value of the one sample of that name and those tags."""
    samples = re.findall(rf"^{name}{{(.*)}} (\S+)$", page, re.MULTILINE)
    [found] = [
        float(number)
        for labels, number in samples
        if all(f'{tag}="{text}"' in labels for tag, text in tags.items())
    ]
    return found


@pytest.mark.serve
def test_every_metric_is_exported_with_its_tags(ray_cluster: int) -> None:
    metrics = ServeMetrics()
    for name in get_args(Counter):
        for _ in range(2):
            metrics.count(name, **{tag: "x" for tag in TAGS.get(name, ())})
    for name in get_args(Gauge):
        metrics.gauge(name, 3)
    for name in get_args(Histogram):
        metrics.observe(name, 180, **{tag: "x" for tag in TAGS.get(name, ())})
    names = [*get_args(Counter), *get_args(Gauge), *get_args(Histogram)]
    page = scraped(*(f"ray_{name}" for name in names))
    for name in get_args(Counter):
        assert value(page, f"ray_{name}", **{tag: "x" for tag in TAGS.get(name, ())}) == 2
    assert value(page, "ray_parley_active_calls") == 3
    assert value(page, "ray_parley_stage_ms_bucket", stage="x", le="150.0") == 0
    assert value(page, "ray_parley_stage_ms_bucket", stage="x", le="200.0") == 1


@pytest.mark.serve
def test_a_missing_tag_is_an_error(ray_cluster: int) -> None:
    with pytest.raises(ValueError, match="outcome"):
        ServeMetrics().count("parley_calls_total")
