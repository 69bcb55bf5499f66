"""What of an offer is accepted, and what a caller is told of one that is not."""

import asyncio
import re

import pytest
from aiortc.sdp import SessionDescription
from hypothesis import given, settings
from hypothesis import strategies as st

from ingress.webrtc.offer import BadOffer, reached_by, read_offer
from ingress.webrtc.peer import Peer
from ingress.webrtc.ports import Ports

SESSION = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"
KEYS = (
    "a=ice-ufrag:fHqX\r\na=ice-pwd:UJsgpf7NxU1NKmU5jYSAsI\r\na=fingerprint:sha-256 78:5E\r\n"
    "a=setup:actpass\r\n"
)
WHERE = (
    "a=candidate:1 1 udp 2130706431 203.0.113.9 46333 typ host\r\n"
    "a=candidate:2 1 udp 2130706431 8d5c.local 46334 typ host\r\na=end-of-candidates\r\n"
)
AUDIO = (
    "m=audio 9 UDP/TLS/RTP/SAVPF 96 0\r\nc=IN IP4 0.0.0.0\r\na=sendrecv\r\na=mid:0\r\n"
    "a=rtcp-mux\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:0 PCMU/8000\r\n" + WHERE + KEYS
)
EVENTS = (
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\na=sctp-port:5000\r\n" + KEYS
)
OFFER = SESSION + AUDIO + EVENTS
VIDEO = AUDIO.replace("m=audio", "m=video").replace("a=mid:0", "a=mid:2")


def test_an_offer_of_audio_and_a_channel_is_read_without_its_candidates():
    offer = read_offer(OFFER)
    assert offer.channel
    assert "candidate" not in offer.sdp and "rtcp-mux" in offer.sdp
    assert not read_offer(SESSION.replace(" 0 1", " 0") + AUDIO).channel


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "one audio section"),
        ("hello", "one audio section"),
        ("m=hello", "no SDP"),
        (SESSION + EVENTS, "one audio section"),
        (SESSION + VIDEO + EVENTS, "one audio section"),
        (OFFER + VIDEO, "one audio section"),
        (OFFER + AUDIO, "one audio section"),
        (OFFER + EVENTS, "more than one data channel"),
        (OFFER.replace("a=ice-pwd", "a=x"), "ice-pwd"),
        (OFFER.replace("a=setup", "a=x"), "setup"),
        (OFFER.replace("sha-256", "md5"), "fingerprint"),
        (OFFER.replace("a=rtcp-mux", "a=x"), "rtcp-mux"),
        (OFFER.replace("a=sendrecv", "a=x"), "direction"),
        (OFFER.replace("a=mid:1", "a=mid"), "BUNDLE"),
        (OFFER.replace("opus", "speex"), "Opus"),
        (OFFER.replace("BUNDLE 0 1", "BUNDLE 0"), "BUNDLE"),
        (OFFER.replace("a=mid", "a=x"), "BUNDLE"),
        (OFFER.replace("m=application", ":m=application"), "BUNDLE"),
        (SESSION + AUDIO, "BUNDLE"),
        (OFFER + "a=x:" + "y" * 65_536, "longer"),
    ],
)
def test_what_cannot_be_answered_is_told(text, says):
    with pytest.raises(BadOffer, match=says):
        read_offer(text)


async def answered(text: str) -> str:
    peer = Peer(Ports(20_000, 29_999))
    try:
        return await peer.answer(read_offer(text))
    finally:
        await peer.close()


@settings(max_examples=60)
@given(st.data())
def test_a_mangled_offer_is_answered_or_refused(data):
    lines = OFFER.splitlines(keepends=True)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        line = lines[at]
        cut = data.draw(st.integers(0, len(line)))
        other = data.draw(st.sampled_from(lines))
        mangled = [
            "",
            line * 2,
            line[:cut] + "\r\n",
            line[cut:],
            f"{line[:cut]}:{line[cut:]}",
            other,
        ]
        lines[at] = data.draw(st.sampled_from(mangled))
    try:
        answer = asyncio.run(answered("".join(lines)))
    except BadOffer:
        return
    assert "a=candidate" in answer


@given(st.text(max_size=200))
def test_text_that_is_no_offer_is_refused(text):
    with pytest.raises(BadOffer):
        read_offer(text)


def test_the_public_address_takes_the_place_of_the_hosts_own():
    own = "".join(
        f"a=candidate:{n} 1 udp 1 {host} {port} typ host\r\n"
        for n, (host, port) in enumerate([("10.0.0.5", 10_001), ("fd00::2", 10_001)])
    )
    told = reached_by(OFFER.replace(WHERE, own), "203.0.113.7")
    media = SessionDescription.parse(told).media
    assert [(one.ip, one.port) for one in media[0].ice_candidates] == [("203.0.113.7", 10_001)]
    assert media[0].host == "203.0.113.7"
    assert not re.search(r"10\.0\.0\.5|fd00", told)
