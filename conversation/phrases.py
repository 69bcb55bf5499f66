"""A reply's tokens in, phrases to be spoken out. Owns where a phrase ends.

Three steps, each deciding by the characters alone and never by the borders of tokens: markers
become BREAK (`conversation.markers`), the rest becomes speakable (`conversation.speakable`), and
the speakable text is cut here. So any split of a text into tokens gives the same phrases, and no
word is lost. A phrase is cut between words; only a word longer than `forced_chars`, or one written
without blanks (Chinese, Japanese), is divided.
"""

from dataclasses import dataclass

from conversation.borders import (
    CLOSING,
    WIDE_ENDS,
    Border,
    border_after,
    is_wide,
    may_go_on,
    must_go_on,
)
from conversation.markers import BREAK, MarkerFilter
from conversation.speakable import SpeakableStream

_SEPARATORS = ("", " ", "\n", BREAK)  # the stronger the later


@dataclass(frozen=True, slots=True)
class PhraseLimits:
    """Lengths of phrases; our choice where the field has no number of its own. Words are counted
    as they are spoken: a token needs a letter or digit to be one."""

    first_clause_words: int = 1
    """The first phrase leaves at any sentence end, or at a clause end after so many words: "Sure,"
    says that an answer is coming, and its rest is synthesised meanwhile."""
    first_max_words: int = 12
    """Without either, the first phrase is cut after so many words: the caller is waiting."""
    min_words: int = 5
    """Later phrases have at least so many words, but for the end of the reply."""
    clause_words: int = 12
    """A clause end cuts after so many words, while the model writes no markers."""
    thought_words: int = 20
    """A sentence end within a thought cuts after so many words, once the model writes markers."""
    max_words: int = 50
    soft_chars: int = 300
    """From here on any sentence or clause end will do."""
    forced_chars: int = 400


class PhraseStream:
    """Cuts one reply into phrases while it is being written. One instance a reply."""

    def __init__(
        self, *, markers: bool, first_sentence: bool = False, limits: PhraseLimits | None = None
    ) -> None:
        """`markers`: the model was asked for `||BREAK||`. Without, markers still never come
        through, but are no better a border than the end of a line. `first_sentence`: the first
        phrase is a whole sentence, if it is not too long to wait for."""
        self._limits = limits or PhraseLimits()
        self._first_sentence = first_sentence
        self._prefers_markers = markers
        self._seen_marker = False
        self._markers = MarkerFilter()
        self._speakable = SpeakableStream()
        self._phrases: list[str] = []
        self._first = True
        self._begin()

    def push(self, token: str) -> list[str]:
        """The phrases that `token` completes; a phrase's whitespace is collapsed."""
        self._take(self._speakable.push(self._markers.push(token)))
        return self._ready()

    def finish(self) -> list[str]:
        """What is left when the reply is over."""
        self._take(self._speakable.push(self._markers.finish()))
        self._take(self._speakable.finish())
        if self._words:
            self._phrases.append(_collapsed(self._text))
        self._begin()
        return self._ready()

    def _ready(self) -> list[str]:
        ready, self._phrases = self._phrases, []
        return ready

    def _begin(self) -> None:
        self._text = ""  # one separator between words
        self._separator = ""  # the strongest since the last word: "", " ", "\n" or BREAK
        self._words = 0
        self._sentence_at = 0
        self._token_at = 0
        self._token_counts = False
        self._candidates: dict[Border, int] = {}
        self._word_border = 0  # the last at which nothing is torn apart
        self._any_border = 0

    def _take(self, text: str) -> None:
        for char in text:
            if char.isspace():
                self._separate(char)
            else:
                self._add(char)

    def _separate(self, char: str) -> None:
        if not self._text:
            return
        self._separator = max(self._separator, char, key=_SEPARATORS.index)
        sentence = self._text[self._sentence_at :]
        border = Border.NONE if may_go_on(sentence) else border_after(sentence)
        if char == BREAK and self._prefers_markers:
            self._seen_marker = True
            border = Border.THOUGHT
        elif char in "\n" + BREAK and not must_go_on(sentence):
            border = Border.SENTENCE
        self._at_border(border)

    def _add(self, char: str) -> None:
        if (self._ends_wide() and char not in CLOSING + WIDE_ENDS) or (
            self._separator and not char.isdigit() and may_go_on(self._text[self._sentence_at :])
        ):
            self._at_border(border_after(self._text[self._sentence_at :]))
        if self._separator or not self._text:
            self._text += self._separator
            self._separator = ""
            self._token_at, self._token_counts = len(self._text), False
        self._text += char
        if char.isalnum() and (is_wide(char) or not self._token_counts):
            at = len(self._text) - 1 if self._token_counts else self._token_at
            self._token_counts = True
            self._word_began(at)
        self._keep_length()

    def _ends_wide(self) -> bool:
        """Whether the text ends in punctuation that no blank need follow."""
        end = self._text.rstrip(CLOSING)[-1:]
        return not self._separator and end != "" and end in WIDE_ENDS

    def _at_border(self, border: Border) -> None:
        at = len(self._text)
        if border >= Border.SENTENCE:
            self._sentence_at = at + bool(self._separator)
        if not self._words or border is Border.NONE:
            return
        if self._suffices(border):
            self._cut(at)
        elif not self._first and self._words >= self._limits.min_words:
            self._candidates[border] = at

    def _suffices(self, border: Border) -> bool:
        limits, words = self._limits, self._words
        if self._first:
            clause = words >= limits.first_clause_words and not self._first_sentence
            return border >= Border.SENTENCE or clause
        if words < limits.min_words:
            return False
        if border is Border.THOUGHT or len(self._text) > limits.soft_chars:
            return True
        if border is Border.SENTENCE:
            return not self._seen_marker or words >= limits.thought_words
        return not self._seen_marker and words >= limits.clause_words

    def _word_began(self, at: int) -> None:
        before = self._text[:at].rstrip()
        if self._words:
            self._any_border = at
            torn = before[-1:].isdigit() and self._text[at].isdigit()
            if not torn and not must_go_on(before[self._sentence_at :]):
                self._word_border = at
        self._words += 1
        limits = self._limits
        if self._words > (limits.first_max_words if self._first else limits.max_words):
            self._cut(self._best_border())

    def _keep_length(self) -> None:
        if len(self._text) > self._limits.soft_chars and self._candidates:
            self._cut(self._best_border())
        if len(self._text) > self._limits.forced_chars:
            self._cut(self._best_border() or self._limits.forced_chars)

    def _best_border(self) -> int:
        if self._candidates:
            return self._candidates[max(self._candidates)]
        return self._word_border or self._any_border

    def _cut(self, at: int) -> None:
        """End the phrase at `at`; what was already written after it begins the next one."""
        phrase, rest = self._text[:at], self._text[at:] + self._separator
        worded = any(map(str.isalnum, phrase))
        self._begin()
        if worded:
            self._phrases.append(_collapsed(phrase))
            self._first = False
        self._take(rest)


def _collapsed(text: str) -> str:
    return " ".join(text.split())
