"""Sound on the wire: base64 of 16-bit PCM at 24 kHz, or of G.711 at 8 kHz.

Bounds no message: who takes them from the network does, uvicorn at 16 MiB (its `ws_max_size`).
"""

import base64
import binascii
from collections.abc import Callable, Iterator

import numpy as np

from audio import alaw, mulaw
from audio.pcm import Audio, Samples
from audio.resampling import Resampler
from ingress.protocols.realtime.errors import Refused
from ingress.protocols.realtime.settings import ALaw, MuLaw, Pcm

WireFormat = Pcm | MuLaw | ALaw

HEARD_HZ = 16_000
"""What a caller is heard at: Silero and Whisper were trained on it."""

PIECES_A_SECOND = 10
"""A longer message is heard in pieces: an utterance's sound is kept only until the next one, and
other calls come between."""

LEAST_COMMIT_S = 0.1
"""OpenAI's: an utterance committed by hand has at least so much sound."""


def rate_of(kind: WireFormat) -> int:
    """Samples a second."""
    return kind.rate if isinstance(kind, Pcm) else mulaw.RATE_HZ


def encoded(samples: Samples, kind: WireFormat) -> str:
    """Samples at the format's own rate (int16 of shape (n,)) as the wire has them."""
    match kind:
        case Pcm():
            sound = samples.astype("<i2", copy=False).tobytes()
        case MuLaw():
            sound = mulaw.encode(samples)
        case ALaw():
            sound = alaw.encode(samples)
    return base64.b64encode(sound).decode()


class SoundIn:
    """What the client sends: decoded, and counted since the last utterance. `track_s` tells how
    many seconds of it came on a way of their own."""

    def __init__(self, kind: WireFormat, track_s: Callable[[], float] | None = None) -> None:
        self._kind, self._track_s = kind, track_s
        self._odd = b""  # half a sample, until the rest of it comes
        self._resampler = Resampler(rate_of(kind), HEARD_HZ)
        self._samples, self._taken_s = 0, 0.0

    @property
    def heard_s(self) -> float:
        """Seconds of sound since the first."""
        return self._samples / HEARD_HZ + (self._track_s() if self._track_s else 0.0)

    @property
    def waiting_s(self) -> float:
        """Seconds of sound since the last utterance."""
        return self.heard_s - self._taken_s

    def take(self) -> None:
        """What was sent so far is an utterance, or forgotten."""
        self._taken_s = self.heard_s

    def become(self, kind: WireFormat) -> None:
        """The next sound comes in this format."""
        if kind != self._kind:
            self._kind, self._odd = kind, b""
            self._resampler = Resampler(rate_of(kind), HEARD_HZ)

    def decode(self, audio: str) -> Iterator[Audio]:
        """The sound of an `append`, int16 mono at 16 kHz. Raises Refused."""
        samples, piece = self._decoded(audio), rate_of(self._kind) // PIECES_A_SECOND
        for at in range(0, len(samples), piece):
            heard = self._resampler.push(samples[at : at + piece])
            self._samples += len(heard)
            if len(heard):
                yield Audio(heard, HEARD_HZ)

    def _decoded(self, audio: str) -> Samples:
        try:
            payload = base64.b64decode(audio, validate=True)
        except (binascii.Error, ValueError):
            raise Refused("audio is not base64", param="audio") from None
        if isinstance(self._kind, MuLaw):
            return mulaw.decode(payload)
        if isinstance(self._kind, ALaw):
            return alaw.decode(payload)
        payload = self._odd + payload
        whole = len(payload) - len(payload) % 2
        self._odd = payload[whole:]
        return np.frombuffer(payload[:whole], "<i2").astype(np.int16, copy=False)
