"""Node packages for tests, and the browser. Owns when they are installed, not what they are."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

NO_NPM = "no npm: install Node 20"


class NotInstalled(Exception):
    """npm could not install what a lock file has; the text is npm's own."""


def has_npm() -> bool:
    return shutil.which("npm") is not None


def install(folder: Path, tell: Callable[[str], None]) -> Path:
    """What the folder's lock file has, from npm, once; several processes may ask. The folder.
    Raises NotInstalled."""
    lock, stamp = folder / "package-lock.json", folder / "node_modules" / "made-from"
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        wanted = sha256(lock.read_bytes()).hexdigest()
        if not (stamp.is_file() and stamp.read_text() == wanted):
            tell(f"installing the Node packages of {folder.name}, once")
            npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(npm, cwd=folder, capture_output=True, text=True)
            if done.returncode:
                raise NotInstalled(f"npm ci in {folder} failed:\n{done.stderr[-2_000:]}")
            stamp.write_text(wanted)
    return folder


def chromium() -> str | None:
    """`PARLEY_CHROMIUM`, or the first of the usual names that is there."""
    found = filter(None, map(shutil.which, BROWSERS))
    return os.environ.get("PARLEY_CHROMIUM") or next(found, None)
