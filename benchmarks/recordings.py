"""What the benchmarks' callers say, and the words of it. Owns no sound of a person that has not
agreed to it: five clips of LibriVox (public domain), and questions spoken by Kokoro."""

import json
from dataclasses import dataclass
from pathlib import Path

from loadtest.utterance import Utterance, read_utterance

ROOT = Path(__file__).parent.parent
DATA = Path(__file__).parent / "data"
CLIPS = ROOT / "tests" / "data"
HUMAN_SHORT = "librivox-0880"


@dataclass(frozen=True, slots=True)
class Recording:
    """A caller's utterance as the telephone takes it, and the words that were said."""

    name: str
    words: str
    utterance: Utterance


def clips() -> tuple[Recording, ...]:
    """The five human clips. Raises UnreadableRecording."""
    return _read(CLIPS, json.loads((CLIPS / "transcripts.json").read_text()))


def questions() -> tuple[Recording, ...]:
    """Short questions, each in a voice that is not the agent's (`benchmarks/data/README.md`).
    Raises UnreadableRecording."""
    spoken = json.loads((DATA / "questions.json").read_text())
    return _read(DATA, {name: said["words"] for name, said in spoken.items()})


def short_questions() -> tuple[Recording, ...]:
    """What first audio is measured on: the questions, and one sentence of a person."""
    return (*questions(), *(clip for clip in clips() if clip.name == HUMAN_SHORT))


def _read(folder: Path, words: dict[str, str]) -> tuple[Recording, ...]:
    return tuple(
        Recording(Path(name).stem, text, read_utterance(folder / name))
        for name, text in words.items()
    )
