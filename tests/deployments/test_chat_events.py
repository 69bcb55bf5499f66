"""What answers of OpenAI's chat API say; the events here are shaped as vLLM 0.29 sends them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.fallbacks import FailureClass
from deployments.engines.sse import MAX_LINE_BYTES, ChatEvents, text_of, texts_of
from ingress.backends import BackendError


def event(body: dict[str, Any]) -> str:
    return f"data: {json.dumps(body)}\n\n"


def delta(**fields: Any) -> str:
    return event({"choices": [{"index": 0, "delta": fields, "finish_reason": None}]})


def test_texts_come_in_order_and_empty_ones_do_not() -> None:
    events = delta(role="assistant", content="") + delta(content=" It") + delta(content=" is")
    usage = event({"choices": [], "usage": {"total_tokens": 4}})
    assert list(texts_of(events + delta(content=None) + usage + "data: [DONE]\n\n")) == [" It is"]


def test_a_newline_within_a_text_is_kept() -> None:
    assert list(texts_of(delta(content="a\nb\r\n"))) == ["a\nb\r\n"]


def test_a_line_separator_of_unicode_ends_no_event() -> None:
    raw = '{"choices":[{"delta":{"content":"a\u2028b"}}]}'
    assert list(texts_of(f"data: {raw}\n\n")) == ["a\u2028b"]


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
     'data: {"choices":[{"delta":5}]}\n', 'data: {"choices":[{"delta":{"content":5}}]}\n',
     "data: " + "x" * MAX_LINE_BYTES],
    ids=["html", "number", "choices", "choice", "delta", "content", "endless"],
)  # fmt: skip
def test_what_is_no_event_is_the_servers_failure(odd: str) -> None:
    stream, came = ChatEvents(), []
    with pytest.raises(BackendError) as caught:
        for text in stream.push((delta(content="x") + odd).encode()):
            came.append(text)
    assert caught.value.failure is FailureClass.SERVER
    assert came == ["x"]


def test_other_lines_are_not_events() -> None:
    assert list(texts_of(": keep-alive\n\nevent: ping\n" + delta(content="x"))) == ["x"]


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
    for read in (lambda: list(texts_of(event(error))), lambda: text_of(error)):
        with pytest.raises(BackendError, match="too long") as caught:
            read()
        assert caught.value.failure is failure


def test_a_whole_answer_has_one_text() -> None:
    answer = {"choices": [{"message": {"role": "assistant", "content": " It is Berlin."}}]}
    assert text_of(answer) == " It is Berlin."
    assert text_of({"choices": [{"message": {"role": "assistant", "content": None}}]}) == ""


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"choices": []},
        {"choices": None},
        {"choices": [{}]},
        {"choices": [{"message": {"content": [5]}}]},
        {"error": "overloaded"},
    ],
)
def test_an_answer_without_an_answer_is_the_servers_failure(answer: dict[str, Any]) -> None:
    with pytest.raises(BackendError) as caught:
        text_of(answer)
    assert caught.value.failure is FailureClass.SERVER


@pytest.mark.parametrize(
    "event", ['{"choices":null}', '{"choices":[{}]}', '{"choices":[{"delta":null}]}']
)
def test_an_event_without_a_delta_says_nothing(event: str) -> None:
    assert list(texts_of(f"data: {event}\n\n")) == []
