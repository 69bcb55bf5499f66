"""smart-turn v3.2: the int8 ONNX export that pipecat carries in its wheel, which is not installed.

The folder: smart-turn-v3.2-cpu.onnx, which `audio.turn_completion` loads, and its LICENSE.
"""

from collections.abc import Mapping
from pathlib import Path

from weights.sources import Archive, SourceError, copy_member, sha256_of

NAME = "smart-turn-v3.2"
PACKAGE = "pipecat-ai"
FILE = "smart-turn-v3.2-cpu.onnx"
SHA256 = "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f"
VERSION = "1.14.0"
ARCHIVES = (
    Archive(
        package=PACKAGE,
        version=VERSION,
        filename=f"pipecat_ai-{VERSION}-py3-none-any.whl",
        size_bytes=12_109_725,
        sha256="0352f504b44e78bdf524e45af4bc759601c835b9b7dc195efe5e03384b974a44",
    ),
)


def build(archives: Mapping[str, Path], out: Path) -> None:
    """Raises SourceError when the wheel holds another network than the one that was measured."""
    wheel = archives[PACKAGE]
    copy_member(wheel, f"pipecat/audio/turn/smart_turn/data/{FILE}", out / FILE)
    if sha256_of(out / FILE) != SHA256:
        raise SourceError(f"{FILE} in {PACKAGE} is not the known one")
    licence = f"pipecat_ai-{VERSION}.dist-info/licenses/LICENSE"
    copy_member(wheel, licence, out / "LICENSE")
