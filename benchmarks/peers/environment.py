"""The peers' own environment, made once: their requirements are not ours. Owns .venv-peers."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from benchmarks.recordings import ROOT
from benchmarks.running_stack import NoStack

FOLDER = ROOT / ".venv-peers"
REQUIREMENTS = ROOT / "requirements" / "peers.txt"


def peers_python(tell: Callable[[str], None]) -> Path:
    """The interpreter that runs the peers' bots; makes its environment (0.8 GB, a minute) when
    `requirements/peers.txt` is another than it was made from. Raises NoStack."""
    python, stamp = FOLDER / "bin" / "python", FOLDER / "made-from"
    wanted = sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    tell(f"installing the peers into {FOLDER.name}, once (0.8 GB)")
    shutil.rmtree(FOLDER, ignore_errors=True)
    _run(sys.executable, "-m", "venv", str(FOLDER))
    uv = (sys.executable, "-m", "uv", "pip", "install", "--python", str(python))
    pip = (str(python), "-m", "pip", "install", "--disable-pip-version-check")
    wants = ("-qq", "--no-deps", "-r", str(REQUIREMENTS))
    try:
        _run(*uv, *wants)
    except NoStack:  # it is deaf to pip's configuration
        _run(*pip, *wants)
    stamp.write_text(wanted)
    return python


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise NoStack(f"{' '.join(command)} failed:\n{done.stderr[-2_000:]}")
