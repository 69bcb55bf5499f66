import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from audio import alaw

EVERY_CODE = bytes(range(256))


def test_every_code_survives() -> None:
    assert alaw.encode(alaw.decode(EVERY_CODE)) == EVERY_CODE


@given(arrays.arrays(np.int16, st.integers(0, 400)))
def test_error_is_at_most_half_a_step(samples: np.ndarray) -> None:
    payload = alaw.encode(samples)
    assert len(payload) == len(samples)
    heard = alaw.decode(payload).astype(int)
    magnitude = np.abs(samples.astype(int))
    # A step is 16 in the first two segments and doubles with the magnitude (G.711, table 1);
    # 8 more for the three bits that 13-bit samples do not have.
    step = 16 * 2 ** np.maximum(0, np.floor(np.log2(np.maximum(magnitude, 1) / 256)))
    assert np.all(np.abs(heard - samples) <= step / 2 + 8)


def test_codes_of_the_recommendation() -> None:
    """G.711, tables 1a and 1b: the least and the largest values of both signs."""
    samples = np.array([0, -1, 32_767, -32_768, 8 * 2_048, 8 * 2_047], dtype=np.int16)
    assert alaw.encode(samples) == bytes([0xD5, 0x55, 0xAA, 0x2A, 0xA5, 0xBA])
    assert alaw.decode(bytes([0xAA, 0x2A])).tolist() == [8 * 4_032, -8 * 4_032]
