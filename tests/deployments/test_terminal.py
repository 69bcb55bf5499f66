"""What is printed at the terminal is true of the config that is served."""

import pytest

from configs.schema import Stack
from deployments.terminal import Terminal, ready_lines

SCRIPTED = {
    "stt": {"engine": "scripted", "transcripts": ["Hello."]},
    "llm": {"engine": "scripted", "replies": ["Hello."]},
    "tts": {"engine": "scripted"},
    "agents": {"default": {"prompt": "Be brief."}},
}
KEYS = {"api": {"keys_env": "ANY"}}
TOKEN = {"twilio": {"public_url": "https://a.example", "auth_token_env": "ANY"}}


@pytest.mark.parametrize(
    ("host", "sections", "told"),
    [
        ("127.0.0.1", {}, ("browser: [bold]http://127.0.0.1:8000/", "/v1 ", "/twilio/voice ")),
        ("127.0.0.1", KEYS | TOKEN, ("browser", "API keys asked for", "signatures checked")),
        ("0.0.0.0", TOKEN, ("OpenAI      not served", "signatures checked", "localhost:8000")),
        ("0.0.0.0", KEYS, ("browser: [bold]http://localhost:8000/", "Twilio      not served")),
    ],
)
def test_how_to_reach_a_stack_beyond_and_on_loopback(host, sections, told):
    stack = Stack.model_validate(SCRIPTED | sections)
    printed = ready_lines(host, 8000, "http://127.0.0.1:1", stack)
    assert all(line in printed for line in told), printed
    assert ("browser" in printed) == ("OpenAI      not served" not in printed)


def test_a_stage_that_is_left_behind_prints_no_more(capsys):
    terminal = Terminal()
    with terminal.doing("ray", "starting"):
        terminal.leave()
    terminal.say("Parley is ready.")
    assert capsys.readouterr().out == ""


def test_each_stage_has_one_line(capsys):
    with Terminal().doing("serve", "starting") as note:
        note("HAProxy")
    (line,) = capsys.readouterr().out.splitlines()
    assert line.split()[:2] == ["serve", "HAProxy"] and line.endswith(" s")
