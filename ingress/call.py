"""One call: where pure decisions meet I/O.

Owns the call's tasks and nothing else: what to do is `conversation.turns`' decision, how a turn is
spoken is `ingress.speaking`'s, what goes over the wire is the codec's.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from audio.pcm import Audio
from configs.agents import Agent
from conversation.events import (
    CallEnded,
    CallStarted,
    CloseTurn,
    Command,
    DropTurn,
    EndRequested,
    Event,
    FallBack,
    HangUp,
    Note,
    Reply,
    Say,
    SpeechEnded,
    Ticked,
    Transcribe,
    Transcribed,
    TranscriptFailed,
)
from conversation.state import Conversation
from conversation.turns import advance
from ingress.backends import BackendError, Backends
from ingress.call_log import CallLog
from ingress.hearing import Hearing
from ingress.lines import FixedLines
from ingress.metrics import Metrics
from ingress.outbox import Outbox
from ingress.partials import Partials
from ingress.protocols.codec import POLICY, Codec, ProtocolError
from ingress.protocols.outputs import CallerSaid, Closed, Noted, Play, TurnClosed
from ingress.speaking import Speaking
from ingress.stages import Stage, Stages

TICK_S = 0.25
"""How often the pure core is told the time; its limits are seconds to hours."""

SEND_TIMEOUT_S = 10.0
"""A peer that has not read for as long as this is gone; Twilio itself drops audio long before."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every call of a replica shares, and the clock (seconds) that it lives by."""

    backends: Backends
    lines: FixedLines
    metrics: Metrics
    now_s: Callable[[], float]


class CallOver(Exception):
    """Ends a call's task group, and with it every task of the call."""


class Call:
    """Run with `run`, once. Cancelling that ends everything the call has under way."""

    def __init__(
        self,
        codec: Codec,
        hearing: Hearing,
        agent: Agent,
        state: Conversation,
        around: Surroundings,
        log: CallLog,
        *,
        partial_every_ms: int,
    ) -> None:
        self.state = state
        self._codec, self._hearing, self._agent = codec, hearing, agent
        self._around, self._log = around, log
        self._outbox, self._stages = Outbox(), Stages()
        self._partials = Partials(hearing, partial_every_ms)
        self._turn: asyncio.Task[None] | None = None
        self._partial: asyncio.Task[None] | None = None
        self._speaking = Speaking(
            agent,
            around.backends,
            around.lines,
            self._outbox,
            self._step,
            lambda: self.state,
            self._reached,
        )

    async def run(
        self, inbox: AsyncIterator[str | bytes], send: Callable[[str], Awaitable[None]]
    ) -> None:
        """Hold the call until the inbox ends, the caller stops it or we hang up. Raises an
        exception group with a ProtocolError when the peer breaks the protocol."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._tasks.create_task(self._write(send), name="writer")
                self._tasks.create_task(self._tick(), name="clock")
                self._tasks.create_task(self._read(inbox), name="reader")
        except* CallOver:
            pass
        finally:
            self._step(CallEnded("over"))

    def end(self, reason: str) -> None:
        """Hang up now, from outside: the server stops."""
        self._step(EndRequested(reason))

    async def _read(self, inbox: AsyncIterator[str | bytes]) -> None:
        self._step(Ticked(self._around.now_s()))
        self._step(CallStarted())
        async for message in inbox:
            for item in self._codec.decode(message):
                if isinstance(item, Audio):
                    self._hear(item)
                elif isinstance(item, CallEnded):
                    raise CallOver
                else:
                    self._step(item)
        raise CallOver

    async def _write(self, send: Callable[[str], Awaitable[None]]) -> None:
        while True:
            output = await self._outbox.get()
            try:
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    for message in self._codec.encode(output):
                        await send(message)
            except TimeoutError:
                raise ProtocolError(POLICY, f"not read for {SEND_TIMEOUT_S:g} s") from None
            if isinstance(output, Play):
                self._reached("sent")
            elif isinstance(output, Closed):
                raise CallOver

    async def _tick(self) -> None:
        while True:
            self._step(Ticked(self._around.now_s()))
            await asyncio.sleep(TICK_S)

    def _hear(self, audio: Audio) -> None:
        for event in self._hearing.push(audio):
            if isinstance(event, SpeechEnded):
                self._end_partial()
                if event.complete and self.state.phase == "listening":
                    self._stages.begin(self._around.now_s(), event.silence_ms)
            self._step(event)
        in_flight = self._partial is not None and not self._partial.done()
        if utterance := self._partials.due(in_flight=in_flight):
            work = self._preview(self._hearing.audio_of(utterance))
            self._partial = self._tasks.create_task(work, name="partial")

    def _step(self, event: Event) -> None:
        self.state, commands = advance(self.state, event)
        for command in commands:
            self._perform(command)

    def _perform(self, command: Command) -> None:
        match command:
            case Transcribe(segment, utterance):
                work = self._transcribe(segment, self._hearing.audio_of(utterance))
                self._tasks.create_task(work, name=f"transcribe-{segment}")
            case Reply():
                self._start(command.turn, self._speaking.reply(command))
            case Say():
                self._start(command.turn, self._speaking.say(command))
            case DropTurn():
                if self._turn:
                    self._turn.cancel()
                self._outbox.clear()
            case HangUp(reason):
                self._outbox.put(Closed(reason))
            case _:
                self._record(command)

    def _start(self, turn: int, work: Coroutine[Any, Any, None]) -> None:
        self._turn = self._tasks.create_task(work, name=f"turn-{turn}")

    def _record(self, command: CloseTurn | FallBack | Note) -> None:
        """Put on the call's record what has come about."""
        metrics = self._around.metrics
        match command:
            case CloseTurn(turn, outcome, heard):
                stages_ms = self._stages.finish()
                said = [m.text for m in self.state.history if m.role == "user"][-1:]
                facts = {"caller": said, "heard": heard, "stages_ms": stages_ms}
                self._log.info("turn", turn=turn, outcome=outcome, **facts)
                self._outbox.put(TurnClosed(turn, outcome, stages_ms))
                metrics.count("parley_turns_total", outcome=outcome)
                if outcome in ("answered", "interrupted"):
                    observe_stages(metrics, stages_ms)
            case FallBack(tier, failure, detail):
                self._log.warning("fallback", tier=tier, failure=failure, detail=detail)
                metrics.count("parley_fallbacks_total", tier=str(tier))
            case Note(kind, text):
                self._log.info(kind, text=text)
                self._outbox.put(Noted(f"{kind}: {text}"))
                if kind == "queue_full":
                    metrics.count("parley_queued_turns_refused_total")

    async def _transcribe(self, segment: int, speech: Audio) -> None:
        try:
            text = await self._text_of(speech, final=True) or ""
        except BackendError as error:
            self._step(TranscriptFailed(segment, error.failure, error.detail))
            return
        self._reached("transcript")
        self._outbox.put(CallerSaid(self.state.turn, text, final=True))
        self._step(Transcribed(segment, text))

    async def _preview(self, speech: Audio) -> None:
        try:
            text = await self._text_of(speech, final=False)
        except BackendError:
            text = None  # counted where it was raised; the final transcript will tell
        outcome = "skipped" if text is None else "done"
        self._around.metrics.count("parley_partials_total", outcome=outcome)
        if text:
            self._outbox.put(CallerSaid(self.state.turn, text, final=False))

    def _end_partial(self) -> None:
        if self._partial:
            self._partial.cancel()
            self._partial = None

    async def _text_of(self, speech: Audio, *, final: bool) -> str | None:
        transcript = await self._around.backends.transcriber.transcribe(
            speech,
            language=self._agent.language,
            final=final,
            deadline_s=self._agent.limits.request_timeout_s,
        )
        return transcript.text if transcript else None

    def _reached(self, stage: Stage) -> None:
        self._stages.reached(stage, self._around.now_s())


def observe_stages(metrics: Metrics, stages_ms: dict[str, float]) -> None:
    for stage, ms in stages_ms.items():
        metrics.observe("parley_stage_ms", ms, stage=stage)
    if "sent" in stages_ms:
        metrics.observe("parley_first_audio_ms", stages_ms["sent"])
