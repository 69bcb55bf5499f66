"""What answers of OpenAI's chat API say; the events here are shaped as vLLM 0.29 sends them."""

import json
from typing import Any

import pytest

from conversation.fallbacks import FailureClass
from deployments.engines.sse import text_of, texts_of
from ingress.backends import BackendError


def event(body: dict[str, Any]) -> str:
    return f"data: {json.dumps(body)}\n\n"


def delta(**fields: Any) -> str:
    return event({"choices": [{"index": 0, "delta": fields, "finish_reason": None}]})


def test_texts_come_in_order_and_empty_ones_do_not() -> None:
    events = delta(role="assistant", content="") + delta(content=" It") + delta(content=" is")
    usage = event({"choices": [], "usage": {"total_tokens": 4}})
    assert list(texts_of(events + delta(content=None) + usage + "data: [DONE]\n\n")) == [
        " It",
        " is",
    ]


def test_a_newline_within_a_text_is_kept() -> None:
    assert list(texts_of(delta(content="a\nb\r\n"))) == ["a\nb\r\n"]


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
    [{}, {"choices": []}, {"choices": None}, {"choices": [{}]}, {"error": "overloaded"}],
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
