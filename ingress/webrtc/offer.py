"""A caller's SDP offer, checked, and our answer with the address that callers reach us by.

Owns what we accept of an offer. Pure: no socket and no peer connection.
"""

import ipaddress
from dataclasses import dataclass, replace

from aiortc.sdp import MediaDescription, SessionDescription

MAX_OFFER_BYTES = 65_536
"""Chromium's offer of one microphone and a data channel has 2 to 8 KB."""

FINGERPRINTS = ("sha-256", "sha-384", "sha-512")
"""What aiortc can check a peer's certificate against."""

TRICKLED = ("a=candidate:", "a=end-of-candidates")

UNREADABLE = (ValueError, AssertionError, LookupError, AttributeError, TypeError, StopIteration)
"""What aiortc's parser raises for text that is no SDP."""


class BadOffer(ValueError):
    """The offer cannot be answered; the message says why, to the caller."""


@dataclass(frozen=True, slots=True)
class Offer:
    """`sdp` is free of candidates; `channel` tells whether a data channel is asked for."""

    sdp: str
    channel: bool


def read_offer(text: str) -> Offer:
    """What we can answer: one audio section and at most one data channel, in one bundle. Raises
    BadOffer.

    The caller's candidates are left out. Callers must reach us by UDP in any case, and whoever
    does so proves by it where they are (RFC 8445, 7.3.1.3): so no offer makes this server send
    packets to addresses that somebody has written into it, and no name of a browser's
    (`….local`) is looked up.
    """
    if len(text.encode()) > MAX_OFFER_BYTES:
        raise BadOffer(f"the SDP offer is longer than {MAX_OFFER_BYTES} bytes")
    try:
        description = SessionDescription.parse(text)
    except UNREADABLE:
        raise BadOffer("the body is no SDP offer") from None
    kinds = [media.kind for media in description.media]
    if kinds.count("audio") != 1 or kinds.count("application") + 1 != len(kinds):
        raise BadOffer("the SDP offer must have one audio section and at most one data channel")
    if kinds.count("application") > 1:
        raise BadOffer("the SDP offer has more than one data channel section")
    for media in description.media:
        _check(media)
    _check_bundle(description)
    kept = [line for line in text.splitlines() if not line.startswith(TRICKLED)]
    return Offer("\r\n".join(kept) + "\r\n", "application" in kinds)


def _check(media: MediaDescription) -> None:
    if media.ice is None or not (media.ice.usernameFragment and media.ice.password):
        raise BadOffer(f"the {media.kind} section has no ice-ufrag and ice-pwd")
    if media.dtls is None:
        raise BadOffer(f"the {media.kind} section has no setup attribute")
    if not any([one.algorithm.lower() in FINGERPRINTS for one in media.dtls.fingerprints]):
        raise BadOffer(f"the {media.kind} section has no SHA-2 fingerprint")
    if media.kind == "audio" and media.direction is None:
        raise BadOffer("the audio section has no direction, such as a=sendrecv")
    if media.kind == "audio" and not media.rtcp_mux:
        raise BadOffer("the audio section must have rtcp-mux")
    if media.kind == "audio" and not any([_is_opus(one.mimeType) for one in media.rtp.codecs]):
        raise BadOffer("the audio section does not offer Opus")


def _is_opus(mime_type: str) -> bool:
    return mime_type.lower() == "audio/opus"


def _check_bundle(description: SessionDescription) -> None:
    """One transport for all: one UDP port a call."""
    names = sorted(media.rtp.muxId or "" for media in description.media)
    bundles = [sorted(map(str, g.items)) for g in description.group if g.semantic == "BUNDLE"]
    alone = len(names) == 1 and not bundles
    if len(set(names)) < len(names) or not (alone or bundles == [names]):
        raise BadOffer("what is offered must share one transport (a=group:BUNDLE of every section)")


def reached_by(answer: str, public_address: str) -> str:
    """Our answer with the address under which callers reach this host (one-to-one NAT) in place of
    the host's own; ports stay."""
    description = SessionDescription.parse(answer)
    version = ipaddress.ip_address(public_address).version
    for media in description.media:
        ours = [one for one in media.ice_candidates if _version(one.ip) == version]
        ports = dict.fromkeys(one.port for one in ours)
        media.ice_candidates = [
            replace(next(one for one in ours if one.port == port), ip=public_address)
            for port in ports
        ]
        media.host = public_address
    return str(description)


def _version(address: str) -> int:
    return ipaddress.ip_address(address).version
