"""What clients send, one event at a time: what it means, and what is refused and how."""

import warnings

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)

from conversation.events import ItemAdded, ItemTruncated, ReplyRequested
from conversation.history import Message
from conversation.tools import ToolCall
from ingress.protocols.inputs import TakeBack
from tests.ingress.realtime.codec_line import Line, message


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ("not json", "not JSON"),
        (b"\x00", "binary"),
        ("[1]", "not a JSON object"),
        ("{}", "type is missing"),
        ('{"type": 7}', "type is missing"),
        ('{"type": "session.explode"}', "session.explode"),
        ('{"type": "session.update", "session": ' + '{"a":' * 500 + "1" + "}" * 501, "nested"),
    ],
)
def test_what_is_no_event_is_told_and_forgiven(raw, says):
    line = Line()
    assert line.raw(raw) == []
    assert says in line.told[0]["error"]["message"]
    assert line.told[0]["error"]["type"] == "invalid_request_error"
    assert line.does("input_audio_buffer.clear") == [TakeBack()]


@pytest.mark.parametrize(
    ("kind", "fields", "code", "param"),
    [
        ("session.update", {}, "missing_required_parameter", "session"),
        ("input_audio_buffer.append", {}, "missing_required_parameter", "audio"),
        ("input_audio_buffer.append", {"audio": 7}, "invalid_value", "audio"),
        ("input_audio_buffer.append", {"audio": "%%"}, "invalid_value", "audio"),
        ("input_audio_buffer.commit", {}, "input_audio_buffer_commit_empty", None),
        ("conversation.item.create", {}, "missing_required_parameter", "item"),
        ("conversation.item.create", {"item": {"type": "image"}}, "invalid_value", "item"),
        (
            "conversation.item.create",
            {"item": {"type": "message", "role": "user"}},
            "missing_required_parameter",
            "item.content",
        ),
        (
            "conversation.item.create",
            {"item": message(), "previous_item_id": "nobody"},
            "item_create_invalid_previous_item_id",
            "previous_item_id",
        ),
        (
            "conversation.item.create",
            {"item": {"type": "function_call_output", "call_id": "c", "output": ""}},
            "invalid_tool_call_id",
            "item.call_id",
        ),
        (
            "conversation.item.create",
            {"item": message(content=[{"type": "input_audio", "audio": "AAAA"}])},
            "invalid_value",
            "item.content",
        ),
        ("conversation.item.delete", {"item_id": "x"}, "item_delete_invalid_item_id", "item_id"),
        (
            "conversation.item.retrieve",
            {"item_id": "x"},
            "item_retrieve_invalid_item_id",
            "item_id",
        ),
        (
            "conversation.item.truncate",
            {"item_id": "x", "content_index": 0, "audio_end_ms": 1},
            "item_truncate_invalid_item_id",
            "item_id",
        ),
        (
            "conversation.item.truncate",
            {"item_id": "x", "content_index": 0},
            "missing_required_parameter",
            "audio_end_ms",
        ),
        ("response.cancel", {}, "response_cancel_not_active", None),
        ("response.cancel", {"response_id": "resp_x"}, "response_cancel_not_active", None),
        (
            "response.create",
            {"response": {"output_modalities": ["audio", "text"]}},
            "invalid_value",
            "response.output_modalities",
        ),
        (
            "response.create",
            {"response": {"metadata": {"a": 1}}},
            "invalid_value",
            "response.metadata.a",
        ),
        (
            "response.create",
            {"response": {"tool_choice": {"type": "mcp", "server": "x"}}},
            "invalid_value",
            "response.tool_choice",
        ),
        (
            "response.create",
            {"response": {"audio": {"output": {"voice": {"name": "x"}}}}},
            "invalid_value",
            "response.audio.output.voice",
        ),
        (
            "response.create",
            {"response": {"max_output_tokens": {}}},
            "invalid_value",
            "response.max_output_tokens",
        ),
        (
            "response.create",
            {"response": {"tools": [{"type": "function"}]}},
            "missing_required_parameter",
            "response.tools.0.name",
        ),
        (
            "response.create",
            {"response": {"input": [{"type": "item_reference", "id": "x"}]}},
            "invalid_value",
            "response.input",
        ),
        (
            "response.create",
            {"response": {"tool_choice": {"type": "function", "name": "f"}}},
            "invalid_value",
            "response.tool_choice",
        ),
        (
            "response.create",
            {"response": {"audio": {"output": {"format": {"type": "audio/pcmu"}}}}},
            "invalid_value",
            "response.audio.output.format",
        ),
    ],
)
def test_what_cannot_be_followed_is_refused(kind, fields, code, param):
    error = Line().refused(kind, event_id="mine", **fields)
    assert (error["code"], error["param"], error["event_id"]) == (code, param, "mine")


@pytest.mark.parametrize(
    ("item", "added", "shown"),
    [
        (message(), Message("user", "hello"), message()["content"]),
        (message(role="system"), Message("system", "hello"), message()["content"]),
        (
            message(role="assistant"),  # as pipecat sends them
            Message("assistant", "hello"),
            [{"type": "output_text", "text": "hello"}],
        ),
        (
            message(role="assistant", status="incomplete"),
            Message("assistant", "hello", cut_off=True),
            [{"type": "output_text", "text": "hello"}],
        ),
        (
            message(content=[{"type": "input_audio", "transcript": "hi"}]),
            Message("user", "hi"),
            [{"type": "input_audio", "transcript": "hi"}],
        ),
        (message(role="assistant", content=[]), Message("assistant", ""), None),
    ],
)
def test_a_message_is_added(item, added, shown):
    line = Line()
    (event,) = line.does("conversation.item.create", item=item)
    kinds = [told["type"] for told in line.told]
    assert event == ItemAdded(added)
    assert kinds == ["conversation.item.added", "conversation.item.done"]
    if shown is not None:
        assert line.told[0]["item"]["content"] == shown
    assert line.told[0]["item"]["id"] == event.message.item
    assert None not in line.told[0]["item"].values()


def test_a_call_and_its_result_are_added():
    line = Line()
    call = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}", "id": "x"}
    result = {"type": "function_call_output", "call_id": "c1", "output": "done"}
    (first,) = line.does("conversation.item.create", item=call)
    (second,) = line.does("conversation.item.create", item=result)
    assert first.message.calls == (ToolCall("c1", "f", "{}"),)
    assert (second.message.role, second.message.call_id) == ("tool", "c1")
    line.does("conversation.item.delete", item_id="x")
    assert line.refused("conversation.item.create", item=result)["code"] == "invalid_tool_call_id"


def test_an_item_id_is_taken_once():
    line = Line()
    line.does("conversation.item.create", item=message(id="mine"))
    error = line.refused("conversation.item.create", item=message(id="mine"))
    assert error["code"] == "item_create_duplicate_item_id"
    line.does("conversation.item.delete", item_id="mine")
    assert line.does("conversation.item.create", item=message(id="mine"))


def test_only_the_agents_messages_are_truncated():
    line = Line()
    line.does("conversation.item.create", item=message(id="u"))
    line.does("conversation.item.create", item=message(id="a", role="assistant"))
    cut = {"content_index": 0, "audio_end_ms": 1_500}
    error = line.refused("conversation.item.truncate", item_id="u", **cut)
    assert error["code"] == "item_truncate_invalid_item_id"
    done = line.does("conversation.item.truncate", item_id="a", **cut)
    assert done == [ItemTruncated("a", 1.5)]
    assert line.told[0]["audio_end_ms"] == 1_500


def test_a_response_is_made_as_it_is_asked_for():
    line = Line(tools=[{"type": "function", "name": "f"}], max_output_tokens=100)
    overrides = {
        "instructions": "Be loud.",
        "max_output_tokens": 7,
        "tool_choice": {"type": "function", "name": "f"},
        "audio": {"output": {"voice": "am_michael"}},
        "output_modalities": None,  # LiveKit sends null for what it leaves
    }
    (asked,) = line.does("response.create", response=overrides)
    wish = asked.wish
    assert isinstance(asked, ReplyRequested)
    assert (wish.instructions, wish.max_tokens, wish.tool_choice) == ("Be loud.", 7, "f")
    assert (wish.voice, wish.spoken, wish.kept) == ("am_michael", True, True)
    assert [tool.name for tool in wish.tools] == ["f"]
    response = line.told[0]["response"]
    assert response["max_output_tokens"] == 7
    assert response["audio"]["output"]["voice"] == "am_michael"


@pytest.mark.parametrize("voice", ["am_michael", {"id": "am_michael"}])
def test_a_response_without_wishes_of_its_own_is_shown_as_the_session_has_it(voice):
    line = Line(max_output_tokens=50, audio={"output": {"voice": voice}})
    line.does("response.create", response={"audio": {"output": {"voice": None}}})
    response = line.told[0]["response"]
    assert response["max_output_tokens"] == 50
    assert response["audio"]["output"]["voice"] == voice


def test_a_voice_may_be_given_by_its_id():
    line = Line()
    given = {"audio": {"output": {"voice": {"id": "am_michael"}}}}
    (asked,) = line.does("response.create", response=given)
    assert asked.wish.voice == "am_michael"
    assert line.told[0]["response"]["audio"]["output"]["voice"] == {"id": "am_michael"}


def test_a_response_may_lift_the_sessions_limit():
    """To the agent's own, which `Wish.max_tokens` of None leaves."""
    line = Line(max_output_tokens=50)
    (asked,) = line.does("response.create", response={"max_output_tokens": "inf"})
    assert asked.wish.max_tokens is None
    assert line.told[0]["response"]["max_output_tokens"] == "inf"
