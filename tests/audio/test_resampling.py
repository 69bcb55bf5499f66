import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.pcm import Audio
from audio.resampling import Resampler, resample

RATES = [(8_000, 16_000), (24_000, 8_000), (16_000, 8_000), (8_000, 24_000), (44_100, 8_000)]
TONE_HZ = 440


def tone(rate_hz: int, seconds: float = 1.0) -> Audio:
    times = np.arange(int(rate_hz * seconds)) / rate_hz
    return Audio((8_000 * np.sin(2 * np.pi * TONE_HZ * times)).astype(np.int16), rate_hz)


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_tone_keeps_its_pitch_its_length_and_its_time(from_hz: int, to_hz: int) -> None:
    heard = resample(tone(from_hz), to_hz)
    assert heard.rate_hz == to_hz
    assert abs(len(heard.samples) - to_hz) <= 1
    spectrum = np.abs(np.fft.rfft(heard.samples[:to_hz]))
    assert abs(np.argmax(spectrum) - TONE_HZ) <= 1
    inside = slice(to_hz // 50, -to_hz // 50)  # the ends ring
    expected = tone(to_hz).samples[inside].astype(int)
    assert np.max(np.abs(heard.samples[:to_hz][inside] - expected)) < 80  # 1 % of the tone


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_pieces_join_without_a_click(from_hz: int, to_hz: int) -> None:
    whole = resample(tone(from_hz), to_hz).samples
    stream = Resampler(from_hz, to_hz)
    step = from_hz // 50
    pieces = [stream.push(tone(from_hz).samples[at : at + step]) for at in range(0, from_hz, step)]
    joined = np.concatenate([*pieces, stream.flush()])
    assert len(joined) == len(whole)
    assert np.max(np.abs(joined.astype(int) - whole)) <= 1


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_holds_back_at_most_5_ms(from_hz: int, to_hz: int) -> None:
    stream, taken, given_s = Resampler(from_hz, to_hz), 0, 0.0
    step = from_hz // 50
    for _ in range(50):
        taken += step
        given_s += len(stream.push(np.zeros(step, dtype=np.int16))) / to_hz
        assert taken / from_hz - given_s <= 0.005


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 900), min_size=1, max_size=30))
def test_any_split_sounds_the_same(sizes: list[int]) -> None:
    source = tone(8_000, seconds=sum(sizes) / 8_000).samples
    stream, at, pieces = Resampler(8_000, 16_000), 0, []
    for size in sizes:
        pieces.append(stream.push(source[at : at + size]))
        at += size
    joined = np.concatenate([*pieces, stream.flush()])
    whole = resample(Audio(source, 8_000), 16_000).samples
    assert len(joined) == len(whole)
    assert np.all(np.abs(joined.astype(int) - whole) <= 1)


def test_equal_rates_pass_through() -> None:
    audio = tone(8_000)
    stream = Resampler(8_000, 8_000)
    assert stream.push(audio.samples) is audio.samples
    assert len(stream.flush()) == 0
    assert resample(audio, 8_000) is audio


def test_a_flushed_stream_begins_again() -> None:
    stream = Resampler(24_000, 8_000)
    first = np.concatenate([stream.push(tone(24_000).samples), stream.flush()])
    second = np.concatenate([stream.push(tone(24_000).samples), stream.flush()])
    assert np.array_equal(first, second)


def test_nothing_in_nothing_out() -> None:
    stream = Resampler(24_000, 8_000)
    assert len(stream.push(np.zeros(0, dtype=np.int16))) == 0
    assert len(resample(Audio(np.zeros(0, dtype=np.int16), 24_000), 8_000).samples) == 0
