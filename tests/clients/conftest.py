"""What the clients run in: their own packages, installed once; a server; TLS in front of it."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import soundfile

from ingress import listening
from tests.clients import packages
from tests.clients.answering import REPLIES, Models, answering
from tests.clients.caller import sentence
from tests.deploy.tls_proxy import TlsProxy, tls_proxy
from tests.npm import NO_NPM, chromium, has_npm

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
SENTENCES = {"librivox-0880.wav": (0.2, 2.0), "librivox-0930.wav": (0.2, 1.9)}
"""From and to, in seconds: enough to be a turn and a barge-in."""


@pytest.fixture(scope="session")
def tell(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """A line of progress; nobody reads those of a worker process."""
    terminal: Any = pytestconfig.pluginmanager.getplugin("terminalreporter")
    return terminal.write_line if terminal else lambda _: None


@pytest.fixture(scope="session")
def node_clients(tell: Callable[[str], None]) -> Path:
    """The folder of the Node clients, with their packages."""
    if not has_npm():
        pytest.skip(NO_NPM)
    return packages.node_clients(tell)


@pytest.fixture(scope="session")
def browser(tell: Callable[[str], None]) -> str:
    """Chromium, and in `tests/page` the package that drives it."""
    found = chromium()
    if not found:
        pytest.skip("no Chromium: apt-get install chromium, or name it in PARLEY_CHROMIUM")
    if not has_npm():
        pytest.skip(NO_NPM)
    packages.browser_driver(tell)
    return found


@pytest.fixture(scope="session")
def peers(tell: Callable[[str], None]) -> Path:
    """The interpreter with pipecat's and LiveKit's packages."""
    return packages.peers(tell)


@pytest.fixture(scope="session")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What the callers say, by its text, as files."""
    folder = tmp_path_factory.mktemp("sentences")
    texts = json.loads((DATA / "transcripts.json").read_text())
    found: dict[str, Path] = {}
    for name, (from_s, to_s) in SENTENCES.items():
        samples, rate_hz = soundfile.read(DATA / name, dtype="int16")
        found[texts[name]] = folder / name
        cut = samples[round(from_s * rate_hz) : round(to_s * rate_hz)]
        soundfile.write(folder / name, cut, rate_hz)
    return found


@pytest.fixture
def replies() -> Sequence[Any]:
    """What the language model says; a test may have it say something else."""
    return REPLIES


@pytest.fixture
def line_silent_s() -> float:
    """After how long a client that sends nothing is taken for silent. A client, a process of its
    own, may be held up within a sentence by a busy machine: that shall not cut it in two."""
    return 30.0


@pytest.fixture
def parley(
    sentences: dict[str, Path],
    replies: Sequence[Any],
    line_silent_s: float,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[str, Models]]:
    """A server's address (http://…), and the models behind it."""
    monkeypatch.setattr(listening, "LINE_SILENT_S", line_silent_s)
    known = {text: sentence(path) for text, path in sentences.items()}
    with answering(known, replies) as served:
        yield served


@pytest.fixture
def tls(parley: tuple[str, Models], tmp_path: Path) -> Iterator[TlsProxy]:
    with tls_proxy(parley[0].removeprefix("http://"), tmp_path) as proxy:
        yield proxy
