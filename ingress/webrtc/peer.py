"""One caller's peer connection: the answer to an offer, then messages and sound both ways.

Owns the connection, its data channel and its tracks; no decision about the call. Everything that a
call needs of aiortc is asked for here.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.exceptions import InvalidStateError, OperationError

from audio.pcm import Audio
from ingress.protocols.codec import POLICY, TOO_BIG, ProtocolError, Wire
from ingress.protocols.outputs import Clear
from ingress.webrtc.loudspeaker import Loudspeaker
from ingress.webrtc.microphone import Microphone
from ingress.webrtc.offer import BadOffer, Offer
from ingress.webrtc.ports import Ports, gather_within

CHANNEL = "oai-events"

MAX_UNREAD = 3_000
"""Messages and pieces of sound that a call has not taken: a minute of them."""

MAX_UNSENT_BYTES = 1_048_576
"""Of messages that the caller has not taken; `send` waits from here on."""

LAST_WORDS_S = 1.0
"""How long what was sent before the end may take to leave."""

CLOSE_S = 5.0

Message = str | bytes | Audio


class Peer:
    """Answer once with `answer`, and close then in any case with `close`."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._inbox: asyncio.Queue[Message | None] = asyncio.Queue()
        self._connected, self._drained = asyncio.Event(), asyncio.Event()
        self._channel: RTCDataChannel | None = None
        self._channel_wanted = self._over = False
        self.loudspeaker = Loudspeaker()
        self.heard_s = 0.0
        """Seconds of the microphone's sound among `messages` so far."""
        self._microphone = Microphone(self._take)
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._connection.on("connectionstatechange", self._changed)
        self._connection.on("datachannel", self._opened)

    async def answer(self, offer: Offer) -> str:
        """The SDP that answers. Raises BadOffer, and NoPort where every port is in use."""
        self._channel_wanted = offer.channel
        voice = self._connection.addTransceiver(self.loudspeaker, "sendrecv")
        codecs = RTCRtpSender.getCapabilities("audio").codecs
        voice.setCodecPreferences([one for one in codecs if one.mimeType == "audio/opus"])
        self._microphone.listen(voice.receiver)
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
        except (ValueError, OperationError, InvalidStateError) as error:
            raise BadOffer(f"the SDP offer cannot be answered: {error}") from None
        gatherer = voice.receiver.transport.transport.iceGatherer
        gather_within(gatherer._connection, self._ports)  # pyright: ignore[reportPrivateUsage]
        await self._connection.setLocalDescription(await self._connection.createAnswer())
        return self._connection.localDescription.sdp

    async def connected(self) -> None:
        """Wait until sound can flow and, if the offer asks for one, the data channel is open."""
        await self._connected.wait()

    async def messages(self) -> AsyncIterator[Message]:
        """What comes in: text of the data channel, and the microphone's sound, int16 mono at
        16 kHz. Ends when the caller is gone. Raises ProtocolError when nobody took it for long."""
        while (message := await self._inbox.get()) is not None:
            if self._inbox.qsize() >= MAX_UNREAD:
                raise ProtocolError(POLICY, "more came in than can be taken")
            if isinstance(message, Audio):
                self.heard_s += message.seconds
            yield message

    async def send(self, message: Wire) -> None:
        """Text to the data channel, if there is one; sound at 24 kHz to the caller's ear; and
        `Clear`, which takes back what has not left."""
        match message:
            case Audio():
                self.loudspeaker.play(message)
            case Clear():
                self.loudspeaker.clear()
            case str():
                await self._write(message)
            case _:
                pass  # who ran the call closes it

    async def _write(self, text: str) -> None:
        if (channel := self._channel) is None or channel.readyState != "open":
            return
        while channel.bufferedAmount > MAX_UNSENT_BYTES and not self._over:
            self._drained.clear()
            await self._drained.wait()
        try:
            with suppress(InvalidStateError):  # closed meanwhile: `messages` tells
                channel.send(text)
        except ValueError as error:  # longer than the caller's SDP allows
            raise ProtocolError(TOO_BIG, str(error)) from None

    async def last_words(self) -> None:
        """Wait until what was sent has left, if the caller is still there, for a second at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                await self.loudspeaker.played()
                while not self._over and self._channel and self._channel.bufferedAmount:
                    self._drained.clear()
                    await self._drained.wait()

    async def close(self) -> None:
        """Hang up. A second time does nothing."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._connection.close()

    def _changed(self) -> None:
        match self._connection.connectionState:
            case "connected" if not self._channel_wanted:
                self._connected.set()
            case "failed" | "closed":
                self._gone()
            case _:
                pass

    def _opened(self, channel: RTCDataChannel) -> None:
        if channel.label != CHANNEL or self._channel is not None:
            return
        self._channel = channel
        channel.on("message", self._take)
        channel.on("bufferedamountlow", self._drained.set)
        channel.on("close", self._gone)
        self._connected.set()

    def _take(self, message: Message) -> None:
        if self._inbox.qsize() <= MAX_UNREAD:  # else `messages` says so
            self._inbox.put_nowait(message)

    def _gone(self) -> None:
        self._over = True
        self._inbox.put_nowait(None)
        self._connected.set()
        self._drained.set()
        self.loudspeaker.clear()
