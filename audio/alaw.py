"""G.711 A-law, the telephone's sound outside North America and Japan. Owns the code tables.

ITU-T G.711 (11/88), table 1: 13-bit linear samples in eight segments of sixteen steps, every second
bit of the code inverted. The tables here take and give 16-bit samples, scaled by eight.
"""

import numpy as np
import numpy.typing as npt

from audio.pcm import Samples

RATE_HZ = 8_000

_EVEN_BITS = 0x55  # G.711: inverted on the line, so that silence is not a row of zeros
_POSITIVE = 0x80


def _encoding_table() -> npt.NDArray[np.uint8]:
    """Codes by the sample's bits read as uint16: uint8 of shape (65536,)."""
    samples = np.arange(1 << 16, dtype=np.uint16).view(np.int16).astype(np.int32)
    linear = samples >> 3
    magnitude = np.where(linear < 0, -linear - 1, linear)
    segment = np.searchsorted(2 ** np.arange(5, 12), magnitude, side="right")
    step = (magnitude >> np.maximum(segment, 1)) & 0x0F
    code = (segment << 4) | step | np.where(linear < 0, 0, _POSITIVE)
    table = (code ^ _EVEN_BITS).astype(np.uint8)
    table.setflags(write=False)
    return table


def _decoding_table() -> Samples:
    """Samples by code: int16 of shape (256,)."""
    code = np.arange(256, dtype=np.int32) ^ _EVEN_BITS
    segment, step = (code >> 4) & 0x07, code & 0x0F
    middle = (step << 4) + 8  # of a step, in 16 bits
    magnitude = np.where(segment == 0, middle, (middle + 0x100) << np.maximum(segment - 1, 0))
    table = np.where(code & _POSITIVE, magnitude, -magnitude).astype(np.int16)
    table.setflags(write=False)
    return table


_ENCODED = _encoding_table()
_DECODED = _decoding_table()


def encode(samples: Samples) -> bytes:
    """A-law codes of 16-bit samples (int16 of shape (n,)): n bytes, one a sample."""
    return _ENCODED[samples.view(np.uint16)].tobytes()


def decode(payload: bytes) -> Samples:
    """Samples of n bytes of A-law: int16 of shape (n,), at most 32256 in magnitude."""
    return _DECODED[np.frombuffer(payload, dtype=np.uint8)]
