"""One simulated call, from the webhook to the WAV of what was heard."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import soundfile
from websockets.exceptions import InvalidHandshake, InvalidURI

from loadtest.first_audio import RATE_HZ
from loadtest.media_streams import Start
from loadtest.network import Network
from loadtest.phone import CallEnded, Phone, Text, dial
from loadtest.printout import Printout
from loadtest.script import Plan, Script, Turn
from loadtest.webhook import CallRefused, Server, Stream, place_call
from loadtest.wheel import Wheel

ELSEWHERE_WITHIN_S = 3.0
"""A public address that we may not reach from here."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls whom, and where the recording of the call goes."""

    server: Server
    call_sid: str
    wav: Path
    agent: str | None = None
    parameters: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def query(self) -> dict[str, str]:
        """What the number's webhook is configured with."""
        return self.parameters | ({"agent": self.agent} if self.agent else {})


async def call(caller: Caller, plan: Plan, printout: Printout) -> bool:
    """Hold the call: whether every turn was answered. Raises CallRefused."""
    printout.dialling(caller.server.url, caller.call_sid)
    stream = await place_call(caller.server, caller.call_sid, caller.query)
    parameters = {**stream.parameters, "parley_events": "1"}
    start = Start(call_sid=caller.call_sid, parameters=parameters)
    answered: list[bool] = []
    async with (
        connected(caller.server, stream, start, plan.pace) as phone,
        asyncio.TaskGroup() as tasks,
    ):
        showing = tasks.create_task(show_texts(phone, printout))
        async for turn in Script(phone, plan).run():
            printout.turn(turn)
            answered.append(is_answered(turn))
        showing.cancel()
        soundfile.write(caller.wav, phone.heard(), RATE_HZ, subtype="PCM_16")
        printout.over(phone, caller.wav)
    return all(answered) and not phone.faults


def is_answered(turn: Turn) -> bool:
    return turn.first_audio_ms is not None and not turn.errors


async def show_texts(phone: Phone, printout: Printout) -> None:
    """Print what is said, the agent's phrases when they were heard: whole, or cut off."""
    shown, heard = 0, None
    try:
        while True:
            texts = await phone.until(lambda first=shown: phone.texts[first:] or None)
            for text in texts:
                kind, outcome = text.body.get("type"), text.body.get("outcome")
                if kind == "phrase" and not await is_played(phone, text):
                    continue
                if kind in ("phrase", "turn") and heard:
                    printout.text(heard.body, cut_off=outcome == "interrupted")
                heard = text if kind == "phrase" else None if kind == "turn" else heard
                if kind != "phrase":
                    printout.text(text.body)
            shown += len(texts)
    except CallEnded:
        if heard:
            printout.text(heard.body)


async def is_played(phone: Phone, text: Text) -> bool:
    """Wait until the sound that follows a text plays, or was taken back. Raises CallEnded."""

    def known() -> bool | None:
        if any(text.at <= at <= text.plays_at for at in phone.cleared):
            return False
        return True if phone.now > text.plays_at else None

    return await phone.until(known)


@asynccontextmanager
async def connected(
    server: Server,
    stream: Stream,
    start: Start,
    pace: float,
    *,
    network: Network = Network(),  # noqa: B008 (frozen)
    wheel: Wheel | None = None,
) -> AsyncGenerator[Phone]:
    """The stream's socket, at the first of its URLs that answers. Raises CallRefused."""
    headers = server.signature(stream.signed_url, {})
    dialled = partial(dial, start=start, pace=pace, headers=headers, network=network, wheel=wheel)
    failures: list[str] = []
    async with AsyncExitStack() as stack:
        for url in stream.urls:
            timeout_s = ELSEWHERE_WITHIN_S if url != stream.urls[-1] else 10.0
            try:
                phone = await stack.enter_async_context(dialled(url, open_timeout_s=timeout_s))
            except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
                failures.append(f"{url}: {error or type(error).__name__}")
            else:
                yield phone
                return
    raise CallRefused(f"the stream did not open: {'; '.join(failures)}")
