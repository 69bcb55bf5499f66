"""Whisper over faster-whisper's model: an utterance in, its text out. Owns the model, its threads
and who comes first in them; knows no Ray, no call and no turn.

One window of 30 s a pass, no timestamps, greedy at temperature 0: on the telephone clips as
accurate as a beam of 5, and its time is bounded. Longer utterances are heard window by window.
On a CPU a short utterance is first heard in a short window, and in the whole one only when what was
heard there is in doubt (`hallucinations.sure`).
"""

import threading
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from audio.pcm import Audio
from audio.resampling import resample
from configs import schema
from conversation.fallbacks import FailureClass
from deployments.engines.folders import local_folder
from deployments.engines.hallucinations import Decoded, spoken, sure
from deployments.engines.lanes import Lane
from deployments.engines.recordings import Recordings
from deployments.engines.short_window import ShortWindow
from ingress.backends import BackendError, RecordingOptions, Segment

RATE_HZ = 16_000
WINDOW_S = 30
"""Whisper's own input (openai/whisper, `audio.py`)."""
RATES_HZ = (8_000, 48_000)
SHORTEST_S = 0.1
"""Shorter audio holds no word: our choice, under the shortest "no" (0.15 s)."""
TOKENS_PER_S = 8
TOKENS_AT_LEAST = 12
"""Bounds a pass that runs away: fast English speech is 6 tokens a second."""
TOKENS_AT_MOST = 224
"""Half of Whisper's context, as its own decoding takes."""


class Whisper:
    """Finals run first come first served, `parallel` at a time. A partial runs beside them in a
    thread of its own, only when no other utterance is heard or waits, and gives up when a final
    arrives. Recordings have a third, between the finals."""

    def __init__(self, settings: schema.Whisper, *, always_whole: bool = False) -> None:
        """Load the weights and hear a second of silence. `always_whole` gives every utterance the
        whole window, to compare with. Raises FileNotFoundError for a missing folder."""
        from faster_whisper import WhisperModel
        from faster_whisper.tokenizer import Tokenizer
        from faster_whisper.transcribe import get_suppressed_tokens

        self._model: Any = WhisperModel(
            str(local_folder(settings.model) or settings.model),
            device=settings.device,
            compute_type=settings.compute_type,
            cpu_threads=settings.threads,
            num_workers=settings.parallel + 2,  # a partial and a recording beside the finals
        )
        self._tokenizers = {
            language: Tokenizer(self._model.hf_tokenizer, self.multilingual, "transcribe", language)
            for language in self._model.supported_languages
        }
        self._suppressed = get_suppressed_tokens(self._tokenizers["en"], (-1,)) or ()
        self.heard_twice = 0
        """Windows so far that the short one left in doubt."""
        short = settings.device == "cpu" and not always_whole
        self._short = ShortWindow(self._model) if short else None
        self._finals = Lane("whisper-final", settings.parallel)
        self._partials = Lane("whisper-partial")
        self._waiting = Lane("whisper-recording")
        self._recordings = Recordings(self._model)
        self._final_waits = threading.Event()
        self._heard(np.zeros(RATE_HZ, dtype=np.float32), "en", _never)

    @property
    def multilingual(self) -> bool:
        return bool(self._model.model.is_multilingual)

    def check(self) -> None:
        """Raises RuntimeError when a pass hangs."""
        self._finals.check()
        self._partials.check()
        self._waiting.check()

    def close(self) -> None:
        self._finals.close()
        self._partials.close()
        self._waiting.close()

    async def transcribe(
        self, pcm: bytes, rate_hz: int, *, language: str, final: bool
    ) -> str | None:
        """The text of a whole utterance: s16le mono at 8 to 48 kHz, `language` as ISO 639-1. Empty
        for silence, noise and music; None for a partial that was skipped or given up since the
        replica is busy. Raises BackendError, of class invalid for what it cannot take and of class
        server when the model fails."""
        code = self._language(language)
        speech = _speech(pcm, rate_hz)
        if not final:
            return await self._partial(speech, code)
        self._final_waits.set()
        return await self._finals.run(lambda: self._heard(speech, code, _never))

    async def recorded(
        self, pcm: bytes, rate_hz: int, options: RecordingOptions
    ) -> AsyncGenerator[Segment, None]:
        """The segments of a recording of any length, as it is heard: s16le mono at 8 to 48 kHz.
        Recordings take turns, each a window of the model at a time, and a window begins only while
        no final runs or waits. Raises BackendError as `transcribe` does."""
        if options.language:
            options = replace(options, language=self._language(options.language))
        speech = _speech(pcm, rate_hz)
        samples = await self._waiting.run(lambda: _float(speech))
        steps = self._recordings.steps(samples, options)
        found: tuple[Segment, ...] | None = ()
        while found is not None:
            for segment in found:
                yield segment
            await self._finals.idle()
            found = await self._waiting.run(lambda: next(steps, None))

    async def _partial(self, speech: Audio, language: str) -> str | None:
        if self._finals.busy or self._partials.busy:
            return None
        self._final_waits.clear()
        return await self._partials.run(
            lambda: self._heard(speech, language, self._final_waits.is_set)
        )

    def _language(self, language: str) -> str:
        code = language.lower().split("-")[0]
        if code not in self._tokenizers:
            known = ", ".join(sorted(self._tokenizers))
            raise _invalid(f"no language {language!r} in this model; it knows {known}")
        return code

    def _heard(
        self, speech: Audio | npt.NDArray[np.float32], language: str, given_up: Callable[[], bool]
    ) -> str | None:
        """Runs in a lane's thread. None when `given_up` came true between two steps."""
        samples = _float(speech) if isinstance(speech, Audio) else speech
        if len(samples) < SHORTEST_S * RATE_HZ:
            return ""
        texts: list[str] = []
        for begin in range(0, len(samples), WINDOW_S * RATE_HZ):
            try:
                decoded = self._pass(samples[begin:][: WINDOW_S * RATE_HZ], language, given_up)
            except RuntimeError as error:  # CTranslate2's own class
                raise BackendError(FailureClass.SERVER, f"whisper: {error}") from error
            if decoded is None:
                return None
            texts.append(spoken(decoded))
        return " ".join(text for text in texts if text)

    def _pass(
        self, window: npt.NDArray[np.float32], language: str, given_up: Callable[[], bool]
    ) -> Decoded | None:
        """One window of at most 30 s: encoded, then decoded greedily; both again in the whole
        window when the short one leaves a doubt."""
        from faster_whisper.audio import pad_or_trim

        features = self._model.feature_extractor(window)
        bound = min(int(len(window) / RATE_HZ * TOKENS_PER_S) + TOKENS_AT_LEAST, TOKENS_AT_MOST)
        if self._short and self._short.fits(features):
            encoded = self._short.encoded(features)
            if given_up():
                return None
            decoded = self._decoded(encoded, language, bound)
            if sure(decoded):
                return decoded
            self.heard_twice += 1
            if given_up():
                return None
        encoded = self._model.encode(pad_or_trim(features))
        return None if given_up() else self._decoded(encoded, language, bound)

    def _decoded(self, encoded: Any, language: str, bound: int) -> Decoded:
        """At most `bound` tokens."""
        tokenizer = self._tokenizers[language]
        prompt = self._model.get_prompt(tokenizer, [], without_timestamps=True)
        result = self._model.model.generate(
            encoded,
            [prompt],
            beam_size=1,
            max_length=2 * bound,  # CTranslate2 halves it, as Whisper its context
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=list(self._suppressed),
        )[0]
        tokens = result.sequences_ids[0]
        # CTranslate2's score is the mean without the end token, Whisper's with it.
        logprob = result.scores[0] * len(tokens) / (len(tokens) + 1)
        text = tokenizer.decode([token for token in tokens if token < tokenizer.eot])
        return Decoded(text.strip(), logprob, result.no_speech_prob, len(tokens) < bound)


def _never() -> bool:
    return False


def _speech(pcm: bytes, rate_hz: int) -> Audio:
    if len(pcm) % 2:
        raise _invalid(f"{len(pcm)} bytes are no 16-bit samples")
    if not RATES_HZ[0] <= rate_hz <= RATES_HZ[1]:
        raise _invalid(f"{rate_hz} Hz is not within {RATES_HZ[0]} to {RATES_HZ[1]}")
    return Audio(np.frombuffer(pcm, dtype="<i2"), rate_hz)


def _float(speech: Audio) -> npt.NDArray[np.float32]:
    samples = resample(speech, RATE_HZ).samples if len(speech.samples) else speech.samples
    return samples.astype(np.float32) * np.float32(1 / 32_768)


def _invalid(detail: str) -> BackendError:
    return BackendError(FailureClass.INVALID, f"whisper: {detail}")
