"""A file of any common format as samples. Owns which formats are opened; no thread, no deadline.

The file is a stranger's, so FFmpeg may open nothing but it: no playlist, no address, no other file.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from audio.pcm import Audio, Samples

DEMUXERS = "wav,w64,aiff,au,caf,mp3,flac,ogg,matroska,webm,mov,mp4,m4a,3gp,aac,amr,mpeg,mpegts"
"""What OpenAI takes (flac, mp3, mp4, mpeg, mpga, m4a, ogg, wav, webm) and their kin."""


class UnreadableAudio(ValueError):
    """The message says what is wrong with the file."""


class TooLongAudio(ValueError):
    """The file lasts longer than allowed."""


def decoded(
    file: bytes, rate_hz: int, longest_s: float, given_up: Callable[[], bool] = lambda: False
) -> Audio:
    """The file's first audio stream, mono int16 at `rate_hz`. A file that breaks off is taken as
    far as it goes; `given_up` is asked between its packets. Raises UnreadableAudio, TooLongAudio
    once more than `longest_s` seconds are there, and InterruptedError when given up."""
    pieces: list[Samples] = []
    samples = 0
    for piece in _pieces(file, rate_hz):
        pieces.append(piece)
        samples += len(piece)
        if samples > longest_s * rate_hz:
            raise TooLongAudio(f"more than {longest_s:g} s of audio")
        if given_up():
            raise InterruptedError("nobody waits for this file any more")
    if not samples:
        raise UnreadableAudio("no sound could be read from the file")
    return Audio(np.concatenate(pieces), rate_hz)


def _pieces(file: bytes, rate_hz: int) -> Iterator[Samples]:
    if not file:
        raise UnreadableAudio("the file is empty")
    options = {"format_whitelist": DEMUXERS, "protocol_whitelist": ""}
    try:
        container: Any = av.open(io.BytesIO(file), "r", options=options, metadata_errors="replace")
    except (FFmpegError, ValueError) as error:
        raise UnreadableAudio(f"this is no audio of a known format: {_said(error)}") from None
    with container:
        if not container.streams.audio:
            raise UnreadableAudio("the file has no audio in it")
        fit: Any = av.AudioResampler("s16", "mono", rate_hz)
        try:
            for frame in container.decode(container.streams.audio[0]):
                yield from (fitting.to_ndarray().reshape(-1) for fitting in fit.resample(frame))
        except (FFmpegError, ValueError):
            pass  # broken from here on: what came before it is heard
        with suppress(FFmpegError, ValueError):  # a rate or channels that nobody can convert
            yield from (fitting.to_ndarray().reshape(-1) for fitting in fit.resample(None))


def _said(error: FFmpegError | ValueError) -> str:
    return error.strerror if isinstance(error, FFmpegError) and error.strerror else str(error)
