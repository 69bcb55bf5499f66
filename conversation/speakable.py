"""Written text into what can be said. Owns the removal of markdown, emoji and control characters,
piece by piece; it changes no word and decides nothing about phrases.

What goes: emphasis, headings, bullets, quotes, rules, tables' pipes, link and image targets (their
text stays), backticks (inline code is said), fenced code with its content, HTML tags, emoji and
pictographs (a keycap leaves its digit), control and invisible characters. `3 * 4`, `3*4`,
snake_case, "#1" and numbered lists stay. Decisions look at most at the next few characters, so
that text can be spoken while it is still being written: a begun tag is held back for at most 100
characters, a link's target for 500.
"""

import re
import unicodedata
from collections import deque

from conversation.markers import BREAK

_PICTURE = "\x1f"  # a pictograph on its way through: neither a word nor a blank beside a `*`
_LINE_ENDS = "\n" + BREAK
_RUNS = "*_~`"
_BEFORE_A_LINE = frozenset(" -*_=+>#•·`~:")
_LONGEST_PREFIX, _LONGEST_TAG, _LONGEST_TARGET = 100, 100, 500

_BLOCK_MARK = re.compile(r" *(?:>|#{1,6}(?= )|[-+*•·](?= )|[-=]{3,}(?= ))")
_FENCE = re.compile(r"[ >]*(```+|~~~+)")
_TARGET = re.compile(r"\S*(?:\s+(?:[\"'(].*)?)?")
_BLOCK_TAG = re.compile(r"/?(?:br|p|div|li|tr|ul|ol|hr|table|h[1-6])\b", re.IGNORECASE)

_PICTOGRAPHS = (
    (0x2190, 0x21FF),  # arrows
    (0x2300, 0x245F),  # technical, control pictures
    (0x2500, 0x27BF),  # boxes, shapes, symbols, dingbats
    (0x2900, 0x297F),  # arrows
    (0x2B00, 0x2BFF),  # arrows and shapes
    (0x1F000, 0x1FAFF),  # emoji, flags, skin tones
)
_PICTOGRAPHS_APART = frozenset("\u2139\u24c2\u3030\u303d\u3297\u3299\ufffc\ufffd")
_COMBINING_KEYCAP = "\u20e3"


def speakable(text: str) -> str:
    """The words of a whole text as they can be said, whitespace collapsed."""
    stream = SpeakableStream()
    return " ".join((stream.push(text) + stream.finish()).split())


class SpeakableStream:
    """Text in pieces, what can be said of it out; line ends and BREAK stay in as borders. Any
    split of a text gives the same. One instance a text."""

    def __init__(self) -> None:
        self._queue: deque[str] = deque()
        self._said: list[str] = []
        self._before = "\n"  # the character before, dropped or not
        self._prefix: str | None = ""  # of a line that has only begun; None within a line
        self._held = ""  # a begun construct
        self._fence = ""
        self._info: str | None = None  # the rest of the line that opened a fence

    def push(self, text: str) -> str:
        for char in text:
            if plain := _plain(char):
                self._queue.append(plain)
                while self._queue:
                    self._step(self._queue.popleft())
        return self._taken()

    def finish(self) -> str:
        """What was held back, as if a line ended here; a link's unfinished target is dropped."""
        if self._held.startswith("](") and " " not in self._held:
            self._held = ""
        self.push("\n")
        return self._taken()

    def _taken(self) -> str:
        said, self._said = "".join(self._said).replace(_PICTURE, " "), []
        return said

    def _step(self, char: str) -> None:
        if self._fence:
            self._within_fence(char)
        elif self._prefix is not None:
            self._at_line_start(self._prefix, char)
        elif self._held:
            self._within_construct(char)
        elif char in _RUNS or char in "<!\\]":
            self._held = char
        elif char == "[":
            self._before = char
        else:
            self._say(char)

    def _say(self, char: str) -> None:
        self._said.append(char)
        self._before = char
        if char in _LINE_ENDS:
            self._prefix = ""

    def _again(self, text: str) -> None:
        """Read `text` once more, as what it is when it is no construct."""
        self._held = ""
        self._queue.extendleft(reversed(text))

    def _at_line_start(self, prefix: str, char: str) -> None:
        if (char in _BEFORE_A_LINE or char == _PICTURE) and len(prefix) < _LONGEST_PREFIX:
            self._prefix = prefix + char.replace(_PICTURE, " ")
        elif fence := _FENCE.match(prefix):
            self._fence, self._info, self._prefix = fence[1][0], "", ""
            self._again(char)
        elif char in _LINE_ENDS:  # a rule, a table's second row, an empty bullet
            self._say(char)
        else:
            self._prefix = None
            at = 0
            while mark := _BLOCK_MARK.match(prefix, at):
                at = mark.end()
            self._again(prefix[at:] + char)

    def _within_fence(self, char: str) -> None:
        prefix = self._prefix or ""
        if self._info is not None and char not in _LINE_ENDS:
            self._info += char
            if char == "`" == self._fence and len(self._info) <= _LONGEST_PREFIX:
                self._fence, self._prefix = "", None  # ```code``` within one line
                self._again(self._info)
        elif char in _LINE_ENDS and not self._closes(prefix):
            self._info, self._prefix = None, ""
        elif char != self._fence and self._closes(prefix):
            self._fence, self._prefix = "", None
            self._again(char)
        elif len(prefix) < _LONGEST_PREFIX:
            self._prefix = prefix + char

    def _closes(self, line: str) -> bool:
        fence = _FENCE.fullmatch(line.rstrip(" "))
        return bool(fence) and fence[1][0] == self._fence

    def _within_construct(self, char: str) -> None:
        match self._held[0]:
            case "<":
                self._within_tag(char)
            case "]":
                self._within_target(char)
            case "!":
                self._held = ""
                if char != "[":  # else an image
                    self._say("!")
                self._again(char)
            case "\\":
                self._escaped(char)
            case run if run == char:
                self._held = (self._held + char)[:3]
            case _:
                if _survives(self._held, self._before, char):
                    self._said.append(self._held)
                self._before = self._held[0]
                self._again(char)

    def _escaped(self, char: str) -> None:
        self._held = ""
        if char.isascii() and char.isprintable() and not char.isalnum() and char != " ":
            self._say(char)
        else:
            self._said.append("" if char in _LINE_ENDS else "\\")
            self._again(char)

    def _within_tag(self, char: str) -> None:
        body = self._held[1:]
        begins = bool(body) or char.isalpha() or char in "/!"
        if char == ">" and body:
            self._held = ""
            if "://" in body or "@" in body:
                self._said.append(body)
            elif _BLOCK_TAG.match(body):
                self._said.append("\n")
            self._before = char
        elif not begins or char in _LINE_ENDS + "<" or len(body) >= _LONGEST_TAG:
            self._say("<")
            self._again(body + char)
        else:
            self._held += char

    def _within_target(self, char: str) -> None:
        target = self._held[2:]
        if self._held == "]" and char != "(":
            self._before = "]"
            self._again(char)
        elif self._held == "]":
            self._held = "]("
        elif char == ")" and target.count("(") == target.count(")"):
            self._held, self._before = "", char
        elif (
            char in _LINE_ENDS + "[]"
            or len(target) >= _LONGEST_TARGET
            or not _TARGET.fullmatch(target + char)
        ):
            self._say("(")
            self._again(target + char)
        else:
            self._held += char


def _survives(run: str, before: str, after: str) -> bool:
    """Whether a run of `*`, `_`, `~` or backticks is text and not markdown."""
    match run:
        case "*":
            return before == after == " " or (before.isdigit() and after.isdigit())
        case "~":
            return True
        case _:
            return run[0] == "_" and before.isalnum() and after.isalnum()


def _plain(char: str) -> str:
    """A character as the stream reads it; empty if it is invisible."""
    if char in "\r\u2028\u2029\x85":
        return "\n"
    if char in _LINE_ENDS:
        return char
    if char == "|" or char.isspace():
        return " "
    if char.isascii() and char.isprintable():
        return char
    if char.isnumeric():  # circled digits stand among the dingbats
        return char
    if char in _PICTOGRAPHS_APART or any(
        first <= ord(char) <= last for first, last in _PICTOGRAPHS
    ):
        return _PICTURE
    match unicodedata.category(char):
        case "Cc":
            return " "
        case "Cf" | "Co" | "Cs" | "Cn":
            return ""
        case _:
            return "" if char == _COMBINING_KEYCAP or "\ufe00" <= char <= "\ufe0f" else char
