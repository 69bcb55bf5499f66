"""The Realtime caller: what it sends, how it measures, and that it behaves when it interrupts."""

import asyncio
import base64
import json
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio import mulaw
from loadtest.__main__ import main
from loadtest.noticed import Noticed, Record
from loadtest.realtime_wire import RealtimeWire
from loadtest.step import Load, Step, hold_calls
from loadtest.talking import Habits
from tests.loadtest.answering import voice
from tests.loadtest.answering_realtime import RealtimeAnswering, realtime_server
from tests.loadtest.test_call import wav  # noqa: F401 (a fixture)

pytestmark = pytest.mark.timed

PHRASE_MS = 500


async def called(url: str, *arguments: object) -> int:
    """The command's exit code, four times as fast as real time."""
    given = ["call", "--protocol", "realtime", "--url", url, *map(str, arguments)]
    return await asyncio.to_thread(main, given, pace=0.25)


async def test_two_turns_for_programs(
    wav: Path,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    how = RealtimeAnswering(key="sk-mine")
    monkeypatch.setenv("THE_KEY", "sk-mine")
    async with realtime_server(how) as url:
        code = await called(
            url, "--wav", wav, "--turns", 2, "--json", "--out", tmp_path, "--agent", "sales",
            "--api-key-env", "THE_KEY",
        )  # fmt: skip
    turns = [json.loads(told) for told in capsys.readouterr().out.splitlines()]
    assert code == 0 and [turn["turn"] for turn in turns] == [1, 2]
    for turn in turns:
        assert turn["transcript"] == "hello there"
        assert turn["reply"] == "0. 1."
        assert turn["first_audio_ms"] >= 200  # the server waits for ten silent frames
        assert turn["stages_ms"] == {"endpoint": 200.0, "first_audio": 250.0}
        assert turn["errors"] == [] and not turn["cut_off"]
    heard, rate_hz = soundfile.read(turns[0]["heard_wav"], dtype="int16")
    assert rate_hz == 8_000
    loud = np.count_nonzero(np.abs(heard.astype(int)) > 100)
    assert loud == pytest.approx(2 * 2 * 4_000, rel=0.02)  # two replies of two phrases
    assert how.path == "/v1/realtime?model=sales"


async def test_the_session_asks_for_transcripts_and_for_parleys_own_events(
    wav: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    how = RealtimeAnswering()
    async with realtime_server(how) as url:
        assert await called(url, "--wav", wav, "--out", tmp_path) == 0
    first = how.received[0]
    assert first["type"] == "session.update"
    assert first["session"]["parley"] == {"events": True}
    assert first["session"]["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24_000}
    said = b"".join(base64.b64decode(one["audio"]) for one in how.events(APPEND))
    samples = np.frombuffer(said, "<i2")
    assert np.count_nonzero(np.abs(samples) > 100) == pytest.approx(0.4 * 24_000, rel=0.05)


APPEND = "input_audio_buffer.append"


async def test_a_barge_in_drops_the_rest_and_says_what_was_heard(
    wav: Path,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    phrases = 40  # longer than a machine stands still: the rest is there to be dropped
    how = RealtimeAnswering(phrases)
    async with realtime_server(how) as url:
        code = await called(
            url, "--wav", wav, "--turns", 2, "--barge-in-after", 600, "--json", "--out", tmp_path
        )
    first, second = (json.loads(told) for told in capsys.readouterr().out.splitlines())
    assert code == 0, (first, second)
    assert first["cut_off"] and first["reply"] == "heard of it"  # the server's own word for it
    assert not second["cut_off"] and second["reply"].split() == [f"{n}." for n in range(phrases)]
    (truncate,) = how.events("conversation.item.truncate")
    (retrieve,) = how.events("conversation.item.retrieve")
    assert truncate["content_index"] == 0 and retrieve["item_id"] == truncate["item_id"]
    # 600 ms of the reply, 100 ms of silence before the utterance's voice, and the way.
    assert 700 <= truncate["audio_end_ms"] < phrases * PHRASE_MS


async def test_an_utterance_of_two_items_is_one_turn(
    wav: Path,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with realtime_server(RealtimeAnswering(split=True)) as url:
        assert await called(url, "--wav", wav, "--json", "--out", tmp_path) == 0
    assert json.loads(capsys.readouterr().out)["transcript"] == "well hello there"


@pytest.mark.parametrize(
    ("how", "why"),
    [
        (RealtimeAnswering(outcome="empty"), "the agent understood nothing"),
        (RealtimeAnswering(outcome="failed"), "the agent could not answer"),
        (RealtimeAnswering(odd_messages=[b"sound"]), "binary"),
        (RealtimeAnswering(odd_messages=["no json"]), "no client would take"),
        (
            RealtimeAnswering(odd_messages=['{"type":"error","error":{"message":"no"}}']),
            "error: no",
        ),
        (RealtimeAnswering(odd_messages=['{"type":"response.output_audio.delta"}']), "KeyError"),
        (RealtimeAnswering(key="another"), "--api-key-env NAME"),
    ],
    ids=["empty", "failed", "binary", "no json", "error", "malformed", "refused"],
)
async def test_what_goes_wrong_is_told(
    wav: Path,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    how: RealtimeAnswering,
    why: str,
) -> None:
    async with realtime_server(how) as url:
        assert await called(url, "--wav", wav, "--out", tmp_path, "--timeout-s", 5) == 1
    told = capsys.readouterr()
    assert why in told.out + told.err


async def test_a_run_speaks_realtime() -> None:
    how, records = RealtimeAnswering(), list[Record]()
    habits = Habits((voice(),), think_ms=100, barge_in_rate=0.5, timeout_s=5)
    async with realtime_server(how) as url:
        step = Step(calls=2, ramp_s=0.05, duration_s=4.0, begins_s=time.monotonic())
        load = Load(url, [], protocol="realtime", pace=0.25)
        await hold_calls(load, habits, step, range(2), records.append)
    noticed = [one for one in records if isinstance(one, Noticed)]
    assert {one.call for one in noticed} == {0, 1}
    # None where the tester itself was late, and its barge-in lay before the answer on its line.
    told = [one.first_audio_ms for one in noticed if one.first_audio_ms is not None]
    assert told and min(told) >= 200
    assert any(one.barged for one in noticed)


@pytest.mark.parametrize(
    "given",
    [
        ["--protocol", "realtime", "--auth-token-env", "X"],
        ["--protocol", "realtime", "--param", "a=b"],
        ["--api-key-env", "X"],
    ],
)
def test_options_of_the_other_protocol_are_refused(
    given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["call", *given])
    assert "is not for --protocol" in capsys.readouterr().err


def delta(item: str, seconds: float) -> str:
    sound = np.full(round(seconds * 24_000), 9_000, "<i2")
    return json.dumps(
        {"type": "response.output_audio.delta", "item_id": item,
         "delta": base64.b64encode(sound.tobytes()).decode()}
    )  # fmt: skip


STARTED = '{"type":"input_audio_buffer.speech_started","item_id":"u2"}'


def test_what_arrives_after_it_was_cut_is_not_played() -> None:
    wire = RealtimeWire()
    wire.received(delta("a", 1.0), 0)
    (sent,) = wire.received(STARTED, 4_000)
    assert json.loads(sent)["audio_end_ms"] == 500
    wire.received(delta("a", 1.0), 4_100)
    assert wire.ear.playout.buffered(4_100) == 0
    wire.received(delta("b", 1.0), 6_000)
    assert wire.ear.playout.buffered(6_000) == pytest.approx(8_000, abs=32)
    assert not wire.ear.faults


def test_a_reply_that_was_heard_out_is_not_cut() -> None:
    wire = RealtimeWire()
    wire.received(delta("a", 0.5), 0)
    wire.received('{"type":"response.output_audio.done","item_id":"a"}', 100)
    assert wire.ear.playout.end == 4_000
    assert wire.received(STARTED, 4_001) == []
    assert wire.ear.cleared == []


def test_a_gap_in_the_sound_was_not_heard() -> None:
    wire = RealtimeWire()
    wire.received(delta("a", 0.5), 0)
    wire.received(delta("a", 0.5), 8_000)
    (sent,) = wire.received(STARTED, 10_000)
    assert json.loads(sent)["audio_end_ms"] == pytest.approx(750, abs=5)
    heard = wire.ear.playout.heard(0, 4_000)
    assert np.array_equal(heard[:3_900], mulaw.decode(mulaw.encode(heard))[:3_900])
