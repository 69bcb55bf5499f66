"""Scripted engines: no model, but texts, tones and latencies from the configuration.

For tests, load tests and machines without weights. Deterministic: the same request gives the same
answer on every replica, and different audio mostly gives different transcripts, so that a mix-up
between two calls shows.
"""

import asyncio
import json
import secrets
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import numpy as np

from audio.pcm import Audio, Samples
from configs.schema import (
    ScriptedLanguageModel,
    ScriptedSynthesizer,
    ScriptedToolCall,
    ScriptedTranscriber,
)
from conversation.history import Message
from conversation.tools import ToolCall
from ingress.backends import Piece, ReplyOptions, Segment, Speech, Usage, Word

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

    async def recorded(self, pcm: bytes, rate_hz: int) -> AsyncIterator[Segment]:
        """One segment as long as the recording, its words evenly over it; none for silence."""
        text, seconds = await self.transcribe(pcm), len(pcm) / 2 / rate_hz
        if text:
            each_s = seconds / len(text.split())
            words = [
                Word(word, i * each_s, (i + 1) * each_s) for i, word in enumerate(text.split())
            ]
            yield Segment(text, 0.0, seconds, "en", tuple(words))


class Replies:
    """Replies in the order of a call's turns, token by token."""

    def __init__(self, section: ScriptedLanguageModel) -> None:
        self._section = section

    async def reply(
        self, messages: Sequence[Message], options: ReplyOptions
    ) -> AsyncIterator[Piece]:
        """Yield at most `options.max_tokens` words with the space before them, or all in one
        piece with `options.stream` off; or a tool call. At last the usage, counted in words."""
        reply = self._next(messages)
        await asyncio.sleep(self._section.first_token_ms / 1000)
        if isinstance(reply, ScriptedToolCall) and offered(reply.tool, options):
            call = call_of(reply)
            yield call
            yield usage_of(messages, call.arguments)
            return
        words = tokens_of(text_of(reply, messages))
        tokens = words[: options.max_tokens]
        for token in tokens if options.stream else ["".join(tokens)]:
            yield token
            if self._section.tokens_per_second:
                await asyncio.sleep(1 / self._section.tokens_per_second)
        usage = usage_of(messages, "".join(tokens))
        yield replace(usage, cut_short=len(tokens) < len(words))

    def _next(self, messages: Sequence[Message]) -> str | ScriptedToolCall:
        """Results that answer calls made together count once."""
        roles = [message.role for message in messages]
        results = sum(
            role == "tool" != before for before, role in zip(["", *roles], roles, strict=False)
        )
        asked = roles.count("user") + results
        replies = self._section.replies
        return replies[max(asked - 1, 0) % len(replies)]


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


def text_of(reply: str | ScriptedToolCall, messages: Sequence[Message]) -> str:
    if isinstance(reply, ScriptedToolCall):
        return f"I was not offered the tool {reply.tool}."
    heard = [message.text for message in messages if message.role == "user"]
    results = [message.text for message in messages if message.role == "tool"]
    text = reply.replace("{turns}", str(len(heard)))
    text = text.replace("{tool_result}", results[-1] if results else "")
    return text.replace("{last}", heard[-1] if heard else "")


def offered(name: str, options: ReplyOptions) -> bool:
    return options.tool_choice != "none" and any(tool.name == name for tool in options.tools)


def call_of(reply: ScriptedToolCall) -> ToolCall:
    return ToolCall(f"call_{secrets.token_hex(8)}", reply.tool, json.dumps(reply.arguments))


def usage_of(messages: Sequence[Message], written: str) -> Usage:
    asked = sum(len(message.text.split()) for message in messages)
    return Usage(asked, len(written.split()))


def tone(seconds: float) -> Samples:
    """int16 samples at 24 kHz, audible and never clipped."""
    times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (TONE_PEAK * np.sin(2 * np.pi * TONE_HZ * times)).astype(np.int16)
