"""Thought markers (`||BREAK||`) in a language model's text. Owns finding them however the text is
split into tokens; where phrases end is decided in `conversation.phrases`.

A marker is two pipes, BREAK in any case with up to three blanks on either side, two pipes. Models
are sloppy, so these count as markers as well: a pipe too few on either side (`||BREAK|`,
`|BREAK||`), both too few in capitals (`|BREAK|`), and `||BREAK` as a word of its own. A beginning
of one (`||BRE`) is dropped at the end of the text and before anything but a letter or digit.
Every other pipe becomes a blank: nobody can say it.
"""

import re

BREAK = "\x1e"
"""Stands in the text for a marker; ASCII's record separator, whitespace to `str.split`."""

_BEGUN = re.compile(
    r"(?P<lead>\|{1,2})(?P<gap>[ \t]{0,3})"
    r"(?P<word>b(?:r(?:e(?:a(?P<whole>k)?)?)?)?)?"
    r"(?P<after>(?(whole)[ \t]{0,3}(?P<trail>\|{0,2})))",
    re.IGNORECASE,
)


class MarkerFilter:
    """Replace markers by BREAK in a text that comes piece by piece; holds back 14 characters at
    most. One instance a text."""

    def __init__(self) -> None:
        self._held = ""

    def push(self, text: str) -> str:
        return "".join(map(self._step, text))

    def finish(self) -> str:
        held, self._held = self._held, ""
        return _resolved(held, "") if held else ""

    def _step(self, char: str) -> str:
        if self._held == "||" and char == "|":
            return " "
        begun = _BEGUN.fullmatch(self._held + char)
        if begun and begun["trail"] == "||":
            self._held = ""
            return BREAK
        if begun:
            self._held += char
            return ""
        if not self._held:
            return "\n" if char == BREAK else char
        held, self._held = self._held, ""
        return _resolved(held, char) + self._step(char)


def _resolved(held: str, following: str) -> str:
    """What a begun marker turns out to be, now that `following` (or the end) comes after it."""
    begun = _BEGUN.fullmatch(held)
    assert begun
    lead, word, trail = len(begun["lead"]), begun["word"] or "", len(begun["trail"] or "")
    literal = held.replace("|", " ")
    capitals = word.isupper()
    if begun["whole"]:
        own_word = begun["after"] != "" or not following.isalnum()
        if (lead == 2 and own_word) or (trail == 1 and capitals):
            return BREAK
        return literal
    if not following:
        half = lead == 2 or (capitals and not begun["gap"])
        return " " if word and half else literal
    half = lead == 2 and capitals and len(word) > 1 and not following.isalnum()
    return " " if half else literal
