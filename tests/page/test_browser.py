"""The page in headless Chromium, a recorded voice its microphone, against the whole app.

The browser is `PARLEY_CHROMIUM`, or one of the usual names.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.npm import NO_NPM, chromium, has_npm, install

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DATA = HERE.parent / "data"
CHROMIUM = chromium()
ENDS_WITHIN_S = 240
RATE_HZ = 16_000


@pytest.fixture(scope="session")
def packages() -> None:
    """What the lock file has, from npm."""
    install(HERE, print)


@pytest.fixture(scope="session")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a microphone says: one sentence, or another over the answer to it."""
    folder = tmp_path_factory.mktemp("voices")
    first, second = (recorded(name) for name in ("librivox-0880.wav", "librivox-0930.wav"))
    said = {
        "once": (silence(1), first, silence(1)),
        "interrupting": (silence(1), first, silence(4), second, silence(1)),
    }
    for name, parts in said.items():
        soundfile.write(folder / f"{name}.wav", np.concatenate(parts), RATE_HZ)
    return folder


def recorded(name: str) -> np.ndarray:
    samples, rate_hz = soundfile.read(DATA / name, dtype="int16")
    assert rate_hz == RATE_HZ
    return samples


def silence(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * RATE_HZ), np.int16)


WITH_NPM = pytest.mark.skipif(not has_npm(), reason=NO_NPM)


@WITH_NPM
def test_the_vendored_library_is_npms(packages: None) -> None:
    """As pinned by the lock file: `npm run vendor` copies it."""
    vendored = ROOT / "ingress" / "page" / "static" / "vendor"
    original = HERE / "node_modules" / "lit-html"
    assert (vendored / "lit-html.js").read_bytes() == (original / "lit-html.js").read_bytes()
    assert (vendored / "lit-html.LICENSE").read_bytes() == (original / "LICENSE").read_bytes()


@WITH_NPM
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: install it, or name it: PARLEY_CHROMIUM")
@pytest.mark.parametrize(
    "names",
    [
        pytest.param(("talk",), marks=pytest.mark.timed, id="talk"),  # a voice in real time
        pytest.param(("reading", "states"), id="reading, states"),
    ],
)
def test_in_a_browser(names: tuple[str, ...], packages: None, voices: Path) -> None:
    """Several at once: they mostly wait for what is said."""
    environment = os.environ | {
        "PARLEY_CHROMIUM": str(CHROMIUM),
        "PARLEY_PYTHON": sys.executable,
        "PARLEY_ROOT": str(ROOT),
        "PARLEY_VOICES": str(voices),
    }
    files = [HERE / "browser" / f"{name}.test.js" for name in names]
    run = subprocess.run(
        ["node", "--test", f"--test-concurrency={len(files)}", *files],
        env=environment,
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_file_is_run() -> None:
    written = {path.name for path in (HERE / "browser").glob("*.test.js")}
    assert written == {f"{name}.test.js" for name in ("talk", "reading", "states")}
