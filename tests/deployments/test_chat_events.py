"""What answers of OpenAI's chat API say; the events here are shaped as vLLM 0.29 sends them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.fallbacks import FailureClass
from conversation.tools import ToolCall
from deployments.engines.sse import MAX_LINE_BYTES, ChatEvents, pieces_of
from ingress.backends import BackendError, Piece, Usage


def event(body: dict[str, Any]) -> str:
    return f"data: {json.dumps(body)}\n\n"


def delta(**fields: Any) -> str:
    return event({"choices": [{"index": 0, "delta": fields, "finish_reason": None}]})


def pieces_in(events: str) -> list[Piece]:
    stream = ChatEvents()
    return [*stream.push(events.encode()), *stream.finish()]


def test_texts_come_in_order_and_empty_ones_do_not() -> None:
    events = delta(role="assistant", content="") + delta(content=" It") + delta(content=" is")
    usage = event({"choices": [], "usage": {"total_tokens": 4}})
    assert pieces_in(events + delta(content=None) + usage + "data: [DONE]\n\n") == [" It is"]


def test_a_newline_within_a_text_is_kept() -> None:
    assert pieces_in(delta(content="a\nb\r\n")) == ["a\nb\r\n"]


def test_a_line_separator_of_unicode_ends_no_event() -> None:
    raw = '{"choices":[{"delta":{"content":"a\u2028b"}}]}'
    assert pieces_in(f"data: {raw}\n\n") == ["a\u2028b"]


@given(st.lists(st.text()), st.sampled_from(["\n", "\r\n"]), st.data())
def test_a_stream_cut_anywhere_says_the_same(
    texts: list[str], end: str, data: st.DataObject
) -> None:
    events = "".join(delta(content=text) for text in texts) + "data: [DONE]\n\n"
    raw = events.replace("\n", end).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=9)))
    stream, said = ChatEvents(), ""
    for begin, stop in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        said += "".join(stream.push(raw[begin:stop]))
    assert said == "".join(texts)
    assert stream.done


def test_a_last_event_without_an_end_counts() -> None:
    stream = ChatEvents()
    assert list(stream.push(delta(content="x").strip().encode())) == []
    assert list(stream.finish()) == ["x"]


@pytest.mark.parametrize(
    "odd",
    ["data: <html>\n", "data: 5\n", 'data: {"choices":5}\n', 'data: {"choices":[5]}\n',
     'data: {"choices":[{"delta":{"tool_calls":[5]}}]}\n',
     'data: {"choices":[{"delta":5}]}\n', 'data: {"choices":[{"delta":{"content":5}}]}\n',
     "data: " + "x" * MAX_LINE_BYTES],
    ids=["html", "number", "choices", "choice", "call", "delta", "content", "endless"],
)  # fmt: skip
def test_what_is_no_event_is_the_servers_failure(odd: str) -> None:
    stream, came = ChatEvents(), []
    with pytest.raises(BackendError) as caught:
        for text in stream.push((delta(content="x") + odd).encode()):
            came.append(text)
    assert caught.value.failure is FailureClass.SERVER
    assert came == ["x"]


def test_other_lines_are_not_events() -> None:
    assert pieces_in(": keep-alive\n\nevent: ping\n" + delta(content="x")) == ["x"]


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        (400, FailureClass.INVALID),
        (429, FailureClass.RATE_LIMIT),
        (500, FailureClass.SERVER),
        ("context_length_exceeded", FailureClass.SERVER),
        (None, FailureClass.SERVER),
    ],
)
def test_an_error_is_raised_with_its_class(code: int | str | None, failure: FailureClass) -> None:
    error = {"error": {"message": "too long", "code": code}}
    for read in (lambda: pieces_in(event(error)), lambda: list(pieces_of(error))):
        with pytest.raises(BackendError, match="too long") as caught:
            read()
        assert caught.value.failure is failure


def test_a_whole_answer_has_one_text() -> None:
    answer = {"choices": [{"message": {"role": "assistant", "content": " It is Berlin."}}]}
    assert list(pieces_of(answer)) == [" It is Berlin."]
    nothing = {"choices": [{"message": {"role": "assistant", "content": None}}]}
    assert list(pieces_of(nothing)) == []


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"choices": []},
        {"choices": None},
        {"choices": [{}]},
        {"choices": [{"message": {"content": [5]}}]},
        {"choices": [{"message": {"tool_calls": [{"id": "c"}]}}]},
        {"error": "overloaded"},
    ],
)
def test_an_answer_without_an_answer_is_the_servers_failure(answer: dict[str, Any]) -> None:
    with pytest.raises(BackendError) as caught:
        list(pieces_of(answer))
    assert caught.value.failure is FailureClass.SERVER


@pytest.mark.parametrize(
    "event", ['{"choices":null}', '{"choices":[{}]}', '{"choices":[{"delta":null}]}']
)
def test_an_event_without_a_delta_says_nothing(event: str) -> None:
    assert pieces_in(f"data: {event}\n\n") == []


def called(index: int, **fields: Any) -> str:
    function = {key: fields.pop(key) for key in ("name", "arguments") if key in fields}
    return delta(tool_calls=[{"index": index, "function": function, **fields}])


CALLS = (
    called(0, id="c1", type="function", name="weather")
    + called(0, arguments='{"city": ')
    + called(0, arguments='"Köln"}')
    + called(1, id="c2", name="time", arguments="{}")
)
USAGE = event(
    {
        "choices": [],
        "usage": {
            "prompt_tokens": 9,
            "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 4},
        },
    }
)


def test_calls_come_whole_after_the_text_and_the_usage_last() -> None:
    assert pieces_in(delta(content="So:") + CALLS + USAGE + "data: [DONE]\n\n") == [
        "So:",
        ToolCall("c1", "weather", '{"city": "Köln"}'),
        ToolCall("c2", "time", "{}"),
        Usage(9, 5, 4),
    ]


@given(st.data())
def test_calls_cut_anywhere_are_the_same(data: st.DataObject) -> None:
    raw = (CALLS + USAGE + "data: [DONE]\n\n").encode()
    cut = data.draw(st.integers(0, len(raw)))
    stream = ChatEvents()
    came = [*stream.push(raw[:cut]), *stream.push(raw[cut:]), *stream.finish()]
    assert [type(piece) for piece in came] == [ToolCall, ToolCall, Usage]
    assert came[0] == ToolCall("c1", "weather", '{"city": "Köln"}')


def test_half_a_call_is_none() -> None:
    with pytest.raises(BackendError, match="broke off"):
        pieces_in(called(0, id="c1", name="weather") + called(0, arguments='{"city'))


def test_of_calls_that_max_tokens_cut_none_is_made() -> None:
    whole = called(0, id="c1", name="time", arguments="{}")
    half = called(1, id="c2", name="weather", arguments='{"city": "Be')
    with pytest.raises(BackendError, match="max_tokens") as caught:
        pieces_in(whole + half + "data: [DONE]\n\n")
    assert caught.value.failure is FailureClass.INVALID
    call = {"id": "c1", "type": "function", "function": {"name": "time", "arguments": "{"}}
    with pytest.raises(BackendError, match="max_tokens"):
        list(pieces_of({"choices": [{"message": {"content": None, "tool_calls": [call]}}]}))


def test_a_call_without_arguments_has_none() -> None:
    call = called(0, id="c1", name="time", arguments="")
    assert pieces_in(call + "data: [DONE]\n\n") == [ToolCall("c1", "time", "{}")]


def test_a_call_that_nobody_could_answer_is_the_servers_failure() -> None:
    with pytest.raises(BackendError) as caught:
        pieces_in(called(0, name="weather", arguments="{}") + "data: [DONE]\n\n")
    assert caught.value.failure is FailureClass.SERVER


def test_a_whole_answer_has_calls_and_usage() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "time", "arguments": "{}"}}
    answer = {
        "choices": [{"message": {"content": None, "tool_calls": [call]}}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 5, "prompt_tokens_details": None},
    }
    assert list(pieces_of(answer)) == [ToolCall("c1", "time", "{}"), Usage(9, 5)]


def test_calls_that_are_all_numbered_0_are_told_apart_by_their_ids() -> None:
    first = called(0, id="c1", name="time", arguments="") + called(0, arguments="{}")
    second = called(0, id="c2", name="time", arguments="{") + called(0, id="c2", arguments="}")
    expected = [ToolCall("c1", "time", "{}"), ToolCall("c2", "time", "{}")]
    assert pieces_in(first + second + "data: [DONE]\n\n") == expected


LENGTH = event({"choices": [{"delta": {"content": "So"}, "finish_reason": "length"}]})


def test_a_reply_as_long_as_it_might_be_is_cut_short() -> None:
    assert pieces_in(LENGTH + USAGE + "data: [DONE]\n\n") == [
        "So",
        Usage(9, 5, 4, cut_short=True),
    ]


@pytest.mark.parametrize("end", ["data: [DONE]\n\n", "data: [DONE]\n\n: bye\n\n", ""])
def test_a_reply_is_cut_short_though_nobody_tells_what_it_cost(end: str) -> None:
    stream = ChatEvents()
    came = [
        piece for line in (LENGTH + end).splitlines() for piece in stream.push(f"{line}\n".encode())
    ]
    assert [*came, *stream.finish()] == ["So", Usage(0, 0, cut_short=True)]
    choice = {"message": {"content": "So"}, "finish_reason": "length"}
    assert list(pieces_of({"choices": [choice]})) == ["So", Usage(0, 0, cut_short=True)]
