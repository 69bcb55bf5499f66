"""What `model` decides in a chat: whose sampling holds, and whether tools may be offered."""

import openai
import pytest

from tests.ingress.rest.app import served, strict

HELLO = [{"role": "user", "content": "Hello."}]
SAMPLING = ("max_tokens", "temperature", "top_p", "frequency_penalty", "presence_penalty", "stop")
TERSE = {"max_tokens": 64, "temperature": 0, "stop": ["\n"]}
AGENTS = {
    "default": {"prompt": "Be brief.", "sampling": TERSE},
    "warm": {"prompt": "Be kind.", "sampling": {"temperature": 1.2, "presence_penalty": 0.5}},
}
ALL_OF_TERSE = TERSE | {"top_p": 1.0, "frequency_penalty": 0, "presence_penalty": 0}
ALL_OF_WARM = {
    "max_tokens": 256,
    "temperature": 1.2,
    "top_p": 1.0,
    "frequency_penalty": 0,
    "presence_penalty": 0.5,
}


@pytest.mark.parametrize(
    ("model", "given", "sampling"),
    [
        ("default", {}, ALL_OF_TERSE),
        ("warm", {}, ALL_OF_WARM),
        ("gpt-4.1", {}, ALL_OF_TERSE),
        ("scripted-language-model", {}, {}),
        ("scripted-language-model", {"temperature": 0.3}, {"temperature": 0.3}),
        (
            "default",
            {"temperature": 2, "stop": ["."], "max_tokens": 5},
            ALL_OF_TERSE | {"temperature": 2, "stop": ["."], "max_tokens": 5},
        ),
        ("default", {"max_tokens": None, "stop": None}, ALL_OF_TERSE),
    ],
)
def test_what_the_client_leaves_out_the_agent_decides(model, given, sampling):
    with served(agents=AGENTS) as (client, engines):
        strict(client).chat.completions.create(model=model, messages=HELLO, **given)
        body, _ = engines.asked[-1]
        assert {name: body[name] for name in SAMPLING if name in body} == sampling


def test_a_length_by_its_newer_name_is_the_clients_own():
    with served(agents=AGENTS) as (client, engines):
        chat = strict(client).chat.completions
        chat.create(model="default", messages=HELLO, max_completion_tokens=7)
        body, _ = engines.asked[-1]
        assert body["max_completion_tokens"] == 7 and "max_tokens" not in body


@pytest.mark.parametrize("stream", [False, True])
def test_tools_are_refused_where_the_model_cannot_call_them(stream):
    tools = [{"type": "function", "function": {"name": "get_weather", "parameters": {}}}]
    with served(llm={"engine": "scripted"}) as (client, engines):
        chat = strict(client).chat.completions
        with pytest.raises(openai.BadRequestError, match="cannot call tools") as caught:
            chat.create(model="default", messages=HELLO, tools=tools, stream=stream)
        assert (caught.value.code, caught.value.param) == ("tools_not_supported", "tools")
        assert not engines.asked
        assert client.post(
            "/v1/chat/completions", json={"model": "m", "messages": HELLO, "tools": []}
        ).is_success
