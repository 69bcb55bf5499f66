"""A package index of our own: toy wheels in a folder, reached by the real pip."""

import hashlib
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from weights.catalog import Model
from weights.sources import Archive, copy_member

PAYLOAD = bytes(range(256)) * 8_192  # 2 MiB: above what is hashed at every start
Publish = Callable[[bytes], Archive]


def write_wheel(path: Path, payload: bytes) -> None:
    info = "toy_weights-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("toy_weights/model.bin", payload)
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: toy-weights\nVersion: 1.0\n"
        )
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that pip sees as the only index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


@pytest.fixture
def toy(index: Path) -> Archive:
    """A published wheel, pinned as it is."""
    path = index / "toy_weights-1.0-py3-none-any.whl"
    write_wheel(path, PAYLOAD)
    content = path.read_bytes()
    return Archive(
        package="toy-weights",
        version="1.0",
        filename=path.name,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def build_toy(archives: Mapping[str, Path], out: Path) -> None:
    copy_member(archives["toy-weights"], "toy_weights/model.bin", out / "model.bin")
    (out / "config.json").write_text("{}")


@pytest.fixture
def model(toy: Archive) -> Model:
    return Model(
        name="toy",
        edition="1",
        archives=(toy,),
        build=build_toy,
        instead="args.stt.model: example/toy",
    )
