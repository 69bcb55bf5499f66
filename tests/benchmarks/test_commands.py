import json
from pathlib import Path

import pytest

from benchmarks.__main__ import main, options
from benchmarks.calling import Answer
from benchmarks.calls import answered, crossed
from benchmarks.elsewhere import Elsewhere
from benchmarks.prefix import conversation
from benchmarks.recordings import CLIPS, HUMAN_SHORT, clips, questions, short_questions
from benchmarks.running_stack import START_LINES, RunningStack
from benchmarks.transcript import utterances
from loadtest.script import Turn


def test_every_command_takes_a_running_stack_or_a_config():
    for name in ("words", "first-audio", "calls", "memory", "footprint"):
        given = options([name, "--url", "http://127.0.0.1:8000", "--json"])
        assert given.json and given.url and given.config.is_file()
    assert options(["memory"]).config.name == "scripted.yaml"
    assert options(["calls"]).config.name == "serve_config.yaml"


@pytest.mark.parametrize("wrong", [["calls", "--calls", "13"], ["calls", "--turns", "0"], []])
def test_what_cannot_be_measured_is_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        options(wrong)
    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_nothing_to_measure_is_said_and_is_not_a_missed_target(capsys: pytest.CaptureFixture[str]):
    assert main(["words", "--url", "http://127.0.0.1:9"]) == 2
    assert "make serve" in capsys.readouterr().err.replace("\n", " ")


def test_each_recording_is_speech_with_words_of_its_own():
    recordings = [*questions(), *clips()]
    assert len({one.words for one in recordings}) == len(recordings) == 17
    assert all(one.utterance.voiced_until > 4_000 for one in recordings)
    assert short_questions()[-1].name == HUMAN_SHORT
    on_record = json.loads((CLIPS / "transcripts.json").read_text())
    assert {f"{one.name}.wav" for one in clips()} == set(on_record)


def test_no_question_is_spoken_in_the_agents_voice():
    spoken = json.loads(Path("benchmarks/data/questions.json").read_text())
    assert "af_heart" not in {said["voice"] for said in spoken.values()}


def answer(number: int, transcript: str | None, reply: str | None = "Yes.") -> Answer:
    asked = questions()
    sound = asked[number]
    turn = Turn(1, transcript, reply, 900.0 if reply else None, {}, [])
    return Answer(sound, turn, None, 1)  # pyright: ignore[reportArgumentType]


def test_another_callers_words_are_seen():
    asked = questions()[:3]
    own = [answer(n, asked[n].words.lower()) for n in range(3)]
    assert crossed(own, asked) == 0
    swapped = [answer(0, asked[2].words), answer(1, asked[1].words), answer(2, asked[0].words)]
    assert crossed(swapped, asked) == 2


def test_a_turn_without_transcript_or_reply_is_not_answered():
    assert answered([answer(0, "What?"), answer(1, ""), answer(2, "What?", None)]) == 1


def test_times_of_parts_are_read_from_what_make_serve_prints():
    printed = (
        "ray             done                                                  3.1 s\n"
        "language model  ready                                                41.0 s\n"
        "ready           http://127.0.0.1:1/health says ready, through haproxy  42.5 s\n"
        "\nParley is ready. Try it from another terminal: make call\n"
    )
    assert START_LINES.findall(printed) == [
        ("ray", "3.1"),
        ("language model", "41.0"),
        ("ready", "42.5"),
    ]


def test_a_stack_elsewhere_has_no_processes_and_no_load_beside_it():
    stack = RunningStack("http://example.invalid", None)
    assert stack.processes() == [] and stack.replicas("Ingress") == []
    assert Elsewhere(stack.processes()).notes() == []


def test_conversations_share_no_prefix_but_their_own():
    first, second = conversation(1), conversation(2)
    assert first[0].text[:6] != second[0].text[:6]
    assert [one.role for one in first[1:3]] == ["user", "assistant"] and first[-1].role != "user"


def test_a_config_without_vllm_has_no_prefix_cache(capsys: pytest.CaptureFixture[str]):
    assert main(["prefix", "--config", "configs/scripted.yaml"]) == 2
    assert "runs no vLLM" in capsys.readouterr().err


def test_a_config_without_whisper_has_no_short_window(capsys: pytest.CaptureFixture[str]):
    assert main(["transcript", "--config", "configs/scripted.yaml"]) == 2
    assert "runs no Whisper" in capsys.readouterr().err


def test_utterances_are_the_clips_their_pieces_and_the_questions():
    said = utterances()
    kinds = [one.kind for one in said]
    assert [kinds.count(kind) for kind in ("as recorded", "in noise", "quiet")] == [17] * 3
    clip = {one.words for one in clips()}
    pieces = [one for one in said if one.kind == "pieces"]
    assert len(pieces) > 50 and all(any(one.words in text for text in clip) for one in pieces)
    assert all(len(one.samples) > 8_000 * 0.6 for one in said)
