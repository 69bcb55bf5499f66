import random
from collections.abc import Sequence
from itertools import cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversation.borders import is_wide
from conversation.phrases import PhraseLimits, PhraseStream
from conversation.speakable import speakable

LIMITS = PhraseLimits()
MARKERS = ["||BREAK||", "|| BREAK ||", "||break||", "||BREAK|", "|BREAK||", "|BREAK|", "|| Break |"]
SPEECH = """Sure I can help with that Would you like a table for two or four Mr. Smith paid $5.50
for 3.14 pies e.g. at 10:30 a.m. in the U.S. on 1,000 dates J. Doe wrote to me@a.example and
https://a.example/b?c=d.e no. 5 etc. "quoted" (in brackets) don't — well-known"""
WORD = st.sampled_from(SPEECH.split())
END = st.sampled_from(
    ["", "", "", "", ",", ";", ".", "?", "!", '."', ".)", "...", ":", ".\n", "\n\n"]
)
SENTENCES = st.lists(st.tuples(WORD, END), max_size=150).map(
    lambda pairs: " ".join(word + end for word, end in pairs)
)
WILD_PIECE = st.sampled_from(
    [*MARKERS, "||BRE", "|", "||", "B", "BREAK", "**", "```", "`", "_", "[t](u)", "😀", "\n",
     ". ", "! ", ", ", " ", "日本語。", "はい、", "x" * 90, "\x1e", "1. ", "- ", "<b>", "word ",
     "Dr. ", "No. ", "a", "5", "3.14"]
)  # fmt: skip
SIZES = st.lists(st.integers(0, 9), min_size=1, max_size=40).filter(any)
"""Drawn once, since a draw for each piece took a minute."""
WILD = st.lists(WILD_PIECE | st.text(max_size=3), max_size=60).map("".join)


def phrases(text: str, *, markers: bool = False, sizes: Sequence[int] = (1_000_000,)) -> list[str]:
    """The text's phrases, taken in pieces of these sizes, again and again."""
    stream, out, at = PhraseStream(markers=markers), list[str](), 0
    for size in cycle(sizes):
        if at >= len(text):
            break
        out += stream.push(text[at : at + size])
        at += size
    return out + stream.finish()


def letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def words(text: str) -> list[str]:
    return [word for word in text.split() if letters(word)]


def counted(phrase: str) -> int:
    return len(words(phrase)) + sum(map(is_wide, phrase))


@settings(deadline=None)
@given(SENTENCES, st.booleans(), SIZES)
def test_any_split_gives_the_same_phrases(text: str, markers: bool, sizes: list[int]) -> None:
    assert phrases(text, markers=markers, sizes=sizes) == phrases(text, markers=markers)


@settings(deadline=None)
@given(WILD, st.booleans(), st.integers(1, 12))
def test_any_split_of_wild_text_gives_the_same(text: str, markers: bool, size: int) -> None:
    assert phrases(text, markers=markers, sizes=[size]) == phrases(text, markers=markers)


@settings(deadline=None)
@given(SENTENCES, st.booleans())
def test_no_word_is_lost(text: str, markers: bool) -> None:
    spoken = phrases(text, markers=markers)
    assert [word for phrase in spoken for word in words(phrase)] == words(speakable(text))


@settings(deadline=None)
@given(
    st.lists(SENTENCES.map(lambda text: text[:200]), max_size=8),
    st.sampled_from(MARKERS),
    SIZES,
)
def test_no_word_is_lost_at_markers(thoughts: list[str], marker: str, sizes: list[int]) -> None:
    spoken = phrases((marker + " ").join(thoughts), markers=True, sizes=sizes)
    expected = words(speakable("\n".join(thoughts)))
    assert [word for phrase in spoken for word in words(phrase)] == expected


@settings(deadline=None)
@given(WILD.filter(lambda text: "|" not in text), st.booleans())
def test_no_letter_of_wild_text_is_lost(text: str, markers: bool) -> None:
    assert letters("".join(phrases(text, markers=markers))) == letters(speakable(text))


@settings(deadline=None)
@given(SENTENCES, st.booleans())
def test_lengths_keep_their_limits(text: str, markers: bool) -> None:
    spoken = phrases(text, markers=markers)
    assert all(len(phrase) <= LIMITS.forced_chars for phrase in spoken)
    assert all(phrase == " ".join(phrase.split()) for phrase in spoken)
    assert all(counted(phrase) >= 1 for phrase in spoken)
    assert counted((spoken or [""])[0]) <= LIMITS.first_max_words
    for phrase in spoken[1:-1]:
        assert LIMITS.min_words <= counted(phrase) <= LIMITS.max_words
    assert counted((spoken or [""])[-1]) <= LIMITS.max_words


@settings(deadline=None)
@given(WILD, st.booleans())
def test_wild_text_keeps_the_forced_length(text: str, markers: bool) -> None:
    for phrase in phrases(text, markers=markers):
        assert 1 <= len(phrase) <= LIMITS.forced_chars
        assert letters(phrase)
        assert "|" not in phrase and "`" not in phrase and "😀" not in phrase


@pytest.mark.parametrize("markers", [True, False])
@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("It is Berlin. And what", "It is Berlin."),
        ("Yes! I would", "Yes!"),
        ("No. I would not", "No."),
        ('"Sure." That is fine', '"Sure."'),
        ("(Of course.) Then", "(Of course.)"),
        ("Well, let me see, that is", "Well,"),
        ("Sure, I can help with that. What", "Sure,"),
        ("one two three four five six seven eight nine ten eleven twelve thirteen",
         "one two three four five six seven eight nine ten eleven twelve"),
        ("**Great!** Now", "Great!"),
        ("1. Apples and pears\n", "1. Apples and pears"),
        ("# Opening hours\nWe", "Opening hours"),
        ("好的。我们", "好的。"),
    ],
)  # fmt: skip
def test_the_first_phrase_leaves_early(text: str, first: str, markers: bool) -> None:
    stream = PhraseStream(markers=markers)
    assert stream.push(text)[:1] == [first]


@pytest.mark.parametrize(
    "whole",
    ["3.14", "1,000", "$5.50", "10:30", "Mr. Smith", "Dr. No", "e.g. this", "the U.S. Senate",
     "9 a.m. sharp", "J. R. Smith", "https://a.example/b.c?d=e!f", "me@a.example", "No. 5",
     "etc. and", "St. Ives", "Ph.D. in", '"Well."', "(Well.)", "3.30 today"],
)  # fmt: skip
def test_nothing_is_torn_apart(whole: str) -> None:
    for before in ("", "one ", "one two three, four five. ", "a list:\n"):
        spoken = phrases(f"{before}{whole} then and after that.", sizes=[1])
        together = " ".join(spoken)
        assert any(whole in phrase for phrase in spoken), (spoken, together)


@pytest.mark.parametrize("digits", [13, 60])
def test_a_telephone_number_is_cut_only_when_it_must_be(digits: int) -> None:
    text = "Please call us now at the number " + " ".join("5" * digits)
    spoken = phrases(text + " today.")
    assert spoken[0] == "Please call us now at the number"
    assert words(" ".join(spoken)) == words(text + " today.")


def test_numbers_of_a_list_stay_with_their_items() -> None:
    text = "Here is my list:\n1. Apples\n2. Pears\n3. Plums that are ripe and sweet"
    assert phrases(text, sizes=[1]) == [
        "Here is my list:", "1. Apples 2. Pears 3. Plums that are ripe and sweet"
    ]  # fmt: skip


def test_a_year_ends_a_sentence() -> None:
    assert phrases("That was in 1990. Then it changed a lot.")[0] == "That was in 1990."


def test_short_sentences_are_joined_but_for_the_last() -> None:
    assert phrases("Yes. It is. I am. You are too, I think. Good. Fine.") == [
        "Yes.", "It is. I am. You are too, I think.", "Good. Fine."
    ]  # fmt: skip


def test_markers_are_preferred_once_the_model_writes_them() -> None:
    text = (
        "Hello.||BREAK||First we do this. Then we do that too.||BREAK||And so it ends, my friend."
    )
    assert phrases(text, markers=True) == [
        "Hello.", "First we do this. Then we do that too.", "And so it ends, my friend."
    ]  # fmt: skip


def test_a_thought_too_short_joins_the_next() -> None:
    spoken = phrases("Hello.||BREAK||I see.||BREAK||Then we do that.||BREAK||Bye.", markers=True)
    assert spoken == ["Hello.", "I see. Then we do that.", "Bye."]


def test_a_long_thought_is_cut_at_its_sentences() -> None:
    sentence = "This sentence is made of exactly eight words. "
    spoken = phrases("Hi.||BREAK||" + sentence * 9, markers=True)
    assert spoken[1] == (sentence * 3).strip()


def test_a_model_that_writes_no_marker_still_streams() -> None:
    stream = PhraseStream(markers=True)
    assert stream.push("It is Berlin. It has been so since 1990. What") == [
        "It is Berlin.", "It has been so since 1990."
    ]  # fmt: skip


@pytest.mark.parametrize("marker", MARKERS)
@pytest.mark.parametrize("markers", [True, False])
def test_every_kind_of_marker_goes(marker: str, markers: bool) -> None:
    for text in (
        f"One two.{marker}Three four.",
        f"One two. {marker} Three four.",
        f"One two. **{marker}**Three four.",
    ):
        assert phrases(text, markers=markers, sizes=[1]) == ["One two.", "Three four."]


@pytest.mark.parametrize("size", range(1, 10))
def test_half_a_marker_at_the_end_goes(size: int) -> None:
    assert phrases("It is Berlin. " + "||BREAK||"[:size], markers=True) == ["It is Berlin."]


@pytest.mark.parametrize("half", ["||BRE", "||BREAK", "|BREAK|"])
def test_half_a_marker_within_the_text_goes(half: str) -> None:
    assert phrases(f"It is Berlin. {half}. It is.", markers=True, sizes=[1])[0] == "It is Berlin."
    assert "BRE" not in "".join(phrases(f"It is {half} Berlin.", markers=True))


def test_pipes_that_are_no_marker_keep_their_words() -> None:
    text = "Either x || y or a|b or | breakfast | or ||breakfast|| then."
    assert words(" ".join(phrases(text, markers=True))) == words(text.replace("|", " "))


def test_a_pipe_does_not_stop_the_stream() -> None:
    stream = PhraseStream(markers=True)
    assert stream.push("So it is | Berlin. Then") == ["So it is Berlin."]


def test_a_reply_cut_off_in_a_code_fence_says_what_came_before() -> None:
    assert phrases("Like so:\n```python\nprint(1)\n") == ["Like so:"]


def test_a_word_of_a_thousand_characters_is_split() -> None:
    spoken = phrases("x" * 1_000)
    assert [len(phrase) for phrase in spoken] == [400, 400, 200]


def test_from_300_characters_on_any_clause_ends_a_phrase() -> None:
    long_word = "y" * 30
    clause = " ".join([long_word] * 5)
    spoken = phrases(f"Hi.||BREAK||{clause}, {clause}, {clause}", markers=True)
    assert spoken[1] == f"{clause},"
    assert all(len(phrase) <= 300 for phrase in spoken[1:])


def test_without_a_border_400_characters_are_cut_between_words() -> None:
    long_word = "z" * 99
    spoken = phrases(" ".join([long_word] * 10))
    assert spoken == [
        " ".join([long_word] * 4),
        " ".join([long_word] * 4),
        " ".join([long_word] * 2),
    ]


def test_chinese_streams_by_its_own_punctuation() -> None:
    assert phrases("你好。今天天气很好,我们去公园散步吧。你觉得怎么样?") == [
        "你好。", "今天天气很好,我们去公园散步吧。", "你觉得怎么样?"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "nothing", ["", " ", "\n\n", "...", "||BREAK||", "😀", "**", "```x", "|" * 500, "!" * 900]
)
def test_nothing_to_say_is_no_phrase(nothing: str) -> None:
    assert phrases(nothing, markers=True) == []


def test_a_long_reply_costs_time_in_proportion() -> None:
    """Every construct that could be read again and again, in bulk: it must end, not be fast."""
    shuffled = random.Random(7).choices(
        ["](", "<a", "[x](", "||BREA", "(", "**", "word ", ". ", "\n"], k=20_000
    )
    assert phrases("".join(shuffled), markers=True, sizes=[3])


def test_the_first_phrase_may_have_to_be_a_sentence() -> None:
    stream = PhraseStream(markers=False, first_sentence=True)
    assert stream.push("Well, sure, I can. What")[:1] == ["Well, sure, I can."]
