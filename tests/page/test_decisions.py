"""The page's decisions, by Node's own test runner: pure modules, no browser."""

import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parent / "unit"
NODE = shutil.which("node")


@pytest.mark.skipif(NODE is None, reason="no Node: install nodejs 20 or later")
@pytest.mark.parametrize("path", sorted(UNIT.glob("*.test.js")), ids=lambda path: path.stem)
def test_decisions(path: Path) -> None:
    assert NODE is not None
    run = subprocess.run([NODE, "--test", str(path)], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
