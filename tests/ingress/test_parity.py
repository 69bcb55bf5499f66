"""One dialogue, over a telephone and over Realtime: the same history, to the word.

Three turns, the second one interrupted. Both lines live by a clock that is put on by hand, so that
the agent is interrupted at the same place of its reply.
"""

from collections.abc import Awaitable, Callable

from configs.agents import Agent
from tests.ingress.line import SPEECH as TELEPHONE_SPEECH
from tests.ingress.line import Line, Models
from tests.ingress.realtime.peer import RATE_HZ, SPEECH, Peer

SAID = ["What is one?", "Count to twelve.", "Thank you."]
REPLIES = ["One is one.", "One two three four. Five six seven eight. Nine ten eleven.", "Bye."]
PHRASE_S = 0.8  # of each phrase, however many words it has
HEARD_S = 1.15
HISTORY = [
    ("user", "What is one?", False),
    ("assistant", "One is one.", False),
    ("user", "Count to twelve.", False),
    ("assistant", "One two three four. Five six seven", True),
    ("user", "Thank you.", False),
    ("assistant", "Bye.", False),
]


class Clock:
    """Stands still until it is put on."""

    def __init__(self) -> None:
        self.reading_s = 1_000.0

    def __call__(self) -> float:
        return self.reading_s

    async def play(self, sent: Callable[[float], Awaitable[None]], seconds: float) -> None:
        """Let so many seconds pass, never faster than what is to be heard in them was sent."""
        played_s = 0.0
        while played_s < seconds:
            await sent(min(played_s + 0.1, seconds))
            step_s = min(0.05, seconds - played_s)
            self.reading_s += step_s
            played_s += step_s

    async def play_out(self, sent: Callable[[float], Awaitable[None]]) -> None:
        """A turn of one phrase, and a moment more."""
        await self.play(sent, PHRASE_S)
        self.reading_s += 0.1


def models() -> Models:
    return Models(transcripts=SAID, replies=REPLIES, phrase_s=PHRASE_S)


def agent() -> Agent:
    return Agent(prompt="Be brief.", phrase_markers=False)


def told(call) -> list[tuple[str, str, bool]]:
    return [(m.role, m.text, m.cut_off) for m in call.state.history]


async def over_twilio() -> list[tuple[str, str, bool]]:
    clock, before_s = Clock(), 0.0

    async def sent(seconds: float) -> None:
        await line.until(lambda line: line.played_s - before_s > seconds - 0.001)

    async with Line(models(), agent(), now_s=clock) as line:
        line.say()
        await clock.play_out(sent)
        await line.turns(1)
        before_s, line.echo_marks = line.played_s, False
        line.say()
        await clock.play(sent, HEARD_S)
        line.play(TELEPHONE_SPEECH)
        await line.until(lambda line: line.count("clear"))
        before_s, line.echo_marks = line.played_s, True
        line.silence()
        await clock.play_out(sent)
        await line.turns(3)
        return told(line.call)


async def over_realtime() -> list[tuple[str, str, bool]]:
    clock, before_s = Clock(), 0.0

    async def sent(seconds: float) -> None:
        await peer.until(lambda peer: sent_s(peer) - before_s > seconds - 0.001)

    async with Peer(models(), agent(), now_s=clock) as peer:
        peer.say()
        await clock.play_out(sent)
        await peer.quiet()
        before_s = sent_s(peer)
        peer.say()
        await clock.play(sent, HEARD_S)
        peer.append(SPEECH)
        cancelled = (await peer.sent("response.done", 2))["response"]
        before_s = sent_s(peer)
        place = {"item_id": cancelled["output"][0]["id"], "content_index": 0}
        peer.send("conversation.item.truncate", audio_end_ms=round(HEARD_S * 1_000), **place)
        peer.silence()
        await clock.play_out(sent)
        await peer.quiet()
        return told(peer.call)


def sent_s(peer: Peer) -> float:
    return len(peer.sound) / RATE_HZ


async def test_the_same_history() -> None:
    assert await over_twilio() == await over_realtime() == HISTORY
