"""The rules that tell what was said from what Whisper made up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.engines.hallucinations import Decoded, cut_loops, repeats, spoken, sure

WORDS = ("she", "sells", "sea", "shells", "on", "the", "shore", "today", "for", "little", "money")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("the the the the", "the"),
        ("The the THE, the cat", "The cat"),
        ("I will call you. I will call you. I will call you.", "I will call you."),
        ("to do for them for them for them for", "to do for them"),
        ("beep " * 200, "beep"),
        ("hahahahahahahahaha", "ha"),
        ("no, no, no", "no, no, no"),
        ("Hello, can you hear me? Hello, can you hear me?",) * 2,
        ("my number is zero zero zero zero five",) * 2,
        ("555 555 555 555 0000000",) * 2,
        ("it was very very good that that worked",) * 2,
        ("", ""),
    ],
)
def test_loops_are_said_once(said: str, kept: str) -> None:
    assert cut_loops(said) == kept


@given(st.permutations(WORDS))
def test_speech_without_repeats_stays(words: list[str]) -> None:
    assert cut_loops(" ".join(words)) == " ".join(words)


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12, unique=True), st.integers(4, 20))
def test_any_loop_is_cut(unit: list[str], times: int) -> None:
    assert cut_loops(" ".join(["well", *unit * times, "bye"])) == " ".join(["well", *unit, "bye"])


@given(st.lists(st.sampled_from(["a", "b", "c."]), max_size=40))
def test_cutting_only_removes_and_ends(words: list[str]) -> None:
    cut = cut_loops(" ".join(words))
    left = iter(words)
    assert all(word in left for word in cut.split())  # a subsequence
    assert cut_loops(cut) == cut


@pytest.mark.parametrize(
    ("text", "avg_logprob", "no_speech_prob", "heard"),
    [
        # measured on tiny.en: read speech, a real "Thank you.", a quiet "You."
        ("He was not an old-sposed young man.", -0.25, 0.05, True),
        ("Thank you.", -0.28, 0.14, True),
        ("You.", -0.78, 0.34, True),
        ("1, 2, 3, 4.", -0.44, 0.32, True),
        ("I hardly hear you but I try.", -0.6, 0.7, True),
        # measured: white noise, breath, a ringing tone, chords, a click, silence
        ("you", -1.46, 0.92, False),
        ("You", -0.96, 0.79, False),
        ("Beep " * 224, -0.05, 0.79, False),
        ("Thank you.", -1.08, 0.82, False),
        ("Thank you. Thank you.", -0.5, 0.5, False),
        ("Subtitles by the Amara.org community", -0.3, 0.5, False),
        (". . . .", -0.08, 0.1, False),
        (".", -1.29, 0.95, False),
        ("", 0.0, 0.1, False),
        ("[BLANK_AUDIO]", -0.2, 0.1, False),
        ("(upbeat music) ♪♪", -0.2, 0.1, False),
    ],
)
def test_only_what_was_said(
    text: str, avg_logprob: float, no_speech_prob: float, heard: bool
) -> None:
    assert spoken(Decoded(text, avg_logprob, no_speech_prob)) == (text if heard else "")


def test_remarks_are_no_words() -> None:
    assert spoken(Decoded("Hello (laughs) there ♪", -0.2, 0.1)) == "Hello there"


def test_a_spelled_code_is_no_loop() -> None:
    assert cut_loops("It is A A A A seven") == "It is A A A A seven"
    assert cut_loops("a " * 40) == "a"


@pytest.mark.parametrize(
    "text",
    [
        # measured on tiny.en in a window without its silence
        "Not really. Not really.",
        "5 5 5 5 5",
        "3 2 1 3 2 1 3 2",
        "and the olds and the olds and the old",
        "All the spirit, all the spirit, all the",
        "Doo-o-o-o-o-o-o-o-o-o-o-o-o",
        "the the the the cat",
    ],
)
def test_what_ends_in_something_said_twice_is_doubted(text: str) -> None:
    assert repeats(text)


@pytest.mark.parametrize(
    "text", ["", "No.", "He was not an ill-disposed young man.", "that that worked", "A, B, A, C"]
)
def test_what_repeats_nothing_at_its_end_is_believed(text: str) -> None:
    assert not repeats(text)


@given(st.lists(st.sampled_from(WORDS), max_size=8), st.permutations(WORDS), st.integers(1, 10))
def test_any_second_round_is_seen_even_broken_off(
    before: list[str], unit: list[str], size: int
) -> None:
    for broken in range(size):
        assert repeats(" ".join([*before, *unit[:size] * 2, *unit[:broken]]))


@pytest.mark.parametrize(
    ("heard", "believed"),
    [
        (Decoded("He was not an ill-sposed young man.", -0.3, 0.04), True),
        (Decoded("No, thanks.", -0.3, 0.3), True),
        (Decoded("No, thanks.", -0.3, 0.3, ended=False), False),
        (Decoded("Arted and rather.", -1.23, 0.15), False),
        (Decoded("you", -0.5, 0.9), False),
        (Decoded("Selfish Selfish", -0.23, 0.12), False),
    ],
)
def test_a_short_window_is_believed_when_nothing_speaks_against_it(
    heard: Decoded, believed: bool
) -> None:
    assert sure(heard) is believed
