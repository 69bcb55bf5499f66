"""Sound that comes beside the events, as over WebRTC: what is told of it is the same."""

import numpy as np

from audio.pcm import Audio
from tests.ingress.line import recorded
from tests.ingress.realtime.peer import Peer

HZ = 16_000


def silence(seconds: float) -> Audio:
    return Audio(np.zeros(round(HZ * seconds), np.int16), HZ)


def spoken(peer: Peer) -> None:
    """Half a second of silence, and a voice that has no end yet."""
    voice = recorded().samples[: HZ // 2]
    for sound in (silence(0.5).samples, voice):
        for at in range(0, len(sound), HZ // 50):
            peer.send_raw(Audio(sound[at : at + HZ // 50], HZ))


async def test_a_voice_that_is_taken_back_ended_where_it_was() -> None:
    async with Peer(sound_in_events=False) as peer:
        spoken(peer)
        peer.send("input_audio_buffer.clear")
        await peer.sent("input_audio_buffer.cleared")
    (started,) = peer.of("input_audio_buffer.speech_started")
    (stopped,) = peer.of("input_audio_buffer.speech_stopped")
    assert 0 < started["audio_start_ms"] < 900
    assert stopped["audio_end_ms"] == 1_000


async def test_nothing_is_committed_that_was_not_said() -> None:
    by_hand = {"audio": {"input": {"turn_detection": None}}}
    async with Peer(sound_in_events=False, session=by_hand) as peer:
        peer.send_raw(silence(0.06))
        peer.send("input_audio_buffer.commit")
        error = (await peer.sent("error"))["error"]
        assert error["code"] == "input_audio_buffer_commit_empty"
        assert error["message"].endswith("60.00ms of audio.")
        peer.send_raw(silence(0.06))
        peer.send("input_audio_buffer.commit")
        await peer.sent("input_audio_buffer.committed")
        peer.send("input_audio_buffer.commit")
        await peer.sent("error", 2)
