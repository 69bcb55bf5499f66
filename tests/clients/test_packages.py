"""What the clients run in may be missing, or impossible to install: the other tests go on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.running_stack import NoStack
from tests.clients import packages
from tests.npm import NotInstalled

ROOT = Path(__file__).parents[2]


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """Which packages were asked for, none of which is installed."""
    found: list[str] = []
    for name in ("node_clients", "browser_driver", "peers"):
        monkeypatch.setattr(packages, name, lambda tell, name=name: found.append(name))
    monkeypatch.setattr(packages, "has_npm", lambda: True)
    return found


def test_without_npm_its_packages_are_left_out_and_that_is_told(monkeypatch, asked):
    monkeypatch.setattr(packages, "has_npm", lambda: False)
    told: list[str] = []
    packages.install_all(told.append)
    assert asked == ["peers"]
    assert len(told) == 1 and told[0].startswith("note: no npm: install Node 20")


@pytest.mark.parametrize(
    ("name", "error"), [("peers", NoStack("no index")), ("node_clients", NotInstalled("no index"))]
)
def test_what_cannot_be_installed_is_told_and_stops_nothing(monkeypatch, asked, name, error):
    def fail(_):
        raise error

    monkeypatch.setattr(packages, name, fail)
    told: list[str] = []
    packages.install_all(told.append)
    assert sorted([*asked, name]) == ["browser_driver", "node_clients", "peers"]
    assert len(told) == 1 and told[0].startswith("note: ") and "no index" in told[0]


def test_without_npm_the_clients_of_node_are_skipped_with_the_reason():
    path = Path(__file__).with_name("test_clients.py")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", path,
         "-k", "openai_node or agents_realtime"],
        cwd=ROOT,
        env=os.environ | {"PATH": ""},
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout
    assert "2 skipped" in run.stdout and "no npm: install Node 20" in run.stdout
