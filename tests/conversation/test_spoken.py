"""How much of what was spoken was heard."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.spoken import Phrase, Position, Word, heard_text, unheard_s

TIMED = Phrase(
    "It is nine.", 1.5, (Word("It", 0, 0.2), Word("is", 0.2, 0.6), Word("nine.", 1, 1.5))
)


@pytest.mark.parametrize(
    ("seconds", "heard"),
    [(0, ""), (0.09, ""), (0.11, "It"), (0.5, "It is"), (1.2, "It is"), (1.3, "It is nine.")],
)
def test_a_word_was_heard_when_its_middle_was(seconds, heard):
    assert heard_text([TIMED], Position(0, seconds)) == heard


def test_whole_phrases_count_and_later_ones_do_not():
    said = [Phrase("One.", 1), TIMED, Phrase("Ten.", 1)]
    assert heard_text(said, Position(1, 0.5)) == "One. It is"
    assert heard_text(said, Position(3)) == "One. It is nine. Ten."
    assert unheard_s(said, Position(1, 0.5)) == 2.0


def test_without_word_times_a_word_lasts_as_long_as_it_is_written():
    assert heard_text([Phrase("aa aaaaaaaa aa", 1.4)], Position(0, 0.7)) == "aa aaaaaaaa"
    # its sound is not whole yet: 0.2 s of what will last about a second
    assert heard_text([Phrase("aaaa aaaa aaaa", 0.2)], Position(0, 0.2)) == "aaaa"


@given(st.lists(st.text("ab ", min_size=1, max_size=20), max_size=4), st.integers(0, 5))
def test_what_was_heard_begins_what_was_said_and_only_grows(texts, number):
    said = [Phrase(" ".join(text.split()), 1.0) for text in texts]
    whole = heard_text(said, Position(len(said)))
    heard = [heard_text(said, Position(number, at / 5)) for at in range(6)]
    for before, after in itertools.pairwise(heard):
        assert after.startswith(before) and whole.startswith(after)
