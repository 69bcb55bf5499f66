"""Files as they are made, read back by FFmpeg; and what is no file of sound."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.decoding import TooLongAudio, UnreadableAudio, decoded
from audio.encoding import MEDIA_TYPES, encoder_of

RATE_HZ = 24_000
FILES = sorted(set(MEDIA_TYPES) - {"pcm"})


def tone(seconds: float, hz: float = 440) -> np.ndarray:
    times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (8_000 * np.sin(2 * np.pi * hz * times)).astype(np.int16)


def encoded(form: str, pieces: list[np.ndarray]) -> bytes:
    encoder = encoder_of(form, RATE_HZ)
    return b"".join([*(encoder.push(piece) for piece in pieces), encoder.finish()])


def loudest_hz(samples: np.ndarray, rate_hz: int) -> float:
    return np.abs(np.fft.rfft(samples)).argmax() * rate_hz / len(samples)


@pytest.mark.parametrize("form", FILES)
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000])
def test_a_file_holds_the_sound_at_any_rate(form, rate_hz):
    sound = decoded(encoded(form, np.array_split(tone(2), 7)), rate_hz, 10)
    assert sound.rate_hz == rate_hz
    assert sound.seconds == pytest.approx(2, abs=0.1)
    assert loudest_hz(sound.samples, rate_hz) == pytest.approx(440, abs=1)
    assert np.abs(sound.samples).max() == pytest.approx(8_000, rel=0.3)


@given(
    st.sampled_from(["wav", "flac"]),
    st.lists(st.lists(st.integers(-32_768, 32_767), min_size=1, max_size=3_000), min_size=1),
)
def test_what_is_lossless_comes_back_whole_however_it_was_pushed(form, pieces):
    sound = decoded(encoded(form, [np.array(p, np.int16) for p in pieces]), RATE_HZ, 60)
    assert sound.samples.tolist() == [sample for piece in pieces for sample in piece]


@pytest.mark.parametrize("form", sorted(MEDIA_TYPES))
def test_bytes_leave_while_the_sound_goes_on(form):
    encoder = encoder_of(form, RATE_HZ)
    sizes = [len(encoder.push(piece)) for piece in np.array_split(tone(3), 30)]
    assert all(sum(sizes[at : at + 10]) > 500 for at in (0, 10, 20))
    encoder.finish()


@pytest.mark.parametrize("form", sorted(MEDIA_TYPES))
def test_a_file_without_sound_has_none(form):
    file = encoder_of(form, RATE_HZ).finish()
    if form == "pcm":
        assert file == b""
    else:
        with pytest.raises(UnreadableAudio):
            decoded(file, RATE_HZ, 10)


@given(st.binary(max_size=2_000), st.sampled_from([b"", b"RIFF", b"OggS", b"fLaC", b"ID3\x04"]))
def test_no_bytes_do_worse_than_be_refused(rest, magic):
    try:
        sound = decoded(magic + rest, 16_000, 100)
    except UnreadableAudio:
        return
    assert len(sound.samples)


@pytest.mark.parametrize("form", FILES)
@given(data=st.data())
@settings(max_examples=30)
def test_a_damaged_file_is_heard_or_refused(form, data):
    file = bytearray(encoded(form, [tone(0.5)]))
    for _ in range(data.draw(st.integers(1, 20))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    try:
        decoded(bytes(file), 16_000, 10_000)
    except (UnreadableAudio, TooLongAudio):
        return


def test_a_long_file_is_refused_when_so_much_is_there():
    with pytest.raises(TooLongAudio, match="more than 1 s"):
        decoded(encoded("mp3", [tone(2)]), 16_000, 1)


def test_decoding_is_given_up():
    with pytest.raises(InterruptedError):
        decoded(encoded("mp3", [tone(2)]), 16_000, 10, lambda: True)
