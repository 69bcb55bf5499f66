"""For all tests: hypothesis measures no time, since machines are shared; in CI it tries the same
examples every time, so that a change is judged by what it changed. And where marked tests may be:
`make test` collects each kind in its own folders only, since collecting all takes a while."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

HERE = Path(__file__).parent
FOLDERS = {
    "serve": {"serve", "deployments"},
    "drains": {"serve"},
    "timed": {"loadtest", "page", "clients", "serve"},
}

settings.register_profile("parley", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("parley")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Raises pytest.UsageError for a test that `make test` would leave out."""
    for item in items:
        kinds = {mark.name for mark in item.iter_markers()}
        folder = item.path.relative_to(HERE).parts[0]
        for kind in kinds & FOLDERS.keys():
            if folder not in FOLDERS[kind] and "models" not in kinds:
                where = " or ".join(sorted(FOLDERS[kind]))
                raise pytest.UsageError(f"{item.nodeid}: tests marked {kind} are in {where}")
