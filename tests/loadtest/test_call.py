"""Whole calls of the command, against a stack's face without a stack behind it."""

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from twilio.request_validator import RequestValidator

from audio import mulaw
from loadtest.__main__ import main
from tests.loadtest.answering import Answering, Stack, stack_server

pytestmark = pytest.mark.timed

TOKEN = "12345"


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    """0.4 s of tone between silences, at 16 kHz and in stereo."""
    tone = 8_000 * np.sin(np.arange(6_400) * 2 * np.pi * 440 / 16_000)
    samples = np.concatenate([np.zeros(1_600), tone, np.zeros(1_600)]).astype(np.int16)
    path = tmp_path / "said.wav"
    soundfile.write(path, np.stack([samples, samples], axis=1), 16_000)
    return path


async def called(url: str, *arguments: object) -> int:
    """The command's exit code, four times as fast as real time."""
    return await asyncio.to_thread(main, ["call", "--url", url, *map(str, arguments)], pace=0.25)


async def test_two_turns_for_programs(
    wav: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = Stack(Answering(greeting=True))
    async with stack_server(stack) as url:
        code = await called(
            url, "--wav", wav, "--turns", 2, "--json", "--out", tmp_path / "heard",
            "--agent", "sales", "--param", "name=Ada",
        )  # fmt: skip
    turns = [json.loads(told) for told in capsys.readouterr().out.splitlines()]
    assert code == 0
    assert [turn["turn"] for turn in turns] == [1, 2]
    for turn in turns:
        assert list(turn) == [
            "turn", "transcript", "reply", "first_audio_ms", "stages_ms", "cut_off",
            "heard_wav", "errors",
        ]  # fmt: skip
        assert turn["transcript"] == "hello there"
        assert turn["reply"] == "It is Berlin."
        assert turn["first_audio_ms"] >= 200  # the server waits for ten silent frames
        assert turn["stages_ms"] == {"endpoint": 200.0, "first_audio": 250.0}
        assert turn["errors"] == []
    heard, rate_hz = soundfile.read(turns[0]["heard_wav"], dtype="int16")
    assert rate_hz == 8_000
    assert np.count_nonzero(heard) > 5 * 3_900  # a greeting and two replies of two phrases
    assert stack.query == "name=Ada&agent=sales"
    assert stack.forms[0]["CallSid"] == stack.how.received[1]["start"]["callSid"]
    given = stack.how.received[1]["start"]["customParameters"]
    assert given == {"agent": "default", "parley_events": "1"}


async def test_one_turn_for_people(
    wav: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with stack_server(Stack(Answering())) as url:
        assert await called(url, "--wav", wav, "--out", tmp_path) == 0
    told = capsys.readouterr().out
    for words in (
        "caller  hello there",
        "agent  It is",
        "agent  Berlin.",
        "endpoint 200",
        "heard-CA",
    ):
        assert words in told
    assert "half" not in told


async def test_barge_in(wav: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    how = Answering(replies=("One.", "Two.", "Three.", "Four."))
    async with stack_server(Stack(how)) as url:
        arguments = ["--wav", wav, "--turns", 2, "--barge-in-after", 300, "--json"]
        assert await called(url, *arguments, "--out", tmp_path / "x.wav") == 0
    first, second = [json.loads(told) for told in capsys.readouterr().out.splitlines()]
    assert (first["reply"], first["cut_off"]) == ("One.", True)
    assert (second["reply"], second["cut_off"]) == ("One. Two. Three. Four.", False)
    assert first["first_audio_ms"] is not None and second["first_audio_ms"] is not None
    assert [b for b in how.events("mark")][3]["mark"]["name"] == "1.0.3"
    heard, _ = soundfile.read(tmp_path / "x.wav", dtype="int16")
    assert np.count_nonzero(heard) < 6 * 3_990  # the first reply was cut short


async def test_people_see_that_a_reply_was_cut_off(
    wav: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    how = Answering(replies=("One.", "Two.", "Three.", "Four."))
    async with stack_server(Stack(how)) as url:
        arguments = ["--wav", wav, "--turns", 2, "--barge-in-after", 700, "--out", tmp_path]
        assert await called(url, *arguments) == 0
    said = [line[9:] for line in capsys.readouterr().out.splitlines() if line[2:7] == "agent"]
    assert said == ["One.", "Two. [cut off]", "One.", "Two.", "Three.", "Four."]


async def test_a_server_without_texts_is_still_measured(
    wav: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with stack_server(Stack(Answering(texts=False))) as url:
        assert await called(url, "--wav", wav, "--json", "--out", tmp_path) == 0
    turn = json.loads(capsys.readouterr().out)
    assert turn["transcript"] is None and turn["reply"] is None
    assert turn["first_audio_ms"] >= 200


@pytest.mark.parametrize(
    ("how", "why"),
    [
        (Answering(answers=0), "no answer"),
        (Answering(outcome="failed"), "could not answer"),
        (Answering(outcome="empty"), "understood nothing"),
        (Answering(close_after=40), "closed the call: 1013 full"),
    ],
    ids=["silent", "failed", "empty", "closed"],
)
async def test_an_unanswered_turn_fails(
    wav: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], how: Answering, why: str
) -> None:
    async with stack_server(Stack(how)) as url:
        arguments = ["--wav", wav, "--json", "--timeout-s", 3, "--out", tmp_path]
        assert await called(url, *arguments) == 1
    assert why in json.loads(capsys.readouterr().out)["errors"][0]


async def test_a_signed_call_over_an_address_that_we_cannot_reach(
    wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_TOKEN", TOKEN)
    stack = Stack(Answering(), public_host="parley.invalid")
    async with stack_server(stack) as url:
        arguments = ["--auth-token-env", "TWILIO_TOKEN", "--public-url", "https://parley.invalid/"]
        assert await called(url, "--wav", wav, "--out", tmp_path, *arguments) == 0
    validator = RequestValidator(TOKEN)
    voice = "https://parley.invalid/twilio/voice"
    assert validator.validate(voice, stack.forms[0], stack.voice_headers["x-twilio-signature"])
    signature = stack.how.headers["x-twilio-signature"]
    assert validator.validate("wss://parley.invalid/twilio/media", {}, signature)


@pytest.mark.parametrize(
    ("stack", "why"),
    [
        (
            Stack(Answering(), waiting_for={"whisper": "warming up"}),
            "loading: whisper (warming up)",
        ),
        (Stack(Answering(), busy="All lines are busy."), "the server says: All lines are busy."),
        (Stack(Answering(), status=403), "answered 403"),
    ],
    ids=["loading", "busy", "forbidden"],
)
async def test_a_refused_call_says_why(
    stack: Stack, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with stack_server(stack) as url:
        assert await called(url, "--out", tmp_path) == 1
    assert why in capsys.readouterr().err


def test_nothing_listens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["call", "--url", "http://127.0.0.1:9", "--out", str(tmp_path)]) == 1
    assert "start it with `make serve`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--wav", "missing.wav"], "cannot read missing.wav"),
        (["--wav", __file__], "cannot read"),
        (["--auth-token-env", "NO_SUCH_TOKEN"], "no variable NO_SUCH_TOKEN"),
        (["--out", "/no/such/folder/x.wav"], "no folder /no/such/folder"),
    ],
)
def test_wrong_options_say_what_is_wrong(
    arguments: list[str], why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = arguments if "--out" in arguments else [*arguments, "--out", str(tmp_path)]
    assert main(["call", *given]) == 1
    assert why in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--turns", "0"],
        ["--param", "name"],
        ["--no-such"],
        ["--barge-in-after", "-1"],
        ["--timeout-s", "0"],
        ["--timeout-s", "nan"],
    ],
)
def test_impossible_options_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["call", *arguments])


def test_a_silent_recording_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros(8_000, np.int16), mulaw.RATE_HZ)
    assert main(["call", "--wav", str(tmp_path / "silent.wav"), "--out", str(tmp_path)]) == 1
    assert "nothing is said" in capsys.readouterr().err
