"""Where a voice has faded away. Owns no decision: `conversation.endpointing` makes it.

Silero goes on believing in a voice for some 90 ms after its last sound, and tells only every 32 ms.
Loudness tells within a frame; but not a voice from a noise, so it only ever ends what Silero began,
and is measured by what Silero takes for voice.
"""

import numpy as np

from audio.pcm import Samples

RATE_HZ = 8_000
BLOCK_SAMPLES = 64
"""8 ms: two periods of the lowest that a telephone passes of a voice, 300 Hz (ITU-T G.712)."""

FALL_DB = 35.0
"""A block so far under the loudest is none of the voice. Measured on 17 recordings, each at four
places of Silero's window, with noise at -60 and -50 dBFS on the line: the endpoint for 200 ms of
silence comes after 207 ms in the median, Silero's after 288, and no utterance is split. At 30 dB
one of 68 is; at 40 the louder noise counts as voice."""

RELAX_DB_PER_S = 1.0
"""How fast the loudest is forgotten within an utterance: who gets quieter is still heard."""

_FALL = 10 ** (-FALL_DB / 10)
_RELAX = 10 ** (-RELAX_DB_PER_S / 10 * BLOCK_SAMPLES / RATE_HZ)


class Fading:
    """One caller's line."""

    def __init__(self) -> None:
        self.loud_until = 0
        """Behind the last block that was not faded, in samples since the line's first."""
        self._heard = 0  # in whole blocks
        self._rest: Samples = np.zeros(0, np.int16)
        self._loudest = 0.0  # power of the voice
        self._lately = 0.0  # power of the loudest block since Silero was asked last

    def push(self, samples: Samples) -> None:
        """Hear any number of samples (int16, 8 kHz)."""
        line = np.concatenate((self._rest, samples)) if len(self._rest) else samples
        count = len(line) // BLOCK_SAMPLES
        self._rest = line[count * BLOCK_SAMPLES :]
        if not count:
            return
        blocks = line[: count * BLOCK_SAMPLES].reshape(count, BLOCK_SAMPLES).astype(np.float32)
        powers = np.einsum("ij,ij->i", blocks, blocks)
        self._lately = max(self._lately, float(powers.max()))
        self._loudest *= _RELAX**count
        (loud,) = np.nonzero(powers > self._loudest * _FALL)
        if len(loud):
            self.loud_until = self._heard + (int(loud[-1]) + 1) * BLOCK_SAMPLES
        self._heard += count * BLOCK_SAMPLES

    def judge(self, *, voiced: bool) -> None:
        """Whether the last window was voice: only then does its loudness count, so that a bang of
        the handset makes nobody's voice a soft one."""
        if voiced:
            self._loudest = max(self._loudest, self._lately)
        self._lately = 0.0

    def begin(self) -> None:
        """An utterance begins: whoever speaks now may be softer than who spoke before."""
        self._loudest = 0.0
