"""Where written language may be cut: ends of sentences and clauses, and what must stay whole. Owns
no text and no lengths; `conversation.phrases` decides with it.
"""

# ruff: noqa: RUF001 (quotes and fullwidth punctuation are meant as they stand)

import re
from enum import IntEnum


class Border(IntEnum):
    """How good a place to pause follows a piece of text."""

    NONE = 0
    CLAUSE = 1
    SENTENCE = 2
    THOUGHT = 3
    """The language model wrote a marker here."""


CLOSING = "\"'”’»›)]}」』）】》〉"
_OPENING = "\"'“‘«‹([{¿¡"
_SENTENCE_ENDS = "!?。！？｡"
_CLAUSE_ENDS = ",;:—–…，、；："
WIDE_ENDS = "。！？｡，、；："
"""No blank need follow these."""

_DOTTED = re.compile(r"(?:[^\W\d_]{1,2}\.)*[^\W\d_]{1,2}")
_SHORTENED = """
mr mrs ms mx dr prof rev fr sr jr st ste mt ft gen col lt sgt capt cmdr gov sen rep hon pres
vs etc al approx dept est inc ltd corp co bros ave blvd rd hwy apt ext fig vol ch sec tel
jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri sat sun
no nos nr pp max min oz lb lbs hr hrs sq cf ca viz
"""
_ABBREVIATIONS = frozenset(_SHORTENED.split())
_WORDS_TOO = frozenset(
    ("no", "co", "al", "mar", "jun", "sat", "sun", "fri", "mon", "wed", "max", "min", "sec", "fig")
)
"""Abbreviations only with a capital; a sentence may well end in the word."""


def border_after(sentence: str) -> Border:
    """The border behind `sentence` (what was written since the last border between sentences),
    given that a blank or the start of another word follows."""
    written = sentence.rstrip(CLOSING)
    if not written:
        return Border.NONE
    last = written[-1]
    if last in _SENTENCE_ENDS:
        return Border.SENTENCE
    if last == "." and written.endswith(".."):
        return Border.CLAUSE
    if last == ".":
        return Border.NONE if must_go_on(sentence) else Border.SENTENCE
    if last in _CLAUSE_ENDS or written.endswith(" -"):
        return Border.CLAUSE
    return Border.NONE


def must_go_on(sentence: str) -> bool:
    """Whether `sentence` ends in an abbreviation, an initial or a list's number, so that what
    follows belongs to it."""
    written = sentence.rstrip(CLOSING)
    if not written.endswith("."):
        return False
    before, _, token = written[:-1].rpartition(" ")
    word = token.lstrip(_OPENING)
    if word.isdecimal():
        return not before.strip()
    if word == "I" or not word:
        return False
    if word.lower() in _WORDS_TOO:
        return word[0].isupper() and bool(before.strip())
    return word.lower() in _ABBREVIATIONS or (len(word) == 1 and word.isalpha()) or _initials(word)


def may_go_on(sentence: str) -> bool:
    """Whether only what follows tells: "No." is an answer, unless a number comes after it."""
    return sentence.lstrip(_OPENING) == "No."


def _initials(word: str) -> bool:
    """U.S, e.g, a.m, Ph.D: letters with dots between them (the last dot is off)."""
    return "." in word and _DOTTED.fullmatch(word) is not None


def is_wide(char: str) -> bool:
    """Han and kana: written without blanks, so each counts as a word (about as long to say)."""
    return "\u3040" <= char <= "\u9fff" or "\uf900" <= char <= "\ufaff" or char >= "\U00020000"
