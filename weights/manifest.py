"""What a finished folder of weights must contain, written beside it: sizes, times and sha256.

Owns the decision whether a folder is whole. Making it whole is `weights.prepare`'s.
"""

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from weights.sources import sha256_of

NAME = "manifest.json"
# Below this a file is hashed every time: it costs less than a millisecond.
SMALL_BYTES = 1 << 20


class File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    size_bytes: int
    mtime_ns: int
    sha256: str


class Manifest(BaseModel):
    """`recipe` names the sources and the conversion that made the folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipe: str
    files: dict[str, File]


def write(folder: Path, recipe: str) -> None:
    """Hash every file below `folder` and write the manifest, last of all."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != NAME)
    files = {str(path.relative_to(folder)): _describe(path) for path in paths}
    text = Manifest(recipe=recipe, files=files).model_dump_json(indent=1)
    (folder / NAME).write_text(text + "\n")


def _describe(path: Path) -> File:
    stat = path.stat()
    return File(size_bytes=stat.st_size, mtime_ns=stat.st_mtime_ns, sha256=sha256_of(path))


def faults(folder: Path, recipe: str, *, every_byte: bool = False) -> list[str]:
    """What is wrong with `folder`, a line each; empty when it can be used as it is.

    A big file whose size and time are those of the manifest is trusted, unless `every_byte`.
    """
    try:
        manifest = Manifest.model_validate_json((folder / NAME).read_bytes())
    except FileNotFoundError:
        return ["not prepared"]
    except (ValidationError, json.JSONDecodeError) as error:
        return [f"{NAME} cannot be read: {error}"]
    if manifest.recipe != recipe:
        return ["made from other sources or by another conversion"]
    checked = (_fault(folder / name, file, every_byte) for name, file in manifest.files.items())
    return [fault for fault in checked if fault]


def _fault(path: Path, file: File, every_byte: bool) -> str | None:
    if not path.is_file():
        return f"{path.name} is missing"
    stat = path.stat()
    if stat.st_size != file.size_bytes:
        return f"{path.name} has {stat.st_size:,} bytes instead of {file.size_bytes:,}"
    untouched = stat.st_mtime_ns == file.mtime_ns and file.size_bytes > SMALL_BYTES
    if untouched and not every_byte:
        return None
    return None if sha256_of(path) == file.sha256 else f"{path.name} has another sha256"
