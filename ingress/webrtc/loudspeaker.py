"""What the caller hears over WebRTC: a track of Opus packets, 20 ms each, on time.

Owns the clock of the track and the encoding; when there is nothing to say it sends silence. How far
ahead of real time speech is handed over is the outbox's.
"""

import asyncio
import fractions

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av.packet import Packet
from av.stream import Stream

from audio.pcm import Audio

RATE_HZ = 24_000
"""Kokoro's own, and one that Opus takes without resampling."""

FRAME_MS = 20
FRAME_SAMPLES = RATE_HZ * FRAME_MS // 1_000
FRAME_BYTES = 2 * FRAME_SAMPLES
CLOCK = fractions.Fraction(1, 48_000)
"""Opus' RTP clock is this, whatever was encoded (RFC 7587, 4.1)."""

BITS_PER_SECOND = 32_000
"""Fullband mono speech (RFC 7587, 3.1.1: 28 to 40 kbit/s)."""

COMPLEXITY = 5
"""Of 0 to 10; 10, libopus' default, costs twice the CPU for speech that sounds alike."""

MAX_WAITING_S = 5.0
"""More than the outbox ever sends ahead: who takes no sound (an offer of `sendonly`) leaves none
behind."""


MAX_LATE_S = 0.2
"""Packets that are late go out at once, to catch up; but not a second of them in one burst, which
no player wants any more."""


SETTLED = 10
"""Silent packets after which the encoder's next ones are all alike, to a peak of 1 of 32,767 once
decoded. They are sent again and not made anew: an agent is silent most of the time."""


class Loudspeaker(MediaStreamTrack):
    """int16 mono at 24 kHz in, Opus packets out."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._speech = bytearray()
        self._frames = self._silent = 0  # sent, and how many of the last were silent
        self._last = b""
        self._due_s = 0.0
        self._empty = asyncio.Event()
        self._empty.set()
        self._encoder = new_encoder()

    def play(self, audio: Audio) -> None:
        """Speech at 24 kHz, behind what waits already."""
        assert audio.rate_hz == RATE_HZ
        self._speech += audio.samples.tobytes()
        del self._speech[: -round(MAX_WAITING_S * RATE_HZ) * 2]
        self._empty.clear()

    def clear(self) -> None:
        """Fall silent with the next packet."""
        self._speech.clear()
        self._empty.set()

    async def played(self) -> None:
        """Wait until everything has left."""
        await self._empty.wait()

    async def recv(self) -> "Packet[Stream]":
        """The next packet, when it is due. Raises MediaStreamError once the track is stopped."""
        if self.readyState != "live":
            raise MediaStreamError
        now_s = asyncio.get_running_loop().time()
        if not self._frames or now_s - self._due_s > MAX_LATE_S:
            self._due_s = now_s
        await asyncio.sleep(self._due_s - now_s)
        self._due_s += FRAME_MS / 1_000
        packet = self._packet(self._taken())
        packet.pts, packet.time_base = self._frames * FRAME_SAMPLES * 2, CLOCK
        self._frames += 1
        return packet

    def _taken(self) -> bytes:
        """The next 20 ms, silence where there is nothing."""
        frame = bytes(self._speech[:FRAME_BYTES])
        del self._speech[:FRAME_BYTES]
        if not self._speech:
            self._empty.set()
        return frame.ljust(FRAME_BYTES, b"\0")

    def _packet(self, frame: bytes) -> "Packet[Stream]":
        self._silent = 0 if frame.strip(b"\0") else self._silent + 1
        if self._silent <= SETTLED:
            self._last = self._encoded(frame)
        return Packet(self._last)

    def _encoded(self, frame: bytes) -> bytes:
        sound = av.AudioFrame(format="s16", layout="mono", samples=FRAME_SAMPLES)
        sound.sample_rate = RATE_HZ
        sound.pts = self._frames * FRAME_SAMPLES
        sound.planes[0].update(frame)
        (packet,) = self._encoder.encode(sound)
        return bytes(packet)


def new_encoder() -> av.AudioCodecContext:
    encoder = av.AudioCodecContext.create("libopus", "w")
    encoder.format, encoder.layout, encoder.sample_rate = "s16", "mono", RATE_HZ
    encoder.bit_rate, encoder.time_base = BITS_PER_SECOND, fractions.Fraction(1, RATE_HZ)
    encoder.options = {
        "application": "voip",
        "frame_duration": str(FRAME_MS),
        "compression_level": str(COMPLEXITY),
    }
    return encoder
