import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from audio import mulaw

EVERY_CODE = bytes(range(256))
NEGATIVE_ZERO = 0x7F


def test_every_code_survives_but_the_second_zero() -> None:
    again = mulaw.encode(mulaw.decode(EVERY_CODE))
    changed = [code for code in EVERY_CODE if again[code] != code]
    assert changed == [NEGATIVE_ZERO]
    assert again[NEGATIVE_ZERO] == mulaw.SILENCE


@given(arrays.arrays(np.int16, st.integers(0, 400)))
def test_error_is_at_most_half_a_step(samples: np.ndarray) -> None:
    payload = mulaw.encode(samples)
    assert len(payload) == len(samples)
    heard = mulaw.decode(payload).astype(int)
    magnitude = np.minimum(np.abs(samples.astype(int)), 32_635)
    # A step is 8 in the first segment and doubles with the magnitude (G.711, table 2);
    # 4 (and 3) more for the two bits that 14-bit samples do not have.
    step = 8 * 2 ** np.maximum(0, np.floor(np.log2((magnitude + 135) / 128)))
    clipped = np.sign(samples.astype(int)) * magnitude
    assert np.all(np.abs(heard - clipped) <= step / 2 + 4)


def test_codes_of_the_recommendation() -> None:
    """G.711, tables 2a and 2b: zero, the last segment's first decision value (4063), the ends."""
    samples = np.array([0, 4 * 4_063, 4 * 4_063 - 4, -4 * 4_063, 32_767, -32_768], dtype=np.int16)
    assert mulaw.encode(samples) == bytes([0xFF, 0x8F, 0x90, 0x0F, 0x80, 0x00])
    assert mulaw.decode(bytes([0x80, 0x00, 0xFF])).tolist() == [4 * 8_031, -4 * 8_031, 0]


def test_strided_samples_are_taken() -> None:
    samples = np.arange(-1_000, 1_000, dtype=np.int16)
    assert mulaw.encode(samples[::2]) == mulaw.encode(samples[::2].copy())
