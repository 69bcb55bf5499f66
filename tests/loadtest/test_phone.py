import base64
import time

import numpy as np
import pytest

from audio import mulaw
from loadtest.media_streams import Start
from loadtest.phone import CallEnded, dial
from tests.loadtest.answering import TONE, Answering, media_server, voice

PACES = pytest.mark.parametrize("pace", [0.0, 0.2])


@PACES
async def test_frames_are_twilios(pace: float) -> None:
    how = Answering()
    start = Start(parameters={"name": "Ada"})
    async with media_server(how) as url, dial(url, start, pace=pace) as phone:
        spoken = await phone.say(voice())
        phone.send(phone.wire.pressed("5"))
        await phone.passed(spoken.voiced_until + 8_000)
    await how.ended.wait()
    assert how.received[0] == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    assert how.received[1]["start"]["customParameters"] == {"name": "Ada"}
    assert how.received[1]["start"]["callSid"] == start.call_sid
    assert how.received[-1]["event"] == "stop"
    numbers = [int(frame["sequenceNumber"]) for frame in how.received[1:]]
    assert numbers == list(range(1, len(numbers) + 1))
    assert how.events("dtmf")[0]["dtmf"] == {"track": "inbound_track", "digit": "5"}
    media = [frame["media"] for frame in how.events("media")]
    assert [int(frame["chunk"]) for frame in media] == list(range(1, len(media) + 1))
    assert [int(frame["timestamp"]) for frame in media] == [20 * k for k in range(len(media))]
    said = b"".join(base64.b64decode(frame["payload"]) for frame in media)
    assert said[spoken.begins :].startswith(voice().payload)
    assert set(said[: spoken.begins] + said[spoken.begins + len(voice().payload) :]) == {0xFF}


@PACES
async def test_a_reply_is_heard_and_its_marks_come_back(pace: float) -> None:
    how = Answering()
    async with media_server(how) as url, dial(url, Start(), pace=pace) as phone:
        spoken = await phone.say(voice())
        begins = await phone.audible(after=spoken.voiced_until)
        transcript = await phone.text("transcript", since=spoken.begins)
        turn = await phone.text("turn")
        await phone.silent(300)
        heard = phone.heard()
    assert transcript["text"] == "hello there"
    assert turn["outcome"] == "answered"
    assert phone.wire.marks == ["1.0.0", "1.0.1"]
    assert [frame["mark"]["name"] for frame in how.events("mark")] == phone.wire.marks
    tone = mulaw.decode(mulaw.encode(TONE))
    assert np.array_equal(heard[heard != 0][:100], tone[tone != 0][:100])
    assert np.count_nonzero(heard) == 2 * np.count_nonzero(tone)
    assert begins >= spoken.voiced_until + 10 * 160  # the server waits for ten frames
    assert phone.faults == []


async def test_barge_in_clears_and_brings_back_all_marks() -> None:
    how = Answering(replies=("One.", "Two.", "Three.", "Four."))
    async with media_server(how) as url, dial(url, Start(), pace=0.2) as phone:
        spoken = await phone.say(voice())
        begins = await phone.audible(after=spoken.voiced_until)
        await phone.passed(begins + 800)
        again = await phone.say(voice())
        await phone.until(lambda: phone.clears or None)
        assert phone.playout.buffered(phone.now) < phone.now
        await phone.audible(after=again.voiced_until)
        first = [frame["mark"]["name"] for frame in how.events("mark")][:4]
        assert first == ["1.0.0", "1.0.1", "1.0.2", "1.0.3"]
        assert phone.texts_of("turn")[0]["outcome"] == "interrupted"


async def test_the_server_ends_the_call() -> None:
    how = Answering(close_after=20)
    async with media_server(how) as url, dial(url, Start(), pace=0) as phone:
        with pytest.raises(CallEnded, match="1013 full"):
            await phone.text("transcript")
        ended = await phone.ended()
    assert (ended.code, ended.reason) == (1013, "full")


async def test_the_caller_vanishes() -> None:
    how = Answering()
    with pytest.raises(CallEnded, match="1006"):
        async with media_server(how) as url, dial(url, Start(), pace=0) as phone:
            await phone.say(voice())
            phone.drop()
            await phone.text("turn", since=10**9)
    assert not how.events("stop")


@pytest.mark.parametrize(
    "odd",
    [
        "no json",
        '{"event": "media", "media": {"payload": "AAAA"}}',
        '{"event": "clear", "streamSid": "MZ0"}',
        "[]",
    ],
)
async def test_what_twilio_would_refuse_is_a_fault(odd: str) -> None:
    async with (
        media_server(Answering(odd_frames=[odd])) as url,
        dial(url, Start(), pace=0) as phone,
    ):
        fault = await phone.until(lambda: next(iter(phone.faults), None))
    assert fault.startswith("Twilio would refuse") and odd in fault


async def test_silence_goes_on_for_ever() -> None:
    how = Answering()
    async with media_server(how) as url, dial(url, Start(), pace=0.05) as phone:
        await phone.passed(20_000)
        await phone.until(lambda: True if len(how.events("media")) > 100 else None)


async def test_the_caller_knows_when_it_was_late_itself() -> None:
    async with media_server(Answering()) as url, dial(url, Start()) as phone:
        await phone.passed(800)
        time.sleep(0.1)  # noqa: ASYNC251 (the machine is busy elsewhere)
        await phone.until(lambda: phone.late_frames or None)
    assert phone.latest_ms > 20
