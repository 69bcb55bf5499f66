"""The sound that clients send: how it is heard, committed and taken back."""

import base64
import warnings

import numpy as np
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

from audio.pcm import Audio
from ingress.protocols.inputs import Commit, TakeBack
from ingress.protocols.outputs import CallerStarted, CallerStopped
from tests.ingress.realtime.codec_line import TONE, Line


@pytest.mark.parametrize(
    ("kind", "payload", "rate_hz"),
    [
        ("audio/pcm", TONE.tobytes(), 24_000),
        ("audio/pcmu", audioop.lin2ulaw(TONE[::3].tobytes(), 2), 8_000),
        ("audio/pcma", audioop.lin2alaw(TONE[::3].tobytes(), 2), 8_000),
    ],
)
def test_sound_is_heard_at_16_khz(kind, payload, rate_hz):
    line = Line(audio={"input": {"format": {"type": kind}}})
    heard = []
    for at in range(0, len(payload), 999):  # odd: a chunk may end within a sample
        audio = base64.b64encode(payload[at : at + 999]).decode()
        heard += line.does("input_audio_buffer.append", audio=audio)
    assert {type(audio) for audio in heard} == {Audio}
    assert {audio.rate_hz for audio in heard} == {16_000}
    samples = np.concatenate([audio.samples for audio in heard])
    assert abs(len(samples) - 16_000) < 100
    middle = samples[4_000:12_000].astype(float)
    expected = 8_000 / np.sqrt(2)
    assert abs(np.sqrt((middle**2).mean()) / expected - 1) < 0.05


def test_a_long_append_is_heard_in_pieces():
    audio = base64.b64encode(bytes(48_000 * 3)).decode()
    heard = Line().does("input_audio_buffer.append", audio=audio)
    assert max(audio.seconds for audio in heard) <= 0.1


def test_a_tenth_of_a_second_may_be_committed():
    line, tenth = Line(), base64.b64encode(bytes(4_900)).decode()
    line.does("input_audio_buffer.append", audio=tenth)
    assert line.does("input_audio_buffer.commit") == [Commit()]
    assert line.refused("input_audio_buffer.commit")["code"] == "input_audio_buffer_commit_empty"
    line.does("input_audio_buffer.append", audio=tenth)
    line.does("input_audio_buffer.clear")
    assert line.refused("input_audio_buffer.commit")["message"].endswith("0.00ms of audio.")


def test_sound_that_came_before_a_commit_is_told_is_the_next_utterances():
    """All of it in one message from the network: what is told of the first comes after."""
    line, tenth = Line(), base64.b64encode(bytes(4_900)).decode()
    for number in range(2):
        line.does("input_audio_buffer.append", audio=tenth)
        if number:
            line.say(CallerStopped("u1", 0.1, by_hand=True))
        assert line.does("input_audio_buffer.commit") == [Commit()]


def test_sound_of_a_voice_that_ended_is_not_committed_again():
    line, tenth = Line(), base64.b64encode(bytes(4_900)).decode()
    line.does("input_audio_buffer.append", audio=tenth)
    line.say(CallerStopped("u1", 0.1, by_hand=False))
    assert line.refused("input_audio_buffer.commit")["code"] == "input_audio_buffer_commit_empty"


def test_taking_back_what_is_being_said_ends_the_voice_too():
    """pipecat's user turn begins and ends by these two events."""
    line = Line()
    line.say(CallerStarted("u1", 0.5))
    line.does("input_audio_buffer.clear")
    kinds = [told["type"] for told in line.told]
    assert kinds == ["input_audio_buffer.speech_stopped", "input_audio_buffer.cleared"]
    line.say(CallerStarted("u2", 1.0))
    line.say(CallerStopped("u2", 2.0, by_hand=True))
    assert [told["type"] for told in line.told][:2] == [
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
    ]


def test_a_voice_never_ends_before_it_began():
    """The silence that stands in for what a line did not send does not come by the codec."""
    line = Line()
    line.say(CallerStarted("u1", 0.5))
    assert line.does("input_audio_buffer.clear", event_id=None) == [TakeBack()]
    assert line.told[0]["audio_end_ms"] == 500
