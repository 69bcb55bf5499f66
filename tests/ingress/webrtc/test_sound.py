"""The microphone and the loudspeaker, without a network between them."""

import asyncio

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import RtpPacket
from hypothesis import given
from hypothesis import strategies as st

from audio.pcm import Audio
from ingress.webrtc.loudspeaker import FRAME_SAMPLES, MAX_WAITING_S, RATE_HZ, Loudspeaker
from ingress.webrtc.microphone import WAITS_FOR, InOrder, Microphone

TONE = (9_000 * np.sin(np.arange(RATE_HZ) * 2 * np.pi * 440 / RATE_HZ)).astype(np.int16)


def packet(number: int, payload: bytes = b"x") -> RtpPacket:
    one = RtpPacket(sequence_number=number % 65_536, timestamp=number * 960 % 2**32)
    one.payload = payload
    return one


def numbers(order: InOrder, pushed: list[int]) -> list[int]:
    return [one.timestamp // 960 for n in pushed for one in order.push(packet(n))]


@given(st.integers(0, 65_535), st.lists(st.integers(0, WAITS_FOR), min_size=1, max_size=60))
def test_packets_that_are_late_by_a_few_come_in_order(first, delays):
    sent = [first + n for n in range(len(delays))]
    pushed = [n for _, n in sorted(zip([n + d for n, d in enumerate(delays)], sent, strict=True))]
    order = InOrder()
    order.push(packet(first - 1))
    assert numbers(order, pushed + pushed) == sent


@given(st.sets(st.integers(1, 40), max_size=20))
def test_lost_packets_hold_nothing_back_for_long(lost):
    sent = [n for n in range(60) if n not in lost]
    order = InOrder()
    heard = numbers(order, sent)
    assert heard == sent
    assert numbers(order, [60]) == [60]


def test_another_stream_begins_anew():
    order = InOrder()
    assert numbers(order, [100, 101, 40_000, 40_001]) == [100, 101, 40_000, 40_001]


async def packets(count: int, *said: Audio) -> list[bytes]:
    loudspeaker = Loudspeaker()
    for audio in said:
        loudspeaker.play(audio)
    return [bytes(await loudspeaker.recv()) for _ in range(count)]


async def test_what_is_played_is_heard():
    heard: list[Audio] = []
    microphone = Microphone(heard.append)
    for number, payload in enumerate(await packets(30, Audio(TONE[:12_000], RATE_HZ))):
        assert microphone.add(packet(number, payload)) == (False, None)
    samples = np.concatenate([one.samples for one in heard])
    assert {one.rate_hz for one in heard} == {16_000} and samples.dtype == np.int16
    assert 0 <= 30 * 320 - len(samples) < 48  # libswresample's 2 ms at the most
    loud = np.flatnonzero(np.abs(samples) > 3_000)
    assert loud[0] < 16 * 20 and 16 * 480 < loud[-1] < 16 * 520
    spectrum = np.abs(np.fft.rfft(samples[1_600:6_400]))
    assert abs(spectrum.argmax() * 16_000 / 4_800 - 440) < 5


async def test_speech_after_long_silence_is_as_before():
    heard: list[Audio] = []
    microphone, loudspeaker = Microphone(heard.append), Loudspeaker()
    payloads: list[bytes] = []
    for number in range(80):
        if number in (0, 60):
            loudspeaker.play(Audio(TONE[:4_800], RATE_HZ))
        payloads.append(bytes(await loudspeaker.recv()))
        microphone.add(packet(number, payloads[-1]))
    samples = np.concatenate([one.samples for one in heard])
    silent, again = samples[40 * 320 : 59 * 320], samples[62 * 320 : 69 * 320]
    assert np.abs(silent).max() < 10
    assert 8_000 < np.abs(again).max() < 10_500
    assert len(set(payloads[30:60])) == 1


async def test_lost_and_broken_packets_are_silence_of_their_length():
    heard: list[Audio] = []
    microphone = Microphone(heard.append)
    for number, payload in enumerate(await packets(20, Audio(TONE, RATE_HZ))):
        if number in (5, 6):
            continue
        microphone.add(packet(number, b"" if number == 9 else payload))
    assert 0 <= 20 * 320 - sum(len(one.samples) for one in heard) < 48


@given(st.binary(max_size=40))
def test_no_payload_breaks_the_microphone(payload):
    microphone = Microphone(lambda _: None)
    for number in range(3):
        microphone.add(packet(number, payload))


async def test_packets_come_on_time_and_silence_in_between():
    loudspeaker = Loudspeaker()
    begun_s = asyncio.get_running_loop().time()
    stamps = [(await loudspeaker.recv()).pts for _ in range(5)]
    assert stamps == [0, 960, 1_920, 2_880, 3_840]
    assert asyncio.get_running_loop().time() - begun_s >= 0.079


async def test_clear_leaves_nothing_for_the_next_packet():
    loudspeaker = Loudspeaker()
    loudspeaker.play(Audio(TONE, RATE_HZ))
    for _ in range(3):
        await loudspeaker.recv()
    playing = asyncio.create_task(loudspeaker.played())
    loudspeaker.clear()
    await playing
    assert loudspeaker._taken() == bytes(2 * FRAME_SAMPLES)


async def test_a_loudspeaker_that_nobody_hears_forgets():
    loudspeaker = Loudspeaker()
    for _ in range(20):
        loudspeaker.play(Audio(TONE, RATE_HZ))
    assert len(loudspeaker._speech) == 2 * MAX_WAITING_S * RATE_HZ


async def test_a_track_that_is_stopped_ends():
    loudspeaker = Loudspeaker()
    loudspeaker.stop()
    with pytest.raises(MediaStreamError):
        await loudspeaker.recv()
