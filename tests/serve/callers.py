"""Callers on a running stack: simulated Twilio phones with recorded speech."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from loadtest.media_streams import Start
from loadtest.phone import Phone, dial
from loadtest.utterance import Utterance, read_utterance
from tests.serve.stack import Stack

DATA = Path(__file__).parents[1] / "data"
CLIPS = sorted(DATA.glob("librivox-*.wav"))
SHORT = DATA / "librivox-0880.wav"
ANSWER_WITHIN_S = 180


@asynccontextmanager
async def call(stack: Stack, *, pace: float = 1.0, **parameters: str) -> AsyncGenerator[Phone]:
    """A call whose greeting has been heard."""
    url = stack.url.replace("http", "ws", 1) + "/twilio/media"
    start = Start(parameters={"parley_events": "1", **parameters})
    async with dial(url, start, pace=pace) as phone:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            await phone.until(lambda: closed_turns(phone) or None)
        yield phone


def closed_turns(phone: Phone) -> list[dict[str, Any]]:
    return phone.texts_of("turn")


async def turn(phone: Phone, utterance: Utterance) -> dict[str, Any]:
    """Say something and wait for the turn's end: its outcome, what was understood, the reply."""
    turns, transcripts = len(closed_turns(phone)), len(phone.texts_of("transcript"))
    phrases = len(phone.texts_of("phrase"))
    async with asyncio.timeout(ANSWER_WITHIN_S):
        await phone.say(utterance)
        await phone.until(lambda: len(closed_turns(phone)) > turns or None)
    said = " ".join(text["text"] for text in phone.texts_of("phrase")[phrases:])
    return {
        **closed_turns(phone)[turns],
        "transcript": " ".join(t["text"] for t in phone.texts_of("transcript")[transcripts:]),
        "reply": said,
    }


def short() -> Utterance:
    return read_utterance(SHORT)
