"""The template that tells Gemma 3 of tools, and vLLM's parser of what the model writes then."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from transformers.utils.chat_template_utils import render_jinja_template

ROOT = Path(__file__).parents[2]
LLM = yaml.safe_load((ROOT / "configs/gpu.yaml").read_text())["applications"][0]["args"]["llm"]
TEMPLATE = ROOT / LLM["engine_kwargs"]["chat_template"]
WEATHER: dict[str, Any] = {
    "name": "weather",
    "description": "Now, in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
PROMPT = {"role": "system", "content": "You are Sam."}
ASKED = {"role": "user", "content": "What is the weather in Zürich?"}
ARGUMENTS: dict[str, Any] = {
    "city": 'Zürich\'s "old" town, [all] of it (now)',
    "days": [1, 2.5],
    "units": {"metric": True, "wind": None},
}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "12 degrees"}


def calling(**arguments: Any) -> dict[str, Any]:
    function = {"name": "weather", "arguments": arguments}
    call = {"id": "c1", "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def rendered(*messages: dict[str, Any], template: Path = TEMPLATE, **names: Any) -> str:
    """As transformers, and so vLLM, renders it; the model is to go on."""
    texts, _ = render_jinja_template(
        conversations=[list(messages)],
        chat_template=template.read_text(),
        add_generation_prompt=True,
        bos_token="<bos>",
        **names,
    )
    return texts[0]


def test_without_tools_it_is_gemmas_own() -> None:
    said = [PROMPT, ASKED, {"role": "assistant", "content": "Sunny. "}, ASKED]
    own = ROOT / "tests/data/gemma3_chat_template.jinja"
    for messages in (said, said[1:], said[:2]):
        assert rendered(*messages) == rendered(*messages, template=own)


def test_tools_stand_in_the_first_turn_behind_the_prompt() -> None:
    text = rendered(PROMPT, ASKED, tools=[{"type": "function", "function": WEATHER}])
    before, told, after = text.partition(json.dumps(WEATHER))
    assert told, text
    assert before.startswith("<bos><start_of_turn>user\nYou are Sam.\n\nYou have access to")
    assert after == f"\n\n{ASKED['content']}<end_of_turn>\n<start_of_turn>model\n"


def test_a_call_its_result_and_what_the_caller_says_next_are_turns() -> None:
    text = rendered(
        ASKED, calling(city="Zürich", days=2), RESULT, {"role": "user", "content": "Hm"}
    )
    assert text.removeprefix(f"<bos><start_of_turn>user\n{ASKED['content']}<end_of_turn>\n") == (
        "<start_of_turn>model\n[weather(city='Zürich', days=2)]<end_of_turn>\n"
        "<start_of_turn>user\n<tool_response>\n12 degrees\n</tool_response>\nHm<end_of_turn>\n"
        "<start_of_turn>model\n"
    )


def test_what_was_said_before_a_call_shares_its_turn() -> None:
    text = rendered(ASKED, {"role": "assistant", "content": "Let me see."}, calling(), RESULT)
    assert "model\nLet me see.\n[weather()]<end_of_turn>\n<start_of_turn>user\n<tool" in text


@pytest.fixture(scope="module")
def written() -> list[str]:
    """What a model writes that does as the template shows it, and what is no call."""
    text = rendered(ASKED, calling(**ARGUMENTS), RESULT)
    [_, turn] = text.split("<start_of_turn>model\n")[:2]
    call = turn.partition("<end_of_turn>")[0]
    return [call, f"{call[:-1]}, time()]", "It is sunny.", "[1] is a footnote."]


def test_vllms_parser_reads_it_whole_and_as_it_comes(written: list[str]) -> None:
    reader = Path(__file__).with_name("parse_calls.py")
    done = subprocess.run(
        [sys.executable, str(reader), LLM["engine_kwargs"]["tool_call_parser"]],
        input=json.dumps(written),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    weather, time = ["weather", ARGUMENTS], ["time", {}]
    expected = [[weather], [weather, time], [], []]
    for readings, calls in zip(json.loads(done.stdout.splitlines()[-1]), expected, strict=True):
        for found in readings:
            assert [[name, json.loads(arguments)] for name, arguments in found] == calls
