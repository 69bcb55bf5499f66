"""A caller's part in a call of several turns, and what became of each turn."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any

from loadtest.first_audio import RATE_HZ, first_audio_ms
from loadtest.phone import CallEnded, Phone, Spoken, Text
from loadtest.utterance import Utterance

GREETING_WITHIN_MS = 1_500
"""A greeting is ready before the call; later than this there is none."""

PAUSE_MS = 300
"""A polite caller's pause before speaking."""

REPLY_OVER_MS = 2_000
"""Where no text says so, a reply is over after so much silence: more than between phrases."""

HARMLESS_NOTICES = ("call ended", "queued", "digits")


@dataclass(frozen=True, slots=True)
class Plan:
    """What the caller does: utterances in a cycle, one a turn."""

    utterances: tuple[Utterance, ...]
    turns: int = 1
    barge_in_after_ms: float | None = None
    timeout_s: float = 60.0
    pace: float = 1.0


@dataclass(frozen=True, slots=True)
class Turn:
    """What the caller noticed of one turn. Texts are None where the server sends none; of a reply
    that was cut off, phrases of which nothing was heard are left out."""

    turn: int
    transcript: str | None
    reply: str | None
    first_audio_ms: float | None
    stages_ms: dict[str, float]
    errors: list[str]
    cut_off: bool = False


@dataclass(slots=True)
class Script:
    """One call's plan being carried out."""

    phone: Phone
    plan: Plan
    spoken: list[Spoken] = field(default_factory=list[Spoken])
    errors: dict[int, list[str]] = field(default_factory=dict[int, list[str]])

    async def run(self) -> AsyncGenerator[Turn]:
        """Speak turn by turn. A turn is given when its reply was heard out, or when the answer
        to the barge-in that cut it short begins."""
        given, still_open = 0, 0 if self.plan.barge_in_after_ms is None else 1
        utterances = itertools.cycle(self.plan.utterances)
        try:
            await greeting_over(self.phone)
            for number, utterance in zip(range(self.plan.turns), utterances, strict=False):
                await self._take(number, utterance)
                if number >= still_open:
                    yield self.turn(given)
                    given += 1
        except CallEnded as ended:
            self._failed(max(0, len(self.spoken) - 1), str(ended))
        for number in range(given, self.plan.turns):
            yield self.turn(number)

    async def _take(self, number: int, utterance: Utterance) -> None:
        begins = self.phone.now
        self.spoken.append(Spoken(begins, begins + len(utterance.payload)))  # until it is known
        self.spoken[number] = await self.phone.say(utterance)
        try:
            async with asyncio.timeout(self.plan.timeout_s):
                await self._answer(self.spoken[number], last=number + 1 == self.plan.turns)
        except TimeoutError:
            self._failed(number, f"no answer, or no end of it, in {self.plan.timeout_s:g} s")

    async def _answer(self, spoken: Spoken, *, last: bool) -> None:
        phone = self.phone
        begins = await phone.until(answered(phone, spoken))
        if begins < 0:
            return
        if self.plan.barge_in_after_ms is not None and not last:
            await phone.passed(begins + int(self.plan.barge_in_after_ms * RATE_HZ / 1_000))
            return
        await phone.until(over(phone, spoken))
        await phone.silent(PAUSE_MS)

    def _failed(self, number: int, why: str) -> None:
        self.errors.setdefault(number, []).append(why)

    def turn(self, number: int) -> Turn:
        """What is known of a turn so far, counted from 0."""
        if number >= len(self.spoken):
            return Turn(number + 1, None, None, None, {}, self.errors.get(number, ["not reached"]))
        begins = self.spoken[number].begins
        ends = self.spoken[number + 1].begins if number + 1 < len(self.spoken) else None
        heard = self.phone.playout.heard(0, self.phone.now if ends is None else ends)
        said = said_between(self.phone, begins, ends)
        return Turn(
            number + 1,
            _joined(said.transcripts) if self.phone.texts else None,
            _joined(said.replies) if self.phone.texts else None,
            first_audio_ms(heard, self.spoken[number].voiced_until),
            said.stages_ms,
            [*self.errors.get(number, []), *_complaints(said)],
            said.outcome == "interrupted",
        )


async def greeting_over(phone: Phone) -> None:
    """Hear the greeting out, if there is one, and pause politely. Raises CallEnded."""
    latest = GREETING_WITHIN_MS * RATE_HZ // 1_000
    await phone.until(lambda: True if phone.playout.end or phone.now >= latest else None)
    await phone.silent(PAUSE_MS)


def answered(phone: Phone, spoken: Spoken) -> Callable[[], int | None]:
    """To wait for: the sample at which an answer's first sound plays, or -1 when the server says
    that there will be none."""
    sound = phone.sound_from(spoken.voiced_until)

    def found() -> int | None:
        closed = phone.texts_of("turn", spoken.voiced_until)
        empty = bool(closed) and closed[-1].get("outcome") == "empty"
        return -1 if empty else sound()

    return found


def over(phone: Phone, spoken: Spoken) -> Callable[[], bool | None]:
    """To wait for, once an answer has begun: every turn that the utterance began is closed, or,
    where no texts say so, it has been silent for `REPLY_OVER_MS`."""

    def happened() -> bool | None:
        if not phone.texts:
            silent = phone.now - phone.playout.end
            return True if silent >= REPLY_OVER_MS * RATE_HZ // 1_000 else None
        began = {body.get("turn") for body in phone.texts_of("transcript", spoken.begins)}
        closed = {body.get("turn") for body in phone.texts_of("turn", spoken.begins)}
        return True if began and began <= closed else None

    return happened


@dataclass(frozen=True, slots=True)
class Said:
    """The texts of the turns that an utterance began, finals only."""

    transcripts: list[dict[str, Any]]
    replies: list[dict[str, Any]]
    closed: list[dict[str, Any]]
    notices: list[str]

    @property
    def outcome(self) -> str | None:
        return str(self.closed[-1].get("outcome")) if self.closed else None

    @property
    def stages_ms(self) -> dict[str, float]:
        return dict(self.closed[-1].get("stages_ms") or {}) if self.closed else {}


def said_between(phone: Phone, begins: int, ends: int | None) -> Said:
    """What was said of the turns whose transcripts came in that part of the line, whenever their
    other texts came. Phrases of a reply that was cut off are left out if nothing of them was
    heard, and so are notices that tell no trouble."""
    within = [text for text in phone.texts if begins <= text.at and _before(text, ends)]
    transcripts = _of(within, "transcript")
    theirs = {body.get("turn") for body in transcripts}
    of_theirs = [text for text in phone.texts if text.body.get("turn") in theirs]
    closed = _of(of_theirs, "turn")
    closed = closed or [b for b in _of(within, "turn") if b.get("outcome") != "greeted"]
    if closed and closed[-1].get("outcome") == "interrupted":
        of_theirs = _heard(of_theirs, phone.cleared)
    notices = [str(notice.get("text", "")) for notice in _of(within, "notice")]
    troubles = [text for text in notices if not text.startswith(HARMLESS_NOTICES)]
    return Said(transcripts, _of(of_theirs, "phrase"), closed, troubles)


def _heard(texts: list[Text], cleared: list[int]) -> list[Text]:
    """Those whose sound had begun to play before the caller's end was told to drop it."""
    return [text for text in texts if not any(text.at <= at <= text.plays_at for at in cleared)]


def _before(text: Text, ends: int | None) -> bool:
    return ends is None or text.at < ends


def _of(texts: list[Text], kind: str) -> list[dict[str, Any]]:
    bodies = [text.body for text in texts if text.body.get("type") == kind]
    return [body for body in bodies if body.get("final", True)]


def _joined(bodies: list[dict[str, Any]]) -> str:
    return " ".join(str(body.get("text", "")) for body in bodies).strip()


def _complaints(said: Said) -> list[str]:
    complaints = {
        "empty": ["the agent understood nothing"],
        "failed": ["the agent could not answer and said so"],
    }
    return complaints.get(str(said.outcome), []) + said.notices
