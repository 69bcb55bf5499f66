"""One Ray for all tests of this folder that need it: its own, in its own temporary folder."""

import tempfile
from collections.abc import Iterator

import pytest

from deployments.local_cluster import free_ports


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[int]:
    """A local Ray with Serve behind its Python proxy (HAProxy has tests of its own), on loopback;
    gives the HTTP port."""
    import ray
    from ray import serve

    with (
        pytest.MonkeyPatch.context() as environment,
        tempfile.TemporaryDirectory(prefix="parley-ray-", dir="/tmp") as folder,
    ):
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        environment.setenv("RAY_worker_niceness", "0")  # of 15: beside other tests it got no turn
        environment.delenv("RAY_SERVE_ENABLE_HA_PROXY", raising=False)
        (port,) = free_ports(1)
        ray.init("local", num_cpus=8, _temp_dir=folder, include_dashboard=False)
        serve.start(http_options={"host": "127.0.0.1", "port": port})
        yield port
        serve.shutdown()
        ray.shutdown()
