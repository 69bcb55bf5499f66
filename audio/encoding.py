"""Speech as a file, made while it is spoken: samples in, bytes of mp3, opus, aac, flac, wav or pcm
out. Owns no pace and no thread: encoding takes a laptop.s core up to 8 ms a second of sound.

Source: platform.openai.com/docs/guides/text-to-speech, "Supported output formats".
"""

import struct
from fractions import Fraction
from typing import Any, Protocol

import av

from audio.pcm import Samples

MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}

CODECS = {
    # format: container, codec, sample format, bits a second, the container's options
    "mp3": ("mp3", "libmp3lame", "s16p", 64_000, {"write_xing": "0"}),  # written at the end
    "opus": ("ogg", "libopus", "s16", 32_000, {"page_duration": "200000"}),  # 0.2 s, not 1 s
    "aac": ("adts", "aac", "fltp", 64_000, {}),
    "flac": ("flac", "flac", "s16", None, {}),
}
"""Bits for one voice, mono: our choice, where OpenAI tells no numbers."""

UNKNOWN_BYTES = 0xFFFF_FFFF
"""In a WAV header: the length is not known yet (ffmpeg writes the same into a pipe)."""


class Encoder(Protocol):
    def push(self, samples: Samples) -> bytes:
        """What is ready of the file after these int16 samples, mono; may be empty."""
        ...

    def finish(self) -> bytes:
        """The rest of the file."""
        ...


def encoder_of(form: str, rate_hz: int) -> Encoder:
    """`form` is a key of MEDIA_TYPES."""
    if form in CODECS:
        return Coded(form, rate_hz)
    return Plain(wav_header(rate_hz) if form == "wav" else b"")


class Plain:
    """s16le samples behind a header."""

    def __init__(self, header: bytes) -> None:
        self._header = header

    def push(self, samples: Samples) -> bytes:
        header, self._header = self._header, b""
        return header + samples.astype("<i2", copy=False).tobytes()

    def finish(self) -> bytes:
        header, self._header = self._header, b""
        return header


class Coded:
    """A codec of FFmpeg's in its container, which is written front to back."""

    def __init__(self, form: str, rate_hz: int) -> None:
        container, codec, sample_format, bits, options = CODECS[form]
        self._sink, self._rate_hz, self._at = Sink(), rate_hz, 0
        self._container: Any = av.open(
            self._sink, "w", format=container, options={"flush_packets": "1", **options}
        )
        self._stream: Any = self._container.add_stream(codec, rate=rate_hz, layout="mono")
        self._stream.codec_context.format = sample_format
        if bits:
            self._stream.bit_rate = bits
        self._fit: Any = av.AudioResampler(sample_format, "mono", rate_hz)

    def push(self, samples: Samples) -> bytes:
        frame: Any = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "s16", "mono")
        frame.sample_rate, frame.pts = self._rate_hz, self._at
        frame.time_base = Fraction(1, self._rate_hz)
        self._at += len(samples)
        for fitting in self._fit.resample(frame):
            self._container.mux(self._stream.encode(fitting))
        return self._sink.taken()

    def finish(self) -> bytes:
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._sink.taken()


class Sink:
    """A file that can only be written on, and is taken away as it grows."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def taken(self) -> bytes:
        taken, self._written = bytes(self._written), bytearray()
        return taken


def wav_header(rate_hz: int) -> bytes:
    """RIFF header of mono s16le whose length is not known."""
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", UNKNOWN_BYTES, b"WAVE", b"fmt ", 16),
        *(1, 1, rate_hz, 2 * rate_hz, 2, 16),
        *(b"data", UNKNOWN_BYTES),
    )
