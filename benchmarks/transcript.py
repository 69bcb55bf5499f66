"""`transcript`: what the short window saves of Whisper's time, and whether it costs words.

The five human clips and their pieces between pauses, and the questions: as they are, in noise, and
said quietly, each heard by two Whispers in turn, one of which always takes the whole 30 s. Needs no
stack.
"""

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml

from audio import mulaw
from audio.pcm import Samples
from benchmarks.progress import Told
from benchmarks.recordings import DATA, Recording, clips, questions
from benchmarks.report import Detail, Figure, Report
from benchmarks.running_stack import NoStack
from benchmarks.scoring import percentile, word_error_rate
from configs.schema import Stack
from configs.schema import Whisper as Settings
from deployments.app import located
from deployments.engines.whisper import Whisper

RATIO_AT_MOST = 0.5
WORSE_AT_MOST = 0.01
"""Words in a hundred: one word of the 300 here is the model's chance, not a loss."""
NOISE_DB = 15.0
QUIET = 0.1
PREROLL, AFTER = mulaw.RATE_HZ * 320 // 1_000, mulaw.RATE_HZ * 300 // 1_000
"""The line before and after speech that an utterance comes with."""
HISS = 8.0
ONE_THREAD = (
    "Ray gives a replica OMP_NUM_THREADS=1; without it numpy's own threads spin for 10 ms over the "
    "mel features of each utterance, so set it here too"
)


@dataclass(frozen=True, slots=True)
class Said:
    kind: str
    words: str
    samples: Samples


@dataclass(slots=True)
class Heard:
    """By one Whisper: (words said, words heard), milliseconds by the clock and of a core, and kind
    of each utterance."""

    pairs: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    took_ms: list[float] = field(default_factory=list[float])
    core_ms: list[float] = field(default_factory=list[float])
    kinds: list[str] = field(default_factory=list[str])

    def rate(self, kind: str | None = None) -> float:
        chosen = zip(self.pairs, self.kinds, strict=True)
        return word_error_rate([pair for pair, its in chosen if kind in (None, its)])

    def mean_ms(self, kind: str | None = None) -> float:
        chosen = zip(self.took_ms, self.kinds, strict=True)
        return float(np.mean([took for took, its in chosen if kind in (None, its)]))


def utterances() -> list[Said]:
    """All that is said. Raises UnreadableRecording."""
    whole = [*clips(), *questions()]
    pieces = json.loads((DATA / "cuts.json").read_text())
    rng = np.random.default_rng(5)
    said = [_said("as recorded", one.words, _sound(one), rng) for one in whole]
    said += [
        _said("pieces", words, _sound(one)[_at(begin) : _at(end)], rng)
        for one in clips()
        for begin, end, words in pieces[f"{one.name}.wav"]
    ]
    for one in whole:
        sound = _sound(one)
        hiss = float(np.sqrt(np.mean(sound.astype(np.float64) ** 2))) / 10 ** (NOISE_DB / 20)
        said.append(_said("in noise", one.words, sound, rng, hiss))
        said.append(_said("quiet", one.words, (sound * QUIET).astype(np.int16), rng, HISS / 2))
    return said


async def transcript(config: Path, tell: Told, said: list[Said]) -> Report:
    """Raises NoStack for a config without Whisper, FileNotFoundError without weights."""
    settings = _settings(config)
    short, whole = Whisper(settings), Whisper(settings, always_whole=True)
    by_short, by_whole = Heard(), Heard()
    for number, one in enumerate(said):
        pairs = [(short, by_short), (whole, by_whole)]
        for whisper, heard in pairs if number % 2 else reversed(pairs):
            await _hear(whisper, one, heard)
        tell(by_short.pairs[-1][1])
    twice = short.heard_twice / len(said)
    short.close()
    whole.close()
    return _report(by_short, by_whole, twice)


def _report(short: Heard, whole: Heard, twice: float) -> Report:
    figures = [
        Figure("utterances", len(short.pairs)),
        Figure("word error rate, whole window", whole.rate()),
        Figure("word error rate, short window with guard", short.rate()),
        Figure("more errors per word", short.rate() - whole.rate(), at_most=WORSE_AT_MOST),
        Figure("heard twice", twice, "of 1"),
        Figure("whole window, mean", whole.mean_ms(), "ms"),
        Figure("short window, mean", short.mean_ms(), "ms"),
        Figure("short over whole, mean", short.mean_ms() / whole.mean_ms(), at_most=RATIO_AT_MOST),
        Figure("short over whole, a core's time", sum(short.core_ms) / sum(whole.core_ms)),
        Figure("whole window, 95th percentile", percentile(whole.took_ms, 95), "ms"),
        Figure("short window, 95th percentile", percentile(short.took_ms, 95), "ms"),
    ]
    rows = [
        tuple(
            f(kind)
            for f in (str, short.kinds.count, short.rate, whole.rate, short.mean_ms, whole.mean_ms)
        )
        for kind in dict.fromkeys(short.kinds)
    ]
    columns = ("said", "count", "errors, short", "errors, whole", "ms, short", "ms, whole")
    notes = [] if os.environ.get("OMP_NUM_THREADS") == "1" else [ONE_THREAD]
    return Report("transcript", figures, [Detail("by kind", columns, rows)], notes)


async def _hear(whisper: Whisper, said: Said, heard: Heard) -> None:
    pcm = said.samples.astype("<i2").tobytes()
    began, core_began = time.perf_counter(), time.process_time()
    text = await whisper.transcribe(pcm, mulaw.RATE_HZ, language="en", final=True)
    heard.took_ms.append(1_000 * (time.perf_counter() - began))
    heard.core_ms.append(1_000 * (time.process_time() - core_began))
    heard.pairs.append((said.words, text or ""))
    heard.kinds.append(said.kind)


def _settings(config: Path) -> Settings:
    args = yaml.safe_load(config.read_text())["applications"][0]["args"]
    section = Stack.model_validate(args).stt
    if not isinstance(section, Settings):
        raise NoStack(f"{config} runs no Whisper of its own")
    return located(section)


def _said(
    kind: str, words: str, sound: Samples, rng: np.random.Generator, hiss: float = HISS
) -> Said:
    """With the line's hiss before, in and after it, through mu-law as the telephone brings it."""
    line = np.concatenate([np.zeros(PREROLL), sound, np.zeros(AFTER)])
    line = np.clip(line + rng.normal(size=len(line)) * hiss, -32_768, 32_767)
    return Said(kind, words, mulaw.decode(mulaw.encode(line.astype(np.int16))))


def _sound(recording: Recording) -> Samples:
    return mulaw.decode(recording.utterance.payload)


def _at(ms: int) -> int:
    return ms * mulaw.RATE_HZ // 1_000
