"""One simulated call, from its placing to the WAV of what was heard."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import soundfile

from loadtest.first_audio import RATE_HZ
from loadtest.phone import CallEnded, Phone, Text
from loadtest.placing import Called, placed
from loadtest.printout import Printout
from loadtest.script import Plan, Script, Turn


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls whom, and where the recording of the call goes."""

    called: Called
    call_sid: str
    wav: Path


async def call(caller: Caller, plan: Plan, printout: Printout) -> bool:
    """Hold the call: whether every turn was answered. Raises CallRefused."""
    printout.dialling(caller.called.server.url, caller.call_sid)
    answered: list[bool] = []
    async with (
        placed(caller.called, caller.call_sid, pace=plan.pace) as phone,
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
