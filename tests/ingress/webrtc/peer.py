"""A caller over WebRTC in a test: aiortc's own peer connection, and a voice to send.

Knows nothing of Parley: it posts an offer, keeps every event of the data channel and every sample
that it hears.
"""

import asyncio
import fractions
import json
from collections.abc import Callable
from typing import Any

import av
import httpx
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError

from audio.pcm import Audio, Samples
from audio.resampling import Resampler, resample
from tests.ingress.server import Client

VOICE_HZ, HEARD_HZ = 48_000, 24_000
FRAME = VOICE_HZ // 50
WITHIN_S = 60.0


class Voice(MediaStreamTrack):
    """A microphone: silence, and what is said into it. `pace` is how many times faster than real
    time its frames come."""

    kind = "audio"

    def __init__(self, pace: float = 1.0) -> None:
        super().__init__()
        self.pace, self.frames, self._due_s = pace, 0, 0.0
        self.unsaid: Samples = np.zeros(0, np.int16)
        self.said = asyncio.Event()

    def say(self, audio: Audio) -> None:
        self.unsaid = np.concatenate([self.unsaid, resample(audio, VOICE_HZ).samples])
        self.said.clear()

    async def recv(self) -> av.AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        now_s = asyncio.get_running_loop().time()
        self._due_s = (self._due_s or now_s) + 0.02 / self.pace
        await asyncio.sleep(self._due_s - now_s)
        piece, self.unsaid = self.unsaid[:FRAME], self.unsaid[FRAME:]
        if not len(self.unsaid):
            self.said.set()
        frame = av.AudioFrame(format="s16", layout="mono", samples=FRAME)
        frame.planes[0].update(np.pad(piece, (0, FRAME - len(piece))).tobytes())
        frame.sample_rate, frame.pts = VOICE_HZ, self.frames * FRAME
        frame.time_base = fractions.Fraction(1, VOICE_HZ)
        self.frames += 1
        return frame


class Caller:
    """Used as a context: `async with Caller(url) as caller`, connected inside. `channel` tells
    whether the offer asks for one, `audio_first` whether audio is its first section."""

    def __init__(
        self,
        base_url: str,
        *,
        model: str = "",
        session: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        channel: bool = True,
        audio_first: bool = True,
        pace: float = 1.0,
    ) -> None:
        self.voice = Voice(pace)
        self.events: list[dict[str, Any]] = []
        self.heard: list[Samples] = []  # int16 mono at 24 kHz, 20 ms each
        self.location = ""
        self.answer = ""
        self._url, self._model, self._session = base_url, model, session
        self._headers, self._audio_first = headers or {}, audio_first
        self.connection = RTCPeerConnection(
            RTCConfiguration(iceServers=[], alwaysNegotiateDataChannels=not audio_first)
        )
        self._news = asyncio.Event()
        self._channel: RTCDataChannel | None = None
        self._listening: asyncio.Task[None] | None = None
        self.connection.on("track", self._listen)
        self.connection.on("connectionstatechange", self._news.set)
        self.connection.addTrack(self.voice)
        if channel and audio_first:
            self._make_channel()

    def _make_channel(self) -> None:
        self._channel = self.connection.createDataChannel("oai-events")
        self._channel.on("message", self._told)
        self._channel.on("open", self._news.set)
        self._channel.on("close", self._news.set)

    async def offer(self) -> str:
        offer = await self.connection.createOffer()
        if not self._audio_first:  # aiortc puts its section first only while there is no channel
            self._make_channel()
        await self.connection.setLocalDescription(offer)
        return self.connection.localDescription.sdp

    async def post(self, offer: str) -> httpx.Response:
        """The request alone, as raw SDP or, with a session, as a form."""
        url = f"{self._url.rstrip('/')}/v1/realtime/calls"
        query = {"model": self._model} if self._model else {}
        async with httpx.AsyncClient(timeout=WITHIN_S, headers=self._headers) as client:
            if self._session is None:
                sdp = {"Content-Type": "application/sdp"}
                return await client.post(url, params=query, content=offer, headers=sdp)
            form = {
                "sdp": (None, offer, "application/sdp"),
                "session": (None, json.dumps(self._session), "application/json"),
            }
            return await client.post(url, params=query, files=form)

    async def __aenter__(self) -> "Caller":
        response = await self.post(await self.offer())
        assert response.status_code == 201, response.text
        self.location = response.headers["location"]
        await self.accept(response.text)
        return self

    async def accept(self, answer: str) -> None:
        """Connect, by the SDP that answers."""
        self.answer = answer
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await self.until(lambda caller: caller.open)

    async def __aexit__(self, *_: object) -> None:
        await self.hang_up()

    async def hang_up(self) -> None:
        await self.connection.close()
        if self._listening:
            await self._listening

    def vanish(self) -> None:
        """Neither send nor answer any more, without a word."""
        for transceiver in self.connection.getTransceivers():
            ice = transceiver.receiver.transport.transport.iceGatherer._connection
            for protocol in ice._protocols:
                protocol.transport.abort()

    @property
    def open(self) -> bool:
        ready = self._channel is None or self._channel.readyState == "open"
        return ready and self.connection.connectionState == "connected"

    @property
    def over(self) -> bool:
        """Whether the other side has hung up."""
        return self.connection.connectionState in ("closed", "failed")

    def send(self, event: dict[str, Any]) -> None:
        assert self._channel
        self._channel.send(json.dumps(event))

    def say(self, audio: Audio) -> None:
        self.voice.say(audio)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    @property
    def sound(self) -> Samples:
        return np.concatenate([np.zeros(0, np.int16), *self.heard])

    @property
    def heard_s(self) -> float:
        """Seconds of sound that is none of silence's."""
        return sum(np.abs(piece).max(initial=0) > 500 for piece in self.heard) * 0.02

    @property
    def silent(self) -> bool:
        """Whether half a second of silence was the last that was heard."""
        last = self.heard[-25:]
        return len(last) == 25 and all(np.abs(piece).max(initial=0) <= 500 for piece in last)

    async def until(self, met: Callable[["Caller"], Any], within_s: float = WITHIN_S) -> None:
        async with asyncio.timeout(within_s):
            while not met(self):
                self._news.clear()
                await self._news.wait()

    def _told(self, message: str) -> None:
        self.events.append(json.loads(message))
        self._news.set()

    def _listen(self, track: MediaStreamTrack) -> None:
        self._listening = asyncio.create_task(self._hear(track))

    async def _hear(self, track: MediaStreamTrack) -> None:
        resampler = Resampler(VOICE_HZ, HEARD_HZ)
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            stereo = frame.to_ndarray().reshape(-1, 2)
            self.heard.append(resampler.push(np.ascontiguousarray(stereo[:, 0])))
            self._news.set()


async def until(met: Callable[[], object]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not met():  # noqa: ASYNC110  what is waited for lies in another thread
            await asyncio.sleep(0.01)


def url(client: Client) -> str:
    return str(client.base_url)
