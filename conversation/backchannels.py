"""What listeners say in passing while somebody else speaks: no turn of their own. Pure.

After Yngve, "On getting a word in edgewise" (1970), and Switchboard's tag `b` (Jurafsky et al.,
1997), whose most frequent are "uh-huh", "yeah", "right", "okay", "mm-hm".
"""

import re
from collections.abc import Collection

BACKCHANNELS: dict[str, tuple[str, ...]] = {
    "en": (
        "mm-hm", "mmhmm", "mhm", "mm", "mmm", "hmm", "hm", "uh-huh", "uh huh", "huh", "uh", "um",
        "ah", "oh", "okay", "ok", "right", "all right", "alright", "sure", "yeah", "yep", "yes",
        "i see", "got it", "great", "good", "wow", "really", "of course",
    ),
    "de": (
        "mhm", "hm", "hmm", "aha", "ah", "oh", "äh", "ja", "ja ja", "genau", "okay", "ok", "gut",
        "alles klar", "verstehe", "stimmt", "richtig", "ach so", "sicher", "klar",
    ),
    "fr": (
        "mm", "hm", "ah", "oh", "euh", "oui", "ouais", "d'accord", "okay", "ok", "bien",
        "très bien", "je vois", "voilà", "bien sûr", "entendu",
    ),
    "es": (
        "mm", "ajá", "ah", "oh", "eh", "sí", "vale", "bien", "muy bien", "claro", "ya", "okay",
        "ok", "de acuerdo", "entiendo", "bueno",
    ),
    "it": (
        "mm", "ah", "oh", "eh", "sì", "va bene", "bene", "okay", "ok", "certo", "capisco",
        "esatto", "giusto",
    ),
    "pt": (
        "hum", "ah", "oh", "eh", "sim", "tá", "tá bom", "certo", "bem", "okay", "ok", "claro",
        "entendo", "pois é",
    ),
}  # fmt: skip
"""By ISO 639-1. A language that is not here has none: any word of it interrupts."""

_APART = re.compile(r"[^\w']+")
_APOSTROPHE = "\u2019"


def words_of(text: str) -> tuple[str, ...]:
    """Words in small letters, without punctuation; a hyphen parts two words."""
    return tuple(
        word for word in _APART.split(text.lower().replace(_APOSTROPHE, "'")) if word.strip("'")
    )


def interrupts(text: str, backchannels: Collection[str], min_words: int) -> bool:
    """Whether what the caller said over the agent asks for the floor: at least `min_words` words
    that are not all backchannels, one after the other."""
    words = words_of(text)
    passing = {words_of(one) for one in backchannels}
    return len(words) >= max(min_words, 1) and not _only(words, passing)


def _only(words: tuple[str, ...], passing: Collection[tuple[str, ...]]) -> bool:
    """Whether the words are nothing but backchannels in a row."""
    longest = max(map(len, passing), default=0)
    reached = {0}
    for at in range(len(words)):
        if at in reached:
            reached |= {at + n for n in range(1, longest + 1) if words[at : at + n] in passing}
    return len(words) in reached
