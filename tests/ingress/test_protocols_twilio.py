"""Media Streams on the wire: what is refused and how, and what is sent."""

import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio import mulaw
from audio.pcm import Audio
from conversation.events import CallEnded, DigitPressed, PhraseHeard
from ingress.protocols.codec import ProtocolError
from ingress.protocols.outputs import AgentSays, Clear, PhraseEnd, Play
from ingress.protocols.twilio import CHUNK_BYTES, TwilioCodec, read_start

FORMAT = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
START = {
    "event": "start",
    "sequenceNumber": "1",
    "streamSid": "MZ1",
    "start": {
        "accountSid": "AC0",
        "streamSid": "MZ1",
        "callSid": "CA1",
        "tracks": ["inbound"],
        "mediaFormat": FORMAT,
        "customParameters": {"name": "Ada"},
    },
}


def codec(texts=False):
    return TwilioCodec("MZ1", texts=texts)


def decode(body, **more):
    return list(codec().decode(json.dumps({"streamSid": "MZ1", **body, **more})))


def changed(**start):
    return json.dumps({**START, "start": {**START["start"], **start}})


def test_start_is_read_after_connected():
    assert read_start('{"event":"connected","protocol":"Call","version":"1.0.0"}') is None
    start = read_start(json.dumps(START))
    assert (start.call_sid, start.stream_sid, start.parameters) == ("CA1", "MZ1", {"name": "Ada"})
    without = {k: v for k, v in START["start"].items() if k != "customParameters"}
    assert read_start(json.dumps({**START, "start": without})).parameters == {}


@pytest.mark.parametrize(
    ("message", "code", "says"),
    [
        (b"\x00\x01", 1003, "binary"),
        ("not json", 1003, "not JSON"),
        ("[1]", 1003, "event"),
        ('{"event": 7}', 1003, "event"),
        ('{"event": "media"}', 1008, "before start"),
        ('{"event": "start"}', 1003, "start"),
        (changed(callSid=""), 1003, "callSid"),
        (changed(customParameters={"a": 1}), 1003, "customParameters.a"),
        (changed(mediaFormat={**FORMAT, "sampleRate": 16000}), 1003, "16000"),
        (changed(mediaFormat={**FORMAT, "encoding": "audio/L16"}), 1003, "L16"),
        ('{"event":"' + "x" * 70_000 + '"}', 1009, "characters"),
    ],
)
def test_a_malformed_beginning_is_refused_with_a_code(message, code, says):
    with pytest.raises(ProtocolError) as caught:
        read_start(message)
    assert caught.value.code == code and says in caught.value.reason


def test_what_twilio_sends_is_understood():
    (audio,) = decode(
        {"event": "media", "media": {"payload": base64.b64encode(b"\xff" * 160).decode()}}
    )
    assert (audio.rate_hz, len(audio.samples)) == (8000, 160)
    assert decode({"event": "dtmf", "dtmf": {"track": "inbound_track", "digit": "#"}}) == [
        DigitPressed("#")
    ]
    assert decode({"event": "mark", "mark": {"name": "3.1.0"}}) == [PhraseHeard(3, 1, 0)]
    assert decode({"event": "mark", "mark": {"name": "somebody else's"}}) == []
    assert decode({"event": "mark", "mark": {"name": "1" * 5_000 + ".0.0"}}) == []
    assert decode({"event": "stop", "stop": {}}) == [CallEnded("caller hung up")]
    assert decode({"event": "new in 2027"}) == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"event": "media"}, 1003),
        ({"event": "media", "media": "x"}, 1003),
        ({"event": "media", "media": {"payload": "not base64!"}}, 1003),
        ({"event": "media", "media": {"payload": 5}}, 1003),
        ({"event": "mark", "mark": {}}, 1003),
        ({"event": "dtmf", "dtmf": {"digit": "12"}}, 1003),
        ({"event": "start"}, 1008),
        ({"event": "media", "streamSid": "MZ2", "media": {"payload": ""}}, 1008),
        ({"event": "stop", "streamSid": None}, 1008),
    ],
)
def test_malformed_messages_are_refused_with_a_code(body, code):
    with pytest.raises(ProtocolError) as caught:
        decode(body)
    assert caught.value.code == code


@given(
    st.one_of(
        st.text(),
        st.binary(),
        st.recursive(
            st.none() | st.integers() | st.text(),
            lambda x: (
                st.lists(x)
                | st.dictionaries(
                    st.sampled_from(["event", "media", "payload", "streamSid", "mark", "name"]), x
                )
            ),
        ).map(json.dumps),
    )
)
def test_no_message_raises_anything_but_a_protocol_error(message):
    for read in (read_start, lambda m: list(codec().decode(m))):
        try:
            read(message)
        except ProtocolError as error:
            assert error.code in (1003, 1008, 1009)


def frames(*outputs, texts=False):
    one = codec(texts)
    return [json.loads(message) for output in outputs for message in one.encode(output)]


def payload(sent):
    return b"".join(base64.b64decode(f["media"]["payload"]) for f in sent if f["event"] == "media")


@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=6))
def test_a_phrase_is_sent_whole_before_its_mark_however_it_is_cut(sizes):
    pieces = [Play(Audio(np.full(size, 5_000, np.int16), 8_000)) for size in sizes]
    sent = frames(*pieces, PhraseEnd(2, 1, 0))
    assert sent[-1] == {"event": "mark", "streamSid": "MZ1", "mark": {"name": "2.1.0"}}
    assert len(payload(sent)) == sum(sizes)
    assert all(len(base64.b64decode(f["media"]["payload"])) <= CHUNK_BYTES for f in sent[:-1])


def test_sound_survives_the_way_out():
    tone = (8_000 * np.sin(np.arange(8_000) * 2 * np.pi * 440 / 8_000)).astype(np.int16)
    heard = mulaw.decode(payload(frames(Play(Audio(tone, 8_000)), PhraseEnd(1, 0, 0))))
    peak = np.argmax(np.abs(np.fft.rfft(heard.astype(float))))
    assert abs(peak * 8_000 / len(heard) - 440) < 5


def test_sound_at_another_rate_is_our_own_mistake():
    with pytest.raises(ValueError, match="24000 Hz"):
        frames(Play(Audio(np.zeros(480, np.int16), 24_000)))


def test_clear_is_one_frame():
    assert frames(Clear()) == [{"event": "clear", "streamSid": "MZ1"}]


def test_texts_only_when_asked_for():
    assert frames(AgentSays(1, 0, "Hi.")) == []
    (frame,) = frames(AgentSays(1, 0, "Hi."), texts=True)
    assert frame["parley"] == {"type": "phrase", "turn": 1, "phrase": 0, "text": "Hi."}
