import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.scoring import (
    medians,
    nearest,
    normalised,
    percentile,
    shared_words,
    word_error_rate,
)

WORDS = st.lists(st.sampled_from(["he", "was", "not", "an", "ill", "young", "man"]), min_size=1)


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("And Mr. John Dashwood", "and mister john dashwood"),
        ("He was not an ill-disposed young man.", "he was not an ill disposed young man"),
        ("It costs twenty dollars!", "it costs $20"),
        ("What's that?", "what is that"),
        ("...", ""),
    ],
)
def test_spelling_is_no_error(written: str, same: str):
    assert normalised(written) == normalised(same)


def test_errors_count_by_words_over_all_pairs():
    pairs = [("she sells sea shells", "she sells see shells"), ("here", "")]
    assert word_error_rate(pairs) == pytest.approx(2 / 5)


@given(WORDS)
def test_what_was_said_is_without_error_and_all_shared(words: list[str]):
    text = " ".join(words)
    assert word_error_rate([(text, text)]) == 0
    assert shared_words(text, f"Well, {text}, I think.") == 1


@given(WORDS)
def test_nothing_heard_shares_nothing(words: list[str]):
    assert shared_words(" ".join(words), "") == 0
    assert word_error_rate([(" ".join(words), "")]) == 1


def test_half_the_words_in_order():
    assert shared_words("the capital is Berlin", "Berlin, the capital") == 0.5


def test_nearest_is_whose_words_they_are():
    asked = ["What is the capital of Germany?", "What is the capital of France?"]
    assert nearest("what's the capital of fronts", asked) in (0, 1)
    assert nearest("was the capital of France", asked) == 1
    assert nearest("What is the capital of Germany", asked) == 0


def test_percentiles_lie_between_neighbours():
    assert percentile([1.0, 2.0, 3.0, 4.0], 50) == 2.5
    assert percentile([0.0, 10.0], 95) == pytest.approx(9.5)
    assert percentile([], 50) is None


def test_medians_pass_over_stages_that_a_turn_never_reached():
    rows = [{"endpoint": 500.0, "sent": 900.0}, {"endpoint": 520.0}, {"endpoint": 540.0}]
    assert medians(rows) == {"endpoint": 520.0, "sent": 900.0}
    assert list(medians(rows)) == ["endpoint", "sent"]
