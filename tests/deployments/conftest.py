"""One Ray for all tests of this folder that need it: its own, in its own temporary folder."""

import tempfile
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[None]:
    """A local Ray with Serve, without an HTTP proxy: handles are all that these tests use."""
    import ray
    from ray import serve

    with (
        pytest.MonkeyPatch.context() as environment,
        tempfile.TemporaryDirectory(prefix="parley-ray-", dir="/tmp") as folder,
    ):
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init("local", num_cpus=8, _temp_dir=folder, include_dashboard=False)
        serve.start(proxy_location="Disabled")
        yield
        serve.shutdown()
        ray.shutdown()
