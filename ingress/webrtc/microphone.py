"""A caller's Opus packets, in their order and as sound.

Owns reordering, what is lost, and decoding. aiortc's own jitter buffer holds every packet back by
80 ms, and by 320 ms for good once one was lost (`JitterBuffer(capacity=16, prefetch=4)`); ours
holds back none that comes in its turn. There is nothing to smooth: nobody listens to this sound but
the endpointer and the transcriber.
"""

from collections.abc import Callable

import av
import numpy as np
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from aiortc.rtp import RtpPacket
from av.error import FFmpegError

from audio.pcm import Audio, Samples
from audio.resampling import Resampler

OPUS_HZ = 48_000
"""Of its RTP clock, and of what libopus decodes to in FFmpeg, whatever was encoded (RFC 7587)."""

OUT_HZ = 16_000

WAITS_FOR = 3
"""Packets (20 ms each) that may overtake one before it is taken for lost: less than a phoneme, and
more than a network that reorders does."""

RESTART = 1_000
"""A sequence number so far from the last is that of another stream, not a late packet: 20 s."""

MAX_GAP_S = 1.0
"""Silence put in place of what never came; the call itself fills longer ones (`LINE_SILENT_S`)."""


class InOrder:
    """Packets in the order of their sequence numbers (16 bits, RFC 3550), each once."""

    def __init__(self) -> None:
        self._next: int | None = None
        self._early: dict[int, RtpPacket] = {}

    def push(self, packet: RtpPacket) -> list[RtpPacket]:
        """Those whose turn it is now; a lost one is left out once `WAITS_FOR` have overtaken it."""
        number = packet.sequence_number
        ahead = 0 if self._next is None else signed(number - self._next)
        if self._next is None or abs(ahead) > RESTART:
            self._next, self._early, ahead = number, {}, 0
        if ahead < 0:
            return []
        self._early[number] = packet
        due: list[RtpPacket] = []
        while self._early:
            if self._next not in self._early:
                if len(self._early) <= WAITS_FOR:
                    break
                self._next = min(self._early, key=self._distance)
            due.append(self._early.pop(self._next))
            self._next = (self._next + 1) % 65_536
        return due

    def _distance(self, number: int) -> int:
        return signed(number - (self._next or 0))


def signed(difference: int) -> int:
    """A difference of 16-bit numbers as the shorter way around: -32768 to 32767."""
    return (difference + 32_768) % 65_536 - 32_768


class Microphone:
    """Tells `heard` what a caller says: int16 mono at 16 kHz, as it arrives. Stands in for a
    receiver's jitter buffer."""

    def __init__(self, heard: Callable[[Audio], None]) -> None:
        self._heard = heard
        self._order, self._resampler = InOrder(), Resampler(OPUS_HZ, OUT_HZ)
        self._decoder = av.AudioCodecContext.create("libopus", "r")
        self._decoder.format, self._decoder.layout = "s16", "mono"
        self._decoder.sample_rate = OPUS_HZ
        self._clock: int | None = None  # the RTP timestamp behind the last packet's sound

    def listen(self, receiver: RTCRtpReceiver) -> None:
        """Take the receiver's packets from now on. It goes on counting them for its reports; its
        own decoder gets none."""
        name = "_RTCRtpReceiver__jitter_buffer"
        assert hasattr(receiver, name), "aiortc keeps its jitter buffer elsewhere"
        setattr(receiver, name, self)

    def add(self, packet: RtpPacket) -> tuple[bool, None]:
        """As `JitterBuffer.add`: no picture is lost, and there is no frame to decode."""
        for one in self._order.push(packet):
            self._hear(one)
        return False, None

    def _hear(self, packet: RtpPacket) -> None:
        missing = 0 if self._clock is None else (packet.timestamp - self._clock) % 2**32
        if 0 < missing < MAX_GAP_S * OPUS_HZ:
            self._tell(np.zeros(missing, np.int16))
        sound = self._decoded(packet)
        self._clock = (packet.timestamp + len(sound)) % 2**32
        self._tell(sound)

    def _decoded(self, packet: RtpPacket) -> Samples:
        """int16 of shape (n,) at 48 kHz; empty for what is no Opus."""
        try:
            frames = self._decoder.decode(av.Packet(packet.payload)) if packet.payload else []
        except FFmpegError:
            frames = []
        pieces = [frame.to_ndarray()[0] for frame in frames]
        return np.concatenate(pieces) if pieces else np.zeros(0, np.int16)

    def _tell(self, sound: Samples) -> None:
        if len(samples := self._resampler.push(sound)):
            self._heard(Audio(samples, OUT_HZ))
