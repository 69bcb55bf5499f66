"""`kokoro`: from a phrase's text to its first sound, beside the library's own pass in float32.

The CPU default's Kokoro as it ships, and the same weights as `kokoro.KPipeline` loads and runs
them, in turns, in one process, with the same threads. Needs no stack.
"""

import asyncio
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.progress import Told
from benchmarks.report import Detail, Figure, Report
from benchmarks.running_stack import NoStack
from configs.schema import Kokoro as Settings
from configs.schema import Stack
from deployments.app import located
from deployments.engines.kokoro import RATE_HZ, REPOSITORY, Kokoro
from deployments.engines.trimming import trimmed

VOICE = "af_heart"
FIRST_PHRASES = ("It is Berlin.", "That would be Berlin.", "Sure, I can help with that.")
LONG_PHRASE = (
    "Your appointment is on Thursday afternoon at half past three, and the doctor asks you to "
    "bring the letter of your insurance with you."
)
PHRASES = (*FIRST_PHRASES, LONG_PHRASE)
RATIO_AT_MOST = 0.6

Speak = Callable[[str], float]
"""Speaks a phrase; how many seconds of sound it became."""


@dataclass(slots=True)
class Timed:
    """Milliseconds of each pass by the clock and of a core, and the sound it made."""

    took_ms: list[float] = field(default_factory=list[float])
    core_ms: list[float] = field(default_factory=list[float])
    sound_s: float = 0.0

    @property
    def ms(self) -> float:
        return float(np.median(self.took_ms))


def kokoro(config: Path, rounds: int, tell: Told) -> Report:
    """Each phrase `rounds` times by both. Raises NoStack for a config without Kokoro,
    FileNotFoundError without weights."""
    settings = _settings(config)
    engine = Kokoro(settings)
    ways = {"ships": _engine_speaks(engine), "float32": _library_speaks(settings)}
    timed = {(way, phrase): Timed() for way in ways for phrase in PHRASES}
    for number in range(-1, rounds):
        for phrase in PHRASES:
            for way in ways if number % 2 else reversed(ways):
                _time(ways[way], phrase, timed[way, phrase] if number >= 0 else Timed())
            tell(phrase)
    engine.close()
    return _report(timed)


def _time(speak: Speak, phrase: str, timed: Timed) -> None:
    began, core_began = time.perf_counter(), time.process_time()
    timed.sound_s = speak(phrase)
    timed.took_ms.append(1_000 * (time.perf_counter() - began))
    timed.core_ms.append(1_000 * (time.process_time() - core_began))


def _engine_speaks(engine: Kokoro) -> Speak:
    async def first(phrase: str) -> float:
        speeches = engine.synthesize(phrase, VOICE, 1.0)
        speech = await anext(speeches)
        await speeches.aclose()
        return speech.audio.seconds

    return lambda phrase: asyncio.run(first(phrase))


def _library_speaks(settings: Settings) -> Speak:
    with warnings.catch_warnings():  # torch's, spaCy's and misaki's own deprecations
        warnings.simplefilter("ignore")
        pipeline = _library(Path(settings.model))
    style = str(Path(settings.model) / "voices" / f"{VOICE}.pt")

    def speak(phrase: str) -> float:
        result = next(pipeline(phrase, voice=style))
        return len(trimmed(result.audio.numpy(), (), RATE_HZ)[0]) / RATE_HZ

    return speak


def _library(folder: Path) -> Any:
    from kokoro import KModel, KPipeline

    from deployments.engines.english import load_spacy_model, spacy_model_for_misaki

    weights = str(next(folder.glob("*.pth")))
    model = KModel(REPOSITORY, str(folder / "config.json"), weights).eval()
    with spacy_model_for_misaki(load_spacy_model()):
        return KPipeline(VOICE[0], repo_id=REPOSITORY, model=model)


def _report(timed: dict[tuple[str, str], Timed]) -> Report:
    def ratio(phrases: tuple[str, ...], of: Callable[[Timed], float]) -> float:
        return float(
            np.median([of(timed["ships", one]) / of(timed["float32", one]) for one in phrases])
        )

    def core(one: Timed) -> float:
        return float(np.median(one.core_ms))

    rows = [
        (phrase, own.sound_s, own.ms, core(own), loaded.ms, core(loaded), own.ms / loaded.ms)
        for phrase in PHRASES
        for own, loaded in [(timed["ships", phrase], timed["float32", phrase])]
    ]
    long = timed["ships", LONG_PHRASE]
    first_ms = float(np.median([timed["ships", one].ms for one in FIRST_PHRASES]))
    figures = [
        Figure("first sound of a first phrase", first_ms, "ms"),
        Figure(
            "over float32 as loaded", ratio(FIRST_PHRASES, lambda t: t.ms), at_most=RATIO_AT_MOST
        ),
        Figure("over float32 as loaded, a core's time", ratio(FIRST_PHRASES, core)),
        Figure("long phrase over float32 as loaded", ratio((LONG_PHRASE,), lambda t: t.ms)),
        Figure("long phrase, of its sound's length", long.ms / 1_000 / long.sound_s),
    ]
    columns = ("phrase", "sound s", "ms", "core ms", "float32 ms", "float32 core ms", "ratio")
    return Report("kokoro", figures, [Detail("by phrase", columns, rows)])


def _settings(config: Path) -> Settings:
    args = yaml.safe_load(config.read_text())["applications"][0]["args"]
    section = Stack.model_validate(args).tts
    if not isinstance(section, Settings):
        raise NoStack(f"{config} runs no Kokoro of its own")
    return located(section)
