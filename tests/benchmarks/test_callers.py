"""The side-by-side's callers: first with time handed in, then against a server of known latency."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from websockets.asyncio.server import ServerConnection, serve

from audio import mulaw
from benchmarks.peers.caller import FRAME_S, LEAD_S, Caller, Plan, Said, said_from
from benchmarks.peers.callers import hold_calls
from benchmarks.recordings import DATA
from benchmarks.side_by_side_rows import SAID

VOICE = base64.b64encode(bytes([0x10]) * mulaw.FRAME_BYTES)
SHORT = Said((VOICE,) * 3, FRAME_S)
LOUD, SILENT = bytes([0x10]), bytes([mulaw.SILENCE])


def media(codes: bytes) -> bytes:
    payload = base64.b64encode(codes).decode()
    return json.dumps({"event": "media", "media": {"payload": payload}}).encode()


def mark(name: str) -> bytes:
    return json.dumps({"event": "mark", "mark": {"name": name}}).encode()


class Telephone:
    """A caller whose time is ours."""

    def __init__(self, plan: Plan) -> None:
        self.sent: list[dict[str, object]] = []
        self.caller = Caller(plan, lambda frame: self.sent.append(payload_of(frame)))
        self.now = 0.0
        self.caller.start(self.now)

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds / FRAME_S)):
            self.now += FRAME_S
            self.caller.tick(self.now)

    def hear(self, message: bytes) -> None:
        self.caller.hear(message, self.now)

    def speak_once(self) -> None:
        """Until the first utterance is over."""
        self.wait(LEAD_S + FRAME_S * 3)
        assert self.caller.turns[-1].spoke_until is not None

    def marks(self) -> list[object]:
        return [one["mark"] for one in self.sent if one["event"] == "mark"]


def payload_of(frame: bytes) -> dict[str, object]:
    length = frame[1] & 0x7F
    return json.loads(frame[8 if length == 126 else 6 :])


def test_first_audio_is_the_first_audible_sample_that_plays_not_the_first_packet() -> None:
    phone = Telephone(Plan((SHORT,), 1))
    phone.speak_once()
    phone.wait(0.5)
    phone.hear(media(SILENT * 800 + LOUD * 800))
    turn = phone.caller.turns[0]
    assert turn.answered == pytest.approx(phone.now + 0.1)


def test_sound_that_waits_in_the_buffer_is_heard_when_it_plays() -> None:
    phone = Telephone(Plan((SHORT,), 1))
    phone.speak_once()
    phone.hear(media(SILENT * 8_000))
    phone.hear(media(LOUD * 160))
    assert phone.caller.turns[0].answered == pytest.approx(phone.now + 1.0)


def test_marks_come_back_when_what_is_before_them_has_played() -> None:
    phone = Telephone(Plan((SHORT,), 1))
    phone.speak_once()
    phone.hear(media(LOUD * 800))
    phone.hear(mark("a"))
    phone.wait(0.06)
    assert phone.marks() == []
    phone.wait(0.06)
    assert phone.marks() == [{"name": "a"}]


def test_clear_stops_the_sound_and_brings_back_every_mark() -> None:
    phone = Telephone(Plan((SHORT,), 2, barge_after_s=(0.5,)))
    phone.speak_once()
    phone.hear(media(LOUD * 16_000))
    phone.hear(mark("a"))
    phone.wait(0.6)
    phone.hear(b'{"event":"clear"}')
    assert phone.marks() == [{"name": "a"}]
    first, second = phone.caller.turns
    assert second.cleared == phone.now
    assert first.heard_s == pytest.approx(0.6)
    phone.wait(1.0)
    assert first.heard_s == pytest.approx(0.6)


def test_an_answer_that_does_not_come_ends_the_wait() -> None:
    phone = Telephone(Plan((SHORT,), 1))
    phone.wait(30)
    assert phone.caller.done
    assert phone.caller.turns[0].answered is None


def test_a_call_says_as_much_as_planned_each_after_the_answer_is_over() -> None:
    phone = Telephone(Plan((SHORT,), 3, gap_s=0.2))
    spoke: list[float] = []
    while not phone.caller.done:
        phone.wait(FRAME_S)
        turns = phone.caller.turns
        if turns and turns[-1].spoke_until and turns[-1].answered is None:
            spoke.append(phone.now)
            phone.hear(media(LOUD * 4_000))
    assert len(spoke) == 3
    assert all(later - sooner > 0.7 for sooner, later in pairwise(spoke))


@pytest.mark.parametrize("name", SAID)
def test_what_is_said_begins_and_ends_in_voice(name: str) -> None:
    said = said_from(DATA / name)
    assert 0 < said.last_voiced_s <= FRAME_S
    assert 1 < len(said.frames) * FRAME_S < 3


@asynccontextmanager
async def answering(after_s: float) -> AsyncIterator[str]:
    """A bot that answers so long after the third frame of voice has begun to come."""

    async def answer(socket: ServerConnection) -> None:
        voiced = 0
        async for message in socket:
            voiced += json.loads(message).get("media", {}).get("payload") == VOICE.decode()
            if voiced == 3:
                voiced = 0
                await asyncio.sleep(after_s)
                await socket.send(media(LOUD * 800).decode())

    async with serve(answer, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws"


async def test_many_calls_at_once_are_each_measured() -> None:
    async with answering(0.2) as url:
        held = await hold_calls(url, Plan((SHORT,), 2, gap_s=0.1), 5, 0.1)
    waits = held.waits_ms(skip=0)
    assert len(waits) == 10
    assert held.faults == ()
    # The last frame's sound is on the line for the 20 ms after its sending.
    assert all(180 - 1 <= wait < float("inf") for wait in waits)


async def test_calls_stay_open_until_all_are_done_with_talking() -> None:
    looked: list[bool] = []

    async def look() -> None:
        looked.append(True)

    async with answering(0) as url:
        held = await hold_calls(url, Plan((SHORT,), 1, gap_s=0.1), 2, 0, while_open=look)
    assert looked == [True]
    assert held.faults == ()


async def test_a_server_that_is_not_there_is_a_fault_and_its_turns_are_unanswered() -> None:
    async with answering(0) as url:
        pass
    held = await hold_calls(url, Plan((SHORT,), 2), 1, 0)
    assert len(held.faults) == 1
    assert held.waits_ms(skip=0) == [float("inf")] * 2
