"""G.711 mu-law, the sound of the telephone. Owns the code tables and nothing else.

ITU-T G.711 (11/88), table 2: 14-bit linear samples in eight segments of sixteen steps, every bit of
the code inverted. The tables here take and give 16-bit samples, scaled by four.
"""

import numpy as np
import numpy.typing as npt

from audio.pcm import Samples

RATE_HZ = 8_000
SILENCE = 0xFF
"""The code of a sample of zero."""

FRAME_BYTES = 160
"""20 ms, the frame of a telephone line: multiples of it are what Twilio plays without a click."""

_BIAS = 33  # G.711: added to the 14-bit magnitude, so that every segment begins at a power of two
_CLIP = 8_158  # the largest 14-bit magnitude that G.711 tells apart


def _encoding_table() -> npt.NDArray[np.uint8]:
    """Codes by the sample's bits read as uint16: uint8 of shape (65536,)."""
    samples = np.arange(1 << 16, dtype=np.uint16).view(np.int16).astype(np.int32)
    negative = samples < 0
    biased = np.minimum(np.abs(samples >> 2), _CLIP) + _BIAS
    segment = np.searchsorted(2 ** np.arange(6, 13), biased, side="right")
    code = (segment << 4) | ((biased >> (segment + 1)) & 0x0F)
    table = (code ^ np.where(negative, 0x7F, 0xFF)).astype(np.uint8)
    table.setflags(write=False)
    return table


def _decoding_table() -> Samples:
    """Samples by code: int16 of shape (256,)."""
    code = ~np.arange(256, dtype=np.uint8)
    segment, step = (code.astype(np.int32) >> 4) & 0x07, code.astype(np.int32) & 0x0F
    magnitude = ((2 * step + _BIAS) << segment) - _BIAS
    table = np.where(code & 0x80, -4 * magnitude, 4 * magnitude).astype(np.int16)
    table.setflags(write=False)
    return table


_ENCODED = _encoding_table()
_DECODED = _decoding_table()


def encode(samples: Samples) -> bytes:
    """Mu-law codes of 16-bit samples (int16 of shape (n,)): n bytes, one a sample."""
    return _ENCODED[samples.view(np.uint16)].tobytes()


def decode(payload: bytes) -> Samples:
    """Samples of n bytes of mu-law: int16 of shape (n,), at most 32124 in magnitude."""
    return _DECODED[np.frombuffer(payload, dtype=np.uint8)]
