import base64
import json

import pytest

from loadtest.media_streams import (
    Clear,
    Malformed,
    Mark,
    Media,
    Parley,
    media_message,
    payloads,
    read,
)

SID = "MZ1"


def frame(event: str, **body: object) -> str:
    return json.dumps({"event": event, "streamSid": SID, **body})


def test_good_frames_are_read() -> None:
    assert read(frame("media", media={"payload": "//8="}), SID) == Media(b"\xff\xff")
    assert read(frame("mark", mark={"name": "1.0.0"}), SID) == Mark("1.0.0")
    assert read(frame("clear"), SID) == Clear()
    assert read(frame("parley", parley={"type": "notice"}), SID) == Parley({"type": "notice"})


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (b"{}", "binary"),
        ("{", "unexpected end"),
        ("{}", "'streamSid' is missing"),
        (frame("media", media={"payload": "!"}), "base64"),
        (frame("media", media={}), "'payload' is missing"),
        (frame("mark", mark={"name": ""}), "no name"),
        (frame("mark"), "'mark' is missing"),
        (frame("stop"), "unknown event 'stop'"),
        (json.dumps({"event": "clear", "streamSid": "MZ2"}), "not this stream's"),
    ],
)
def test_bad_frames_say_what_is_wrong(message: str | bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        read(message, SID)


def test_media_counts_in_strings() -> None:
    whole, rest = payloads(b"a" * 160 + b"bc")
    assert payloads(b"a" * 160 + b"bc") is payloads(b"a" * 160 + b"bc")
    assert base64.b64decode(whole) == b"a" * 160 and rest == "YmM="
    assert json.loads(media_message(SID, 4, "YWJj", 320)) == {
        "event": "media",
        "streamSid": SID,
        "sequenceNumber": "4",
        "media": {"track": "inbound", "chunk": "3", "timestamp": "40", "payload": "YWJj"},
    }
