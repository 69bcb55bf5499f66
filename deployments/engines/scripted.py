"""Scripted engines: no model, but texts, tones and latencies from the configuration.

For tests, load tests and machines without weights. Deterministic: the same request gives the same
answer on every replica, and different audio mostly gives different transcripts, so that a mix-up
between two calls shows.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Sequence
from itertools import islice

import numpy as np

from audio.pcm import Audio, Samples
from configs.schema import ScriptedLanguageModel, ScriptedSynthesizer, ScriptedTranscriber
from conversation.history import Message
from ingress.backends import ReplyOptions, Speech, Word

RATE_HZ = 24_000
"""Kokoro's rate, so that the path behind it is the same."""
TONE_HZ, TONE_PEAK = 220.0, 8_000
SILENCE_RMS = 100
"""Of a full scale of 32,768: below it, nobody spoke (a quiet line's noise is some 10 to 30)."""


class Script:
    """Transcripts, chosen by the audio."""

    def __init__(self, section: ScriptedTranscriber) -> None:
        self._section = section

    async def transcribe(self, pcm: bytes) -> str:
        """`pcm` is mono s16le of any rate. Empty for an utterance without energy; else the
        transcript at the audio's CRC-32 modulo their number."""
        await asyncio.sleep(self._section.latency_ms / 1000)
        samples = np.frombuffer(pcm, "<i2").astype(np.float64)
        if not len(samples) or np.sqrt(np.mean(samples**2)) < SILENCE_RMS:
            return ""
        transcripts = self._section.transcripts
        return transcripts[zlib.crc32(pcm) % len(transcripts)]


class Replies:
    """Replies in the order of a call's turns, token by token."""

    def __init__(self, section: ScriptedLanguageModel) -> None:
        self._section = section

    async def reply(self, messages: Sequence[Message], options: ReplyOptions) -> AsyncIterator[str]:
        """Yield at most `options.max_tokens` words with the space before them, or all in one
        piece with `options.stream` off."""
        heard = [message.text for message in messages if message.role == "user"]
        replies = self._section.replies
        text = replies[max(len(heard) - 1, 0) % len(replies)]
        text = text.replace("{turns}", str(len(heard)))
        text = text.replace("{last}", heard[-1] if heard else "")
        tokens = list(islice(tokens_of(text), options.max_tokens))
        await asyncio.sleep(self._section.first_token_ms / 1000)
        for token in tokens if options.stream else ["".join(tokens)]:
            yield token
            if self._section.tokens_per_second:
                await asyncio.sleep(1 / self._section.tokens_per_second)


class Tone:
    """A tone as long as the words would take to say."""

    def __init__(self, section: ScriptedSynthesizer) -> None:
        self._section = section

    async def synthesize(self, phrase: str, speed: float) -> AsyncIterator[Speech]:
        """Yield one stretch at 24 kHz with the words' times; none for a phrase without words."""
        await asyncio.sleep(self._section.latency_ms / 1000)
        word_s = self._section.ms_per_word / 1000 / speed
        words = tuple(
            Word(word, i * word_s, (i + 1) * word_s) for i, word in enumerate(phrase.split())
        )
        if words:
            yield Speech(Audio(tone(words[-1].end_s), RATE_HZ), words)


def tokens_of(text: str) -> list[str]:
    """Words, each with the space before it, as language models' tokens have it."""
    first, *rest = text.split(" ")
    return [first, *(f" {word}" for word in rest)]


def tone(seconds: float) -> Samples:
    """int16 samples at 24 kHz, audible and never clipped."""
    times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (TONE_PEAK * np.sin(2 * np.pi * TONE_HZ * times)).astype(np.int16)
