"""Installs what the clients run in, once: `python -m tests.clients.packages`. The tests ask for the
same, and wait for it where this did not run before them."""

import fcntl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from benchmarks.peers.environment import peers_python
from benchmarks.running_stack import NoStack
from tests.npm import NO_NPM, NotInstalled, has_npm, install

ROOT = Path(__file__).parents[2]
NODE = Path(__file__).parent / "node"
PAGE = ROOT / "tests" / "page"


def node_clients(tell: Callable[[str], None]) -> Path:
    """The folder of the Node clients, with their packages. Raises NotInstalled."""
    return install(NODE, tell)


def browser_driver(tell: Callable[[str], None]) -> Path:
    """The folder of the page's tests, with the package that drives a browser. Raises
    NotInstalled."""
    return install(PAGE, tell)


def peers(tell: Callable[[str], None]) -> Path:
    """The interpreter with pipecat's and LiveKit's packages. Raises NoStack."""
    with (ROOT / "requirements" / "peers.txt").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return peers_python(tell)


def install_all(tell: Callable[[str], None]) -> None:
    """What is not yet there, at the same time. What cannot be installed is told of: the tests that
    want it are skipped without npm, and otherwise fail by the same error, and by themselves."""
    wanted = [peers]
    if has_npm():
        wanted += [node_clients, browser_driver]
    else:
        tell(f"note: {NO_NPM}; the tests of Node's clients and of the page are skipped")
    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(one, tell) for one in wanted]:
            try:
                done.result()
            except (NoStack, NotInstalled) as error:
                tell(f"note: the tests that want these packages will fail: {error}")


if __name__ == "__main__":
    install_all(partial(print, flush=True))
