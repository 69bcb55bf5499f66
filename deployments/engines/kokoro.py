"""Kokoro-82M over its own pipeline: a phrase in, speech with word times out. Owns the model, its
voices and its thread; knows no Ray, no call and no queue but the lane's."""

import threading
import warnings
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from audio.pcm import Audio
from configs import schema
from conversation.fallbacks import FailureClass
from deployments.engines.english import load_spacy_model, spacy_model_for_misaki
from deployments.engines.folders import local_folder
from deployments.engines.kokoro_passes import Passes
from deployments.engines.lanes import Lane
from deployments.engines.memory import FreedMemory
from deployments.engines.precision import dtype_in, fold_weight_norm, in_precision
from deployments.engines.trimming import trimmed, words_of
from ingress.backends import BackendError, Speech

RATE_HZ = 24_000
"""Kokoro's only rate (its model card)."""
SPEEDS = (0.5, 2.0)
SPOKEN_SIGNS = frozenset("%&+@")
"""Signs that misaki reads aloud (`misaki.en.Lexicon`: per cent, and, plus, at)."""
REPOSITORY = "hexgrad/Kokoro-82M"
ENGLISH = frozenset("ab")
"""Kokoro's letters for American and British English (`kokoro.pipeline.LANG_CODES`)."""


def speakable(phrase: str) -> bool:
    """Whether a phrase has anything to say: Kokoro makes a noise of "...", and of an emoji its
    name."""
    return any(c.isalnum() or c in SPOKEN_SIGNS for c in phrase)


class Kokoro:
    """One model, one pass at a time. Voices are the files `voices/NAME.pt` beside the weights; a
    voice's first letter is its language in Kokoro's own code (a: American, b: British English)."""

    def __init__(self, settings: schema.Kokoro) -> None:
        """Load the weights and speak once. Raises FileNotFoundError for a missing folder and
        RuntimeError when the weights give no sound."""
        self._folder = local_folder(settings.model) or _fetched(settings.model)
        self._voices = {path.stem: path for path in (self._folder / "voices").glob("*.pt")}
        self._lane = Lane("kokoro")
        with warnings.catch_warnings():  # torch's, spaCy's and misaki's own deprecations
            warnings.simplefilter("ignore")
            import torch

            self._torch = torch
            torch.set_num_threads(settings.threads)
            self._model = self._loaded().to(settings.device).eval()
            fold_weight_norm(self._model)
            self._passes = self._own_passes(settings) if settings.device == "cpu" else None
            self._pipelines = self._english_pipelines()
        self._precision = in_precision(settings.precision, settings.device)
        self._freed = FreedMemory()
        self._speak_once()

    def voices(self) -> list[str]:
        """The names that `synthesize` takes, sorted."""
        return sorted(self._voices)

    def check(self) -> None:
        """Raises RuntimeError when a pass hangs."""
        self._lane.check()

    def close(self) -> None:
        self._lane.close()

    async def synthesize(
        self, phrase: str, voice: str, speed: float
    ) -> AsyncGenerator[Speech, None]:
        """Speak a phrase: one `Speech` (int16, 24 kHz) per 510 phonemes or line, nothing where
        there is nothing to say. Closing the iterator gives a running pass up (on a CPU). Raises
        BackendError, of class invalid for an unknown voice or speed and of class server when the
        model fails."""
        self._accept(voice, speed)
        if not speakable(phrase):
            return
        gone = threading.Event()
        chunks = self._chunks(phrase, voice, speed, gone)
        try:
            while (speech := await self._lane.run(lambda: next(chunks, None))) is not None:
                yield speech
        finally:
            gone.set()

    def _accept(self, voice: str, speed: float) -> None:
        if voice not in self._voices:
            known = ", ".join(self.voices())
            raise _invalid(f"no voice named {voice!r}; there are {known}")
        if not SPEEDS[0] <= speed <= SPEEDS[1]:
            raise _invalid(f"speed {speed} is not within {SPEEDS[0]} to {SPEEDS[1]}")

    def _chunks(
        self, phrase: str, voice: str, speed: float, gone: threading.Event
    ) -> Iterator[Speech]:
        """Runs in the lane's thread: one pass of the model before each item, given up when the
        caller is gone."""
        pipeline = self._pipeline(voice[0])
        with self._torch.inference_mode():
            results = pipeline(phrase, voice=str(self._voices[voice]), speed=speed)
        while (result := self._next(results, gone)) is not None:
            words = words_of(result.tokens or ())
            samples, words = trimmed(result.audio.numpy(), words, RATE_HZ)
            if len(samples):
                yield Speech(Audio(samples, RATE_HZ), words)
        self._freed.after_pass()

    def _next(self, results: Iterator[Any], gone: threading.Event) -> Any | None:
        if self._passes:
            self._passes.abandoned = gone.is_set
        try:
            with self._torch.inference_mode(), self._precision:
                return next(results, None)
        except RuntimeError as error:  # torch's own class, a full GPU memory among them
            raise BackendError(FailureClass.SERVER, f"kokoro: {error}") from error

    def _loaded(self) -> Any:
        from kokoro import KModel

        weights = next(self._folder.glob("*.pth"), self._folder / "kokoro-v1_0.pth")
        return KModel(REPOSITORY, str(self._folder / "config.json"), str(weights))

    def _own_passes(self, settings: schema.Kokoro) -> Passes:
        passes = Passes(self._model, dtype_in(settings.precision, settings.device))
        self._model.forward_with_tokens = passes
        return passes

    def _english_pipelines(self) -> dict[str, Any]:
        """One for each kind of English that has a voice, by its letter; they share the tagger."""
        with spacy_model_for_misaki(load_spacy_model()):
            return {
                language: self._new_pipeline(language) for language in self._languages() & ENGLISH
            }

    def _languages(self) -> set[str]:
        return {voice[0] for voice in self._voices}

    def _pipeline(self, language: str) -> Any:
        if language not in self._pipelines:
            self._pipelines[language] = self._new_pipeline(language)
        return self._pipelines[language]

    def _new_pipeline(self, language: str) -> Any:
        from kokoro import KPipeline
        from kokoro.pipeline import LANG_CODES

        if language not in LANG_CODES:
            known = ", ".join(f"{code} ({name})" for code, name in LANG_CODES.items())
            raise _invalid(f"a voice's first letter is its language: {known}; not {language!r}")
        try:
            return KPipeline(language, repo_id=REPOSITORY, model=self._model)
        except ImportError as error:
            detail = f"{LANG_CODES[language]} needs a package that is not installed: {error}"
            raise _invalid(detail) from error

    def _speak_once(self) -> None:
        """Take torch's first, slow pass out of the first call."""
        voice = next((v for v in self.voices() if v[0] in ENGLISH), None)
        if voice is None:
            raise FileNotFoundError(f"{self._folder / 'voices'} holds no English voice (NAME.pt)")
        spoken = self._chunks("Ready.", voice, 1.0, threading.Event())
        if not any(np.any(speech.audio.samples) for speech in spoken):
            raise RuntimeError(f"the weights in {self._folder} give no sound: prepare them again")


def _invalid(detail: str) -> BackendError:
    return BackendError(FailureClass.INVALID, f"kokoro: {detail}")


def _fetched(model: str) -> Path:
    """A hub's repository as a folder, downloaded once."""
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(model, allow_patterns=["config.json", "*.pth", "voices/*.pt"]))
