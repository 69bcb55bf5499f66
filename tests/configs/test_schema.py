"""Every mistake in a configuration is an error that names its path."""

from typing import Any

import pytest
from pydantic import ValidationError

from configs.agents import Agent, Sampling
from configs.schema import OpenAI, Stack, Vllm, can_call_tools

SCRIPTED: dict[str, Any] = {
    "stt": {"engine": "scripted"},
    "llm": {"engine": "scripted"},
    "tts": {"engine": "scripted"},
    "agents": {"default": {"prompt": "You are Sam."}},
}


def paths(args: dict[str, Any]) -> list[str]:
    """Where the errors of `args` are."""
    with pytest.raises(ValidationError) as caught:
        Stack.model_validate(args)
    return [".".join(map(str, error["loc"])) for error in caught.value.errors()]


def with_agent(**fields: Any) -> dict[str, Any]:
    return SCRIPTED | {"agents": {"default": {"prompt": "You are Sam."} | fields}}


def test_the_smallest_configuration_is_enough() -> None:
    stack = Stack.model_validate(SCRIPTED)
    assert stack.agents["default"].sampling == Sampling(max_tokens=256, temperature=0.7)
    assert stack.agents["default"].limits.request_timeout_s == 30
    assert stack.agents["default"].limits.streaming_timeout_s == 60


@pytest.mark.parametrize(
    ("args", "path"),
    [
        (SCRIPTED | {"lissening": {}}, "lissening"),
        (SCRIPTED | {"listening": {"silence": 500}}, "listening.silence"),
        (SCRIPTED | {"stt": {"engine": "whisper"}}, "stt.whisper.model"),
        (
            SCRIPTED | {"stt": {"engine": "whisper", "model": "x", "thread": 1}},
            "stt.whisper.thread",
        ),
        (SCRIPTED | {"llm": {"engine": "llama"}}, "llm"),
        (
            SCRIPTED | {"llm": {"engine": "openai", "model": "m", "base_url": "nowhere"}},
            "llm.openai.base_url",
        ),
        (with_agent(sampling={"temprature": 1}), "agents.default.sampling.temprature"),
        (with_agent(limits={"retries": -1}), "agents.default.limits.retries"),
        (with_agent(prompt=""), "agents.default.prompt"),
        (with_agent(fallback_lines=["Sorry?", " "]), "agents.default.fallback_lines"),
        (with_agent(fallback_lines=[]), "agents.default.fallback_lines"),
        (SCRIPTED | {"ingress": {"max_calls": 0}}, "ingress.max_calls"),
    ],
)
def test_a_mistake_names_its_path(args: dict[str, Any], path: str) -> None:
    assert paths(args) == [path]


@pytest.mark.parametrize(
    ("field", "least", "most", "below", "above"),
    [
        ("max_tokens", 1, 8_192, 0, 8_193),
        ("temperature", 0, 2, -0.01, 2.01),
        ("top_p", 0.01, 1, 0, 1.01),
        ("frequency_penalty", -2, 2, -2.01, 2.01),
        ("presence_penalty", -2, 2, -2.01, 2.01),
    ],
)
def test_sampling_has_the_bounds_of_openai(
    field: str, least: float, most: float, below: float, above: float
) -> None:
    for value in (least, most):
        assert getattr(Sampling.model_validate({field: value}), field) == value
    for value in (below, above):
        assert paths(with_agent(sampling={field: value})) == [f"agents.default.sampling.{field}"]


def test_falsy_values_are_kept() -> None:
    sampling = Sampling.model_validate({"temperature": 0, "stop": [], "stream": False})
    assert (sampling.temperature, sampling.stop, sampling.stream) == (0, (), False)


def test_five_stop_sequences_are_too_many() -> None:
    assert paths(with_agent(sampling={"stop": list("abcde")})) == ["agents.default.sampling.stop"]


@pytest.mark.parametrize("field", ["default_agent", "agent_by_number"])
def test_an_agent_that_is_named_must_exist(field: str) -> None:
    value = "sales" if field == "default_agent" else {"+4930123456": "sales"}
    with pytest.raises(ValidationError, match="no agent named 'sales'; agents: has default"):
        Stack.model_validate(SCRIPTED | {field: value})


def test_engines_are_told_apart() -> None:
    vllm = {"engine": "vllm", "model": "google/gemma-3-27b-it"}
    openai = {"engine": "openai", "model": "m", "base_url": "http://127.0.0.1:1/v1"}
    assert isinstance(Stack.model_validate(SCRIPTED | {"llm": vllm}).llm, Vllm)
    assert isinstance(Stack.model_validate(SCRIPTED | {"llm": openai}).llm, OpenAI)


@pytest.mark.parametrize("field", ["prompt", "greeting"])
def test_a_template_that_cannot_be_filled_is_refused_at_start(field):
    agent = {"prompt": "Be brief.", field: 'Answer as {"a": 1}'}
    with pytest.raises(ValidationError, match=r"write \{\{ for a brace"):
        Agent.model_validate(agent)


ENDPOINT = {"engine": "openai", "base_url": "http://127.0.0.1:1/v1", "model": "m"}
VLLM = {"engine": "vllm", "model": "m"}


@pytest.mark.parametrize(
    ("llm", "can"),
    [
        (VLLM, False),
        (VLLM | {"engine_kwargs": {"tool_call_parser": "pythonic"}}, False),
        (
            VLLM | {"engine_kwargs": {"tool_call_parser": "p", "enable_auto_tool_choice": True}},
            True,
        ),
        (ENDPOINT, True),
        (ENDPOINT | {"tools": False}, False),
        ({"engine": "scripted"}, False),
        ({"engine": "scripted", "replies": ["Hi.", {"tool": "weather"}]}, True),
    ],
)
def test_which_models_can_call_tools(llm: dict[str, Any], can: bool) -> None:
    assert can_call_tools(Stack.model_validate(SCRIPTED | {"llm": llm})) is can


def test_a_scripted_call_without_a_tool_names_its_path() -> None:
    replies = [{"arguments": {}}]
    found = paths(SCRIPTED | {"llm": {"engine": "scripted", "replies": replies}})
    assert "llm.scripted.replies.0.ScriptedToolCall.tool" in found
