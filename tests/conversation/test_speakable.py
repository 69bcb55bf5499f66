# ruff: noqa: RUF001 (typographic quotes are meant as they stand)

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversation.speakable import SpeakableStream, speakable

PIECES = st.sampled_from(
    [
        "word", " ", "\n", "**", "*", "_", "__", "`", "```", "~~", "# ", "- ", "1. ", "> ", "| ",
        "||",
        "[text](https://a.example/b_c)", "](", "[", "]", "(", ")", "<b>", "</b>", "<", ">", "<br>",
        "!",
        "\\", "3 * 4", "snake_case", "😀", "👨‍👩‍👧", "1️⃣", "🇩🇪", "❤️", "é", "日本。", "---",
        "\t", "\x00", "\x1e",
        "\x1f", ".", ",", '"', "a", "5",
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES | st.text(max_size=4), max_size=25).map("".join)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("**Bold** and *it* and ***both***", "Bold and it and both"),
        ("__Bold__ and _it_ in snake_case", "Bold and it in snake_case"),
        ("~~gone~~ but ~5", "gone but ~5"),
        ("He said **“Hi.”** then left", "He said “Hi.” then left"),
        ("Run `make test` or `snake_case`", "Run make test or snake_case"),
        ("# Head\n\n## Second\ntext #1 in C#", "Head Second text #1 in C#"),
        ("- one\n* two\n+ three\n• four", "one two three four"),
        ("1. one\n2. two", "1. one 2. two"),
        ("-5 degrees, x - y", "-5 degrees, x - y"),
        ("> quoted\n> > twice", "quoted twice"),
        ("above\n---\nbelow\n* * *\nend", "above below end"),
        ("| a | b |\n|---|:--:|\n| 1 | 2 |", "a b 1 2"),
        ("[text](https://a.example/b(c)) on", "text on"),
        ('[text](https://a.example "a title") on', "text on"),
        ("![a cat](cat.png) wow! [1]", "a cat wow! 1"),
        ("see [1](which is a note) ok", "see 1(which is a note) ok"),
        ("cut off [here](https://a.exam", "cut off here"),
        ("See https://a.example/b_c?d=e.", "See https://a.example/b_c?d=e."),
        ("At <me@a.example> or <https://a.example>", "At me@a.example or https://a.example"),
        ("a <b>bold</b> one<br>two H<sub>2</sub>O", "a bold one two H2O"),
        ("I <3 you, a < b, c<5 and 7>6", "I <3 you, a < b, c<5 and 7>6"),
        ("Before.\n```python\nprint('x')\n```\nAfter.", "Before. After."),
        ("~~~\ncode\n~~~ After.", "After."),
        ("```\nnever closed", ""),
        ("```code``` in a line", "code in a line"),
        ("3 * 4 is 12 and 3*4 too", "3 * 4 is 12 and 3*4 too"),
        ("2\\*3 and \\_x\\_", "2*3 and _x_"),
        ("I ❤️ you 👨‍👩‍👧 🇩🇪 👍🏽 ✅ → ★", "I you"),
        ("1️⃣ first, 2️⃣ second", "1 first, 2 second"),
        ("Hi *😊* you", "Hi you"),
        ("Great!😊 Next", "Great! Next"),
        ("21 °C, 5 €, ½ ©", "21 °C, 5 €, ½ ©"),
        ("déjà vu, naïve, don’t, 日本語。", "déjà vu, naïve, don’t, 日本語。"),
        ("a\x00b\u200bc\ufeff\td\u00a0e", "a bc d e"),
        ("  many \n\n spaces  ", "many spaces"),
        ("", ""),
    ],
)  # fmt: skip
def test_what_can_be_said_stays(written: str, said: str) -> None:
    assert speakable(written) == said


@settings(deadline=None)
@given(TEXTS, st.integers(1, 7))
def test_any_split_gives_the_same(text: str, size: int) -> None:
    stream = SpeakableStream()
    pieces = [stream.push(text[at : at + size]) for at in range(0, len(text), size)]
    assert " ".join("".join([*pieces, stream.finish()]).split()) == speakable(text)


@settings(deadline=None)
@given(st.text(st.characters(categories=["L", "N"]) | st.sampled_from(" ,.?'-éß"), max_size=200))
def test_plain_text_keeps_its_words(text: str) -> None:
    words = [word for word in text.split() if word.strip("-")]  # a line of dashes is a rule
    assert [word for word in speakable(text).split() if word.strip("-")] == words


@settings(deadline=None)
@given(TEXTS)
def test_no_emoji_pipe_or_control_character_is_left(text: str) -> None:
    said = speakable(text)
    assert not set(said) & set("|😀👨👩👧❤\ufe0f\u200d\u20e3🇩🇪\x00\x1e\x1f\n\t`")


@pytest.mark.parametrize("begun", ["<a", "](", "[](x", "**", "```x", "<a ](", "|", "\\", "!", "- "])
def test_what_never_ends_is_not_held_back_for_ever(begun: str) -> None:
    stream = SpeakableStream()
    text = "Yes, " + begun * 2_000
    said = stream.push(text) + stream.push(" done " * 200)
    assert "done" in said
    assert "done" in said + stream.finish()
