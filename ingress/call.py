"""One call: where pure decisions meet I/O.

Owns the call's tasks and nothing else: what to do is `conversation.turns`' decision, how a turn is
spoken is `ingress.speaking`'s, what goes over the wire is the codec's.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import numpy as np

from audio.pcm import Audio, Samples
from audio.voice_activity import RATE_HZ
from configs.agents import Agent
from conversation.commands import (
    CloseTurn,
    Command,
    Discard,
    DropTurn,
    FallBack,
    Forget,
    HangUp,
    Hold,
    Note,
    Release,
    Reply,
    Resume,
    Say,
    Transcribe,
    Understood,
    Warm,
)
from conversation.events import (
    CallEnded,
    CallStarted,
    EndRequested,
    Event,
    Paused,
    Played,
    PlayedOut,
    SpeechEnded,
    Ticked,
    Transcribed,
)
from conversation.state import Conversation
from conversation.turns import advance
from ingress.backends import Backends
from ingress.call_log import CallLog
from ingress.hearing import Hearing
from ingress.judging import TurnJudge
from ingress.lines import FixedLines
from ingress.metrics import Metrics
from ingress.outbox import Outbox
from ingress.protocols.codec import POLICY, Codec, ProtocolError
from ingress.protocols.outputs import CallerSaid, Closed, Play
from ingress.speaking import Speaking
from ingress.stages import Stage, Stages
from ingress.transcribing import Transcribing
from ingress.turn_log import TurnLog
from ingress.turn_work import TurnWork
from ingress.warming import warm

TICK_S = 0.25
"""How often the pure core is told the time; its limits are seconds to hours."""

LINE_SILENT_S = 2.0
"""A line that has sent nothing for so long is taken for silent, so that an endpoint still comes.
Twilio sends a frame every 20 ms, and none when its own peer sends none. Our choice: a lost TCP
segment holds frames back for some 0.2 s, a bad network or a busy sender for a second, and they come
all the same; silence put in their place would cut a sentence in two."""

SEND_TIMEOUT_S = 10.0
"""A peer that has not read for as long as this is gone; Twilio itself drops audio long before."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every call of a replica shares, and the clock (seconds) that it lives by."""

    backends: Backends
    lines: FixedLines
    metrics: Metrics
    now_s: Callable[[], float]
    lead_s: float = 0.2
    partial_every_ms: int = 0
    judge: TurnJudge | None = None


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
    ) -> None:
        self.state = state
        self._codec, self._hearing, self._agent, self._around = codec, hearing, agent, around
        self._frame_s = self._played_s = around.now_s()
        self._stages = Stages()
        self._outbox = Outbox(
            codec.rate_hz,
            around.lead_s,
            around.now_s,
            lambda: self.state.generation,
            lambda: self._step(PlayedOut()),
        )
        self._turns = TurnLog(self._stages, self._outbox, around.metrics, log, lambda: self.state)
        speaking = Speaking(
            agent, around.backends, around.lines, self._outbox, self._step, self._reached
        )
        self._work = TurnWork(speaking, self._outbox, around.metrics, around.now_s)
        self._transcribing = self._new_transcribing()

    def _new_transcribing(self) -> Transcribing:
        around = self._around
        return Transcribing(
            self._hearing,
            self._agent,
            around.backends.transcriber,
            around.metrics,
            around.now_s,
            partial_every_ms=around.partial_every_ms,
            step=self._understand,
            preview=lambda text: self._outbox.put(CallerSaid(self.state.turn, text, final=False)),
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
            self._played()
            self._step(CallEnded("over"))

    def end(self, reason: str) -> None:
        """Hang up now, from outside: the server stops."""
        self._played()
        self._step(EndRequested(reason))

    async def _read(self, inbox: AsyncIterator[str | bytes]) -> None:
        self._step(Ticked(self._around.now_s()))
        self._step(CallStarted())
        async for message in inbox:
            for item in self._codec.decode(message):
                if isinstance(item, Audio):
                    self._frame_s = self._around.now_s()
                    self._hear(item)
                elif isinstance(item, CallEnded):
                    raise CallOver
                else:
                    self._step(item)
        raise CallOver

    async def _write(self, send: Callable[[str], Awaitable[None]]) -> None:
        while True:
            output = await self._outbox.get()
            for message in self._codec.encode(output):
                await within_time(send(message))
            if isinstance(output, Play):
                self._reached("sent")
            elif isinstance(output, Closed):
                raise CallOver

    async def _tick(self) -> None:
        ticked_s = self._around.now_s()
        while True:
            now_s = self._around.now_s()
            self._step(Ticked(now_s))
            on_time = now_s - ticked_s < 2 * TICK_S  # else frames may wait for us, not we for them
            if on_time and self._hearing.talking and now_s - self._frame_s > LINE_SILENT_S:
                self._hear(silence(now_s - self._frame_s))
                self._frame_s = now_s
            ticked_s = now_s
            await asyncio.sleep(TICK_S)

    def _hear(self, audio: Audio) -> None:
        for event in self._hearing.push(audio):
            if isinstance(event, SpeechEnded):
                if event.complete:
                    begun = self.state.phase == "replying"
                    begin = self._stages.begin_next if begun else self._stages.begin
                    begin(self._around.now_s(), event.silence_ms)
            else:
                self._played()
            if isinstance(event, Paused) and self._around.judge:
                speech = self._hearing.audio_of(event.utterance)
                self._tasks.create_task(self._judge(event, speech.samples), name="judge")
            self._step(event)
            self._resolved()
        if self._hearing.talking:
            self._transcribing.preview(self._tasks)

    def _played(self) -> None:
        """Tell the core what the caller has heard, before it decides what to do about a voice."""
        self._played_s = self._around.now_s()
        if self.state.phase == "replying":
            position = self._outbox.position(self._played_s)
            self._step(Played(position.phrase, position.seconds))

    async def _judge(self, pause: Paused, speech: Samples) -> None:
        if (judge := self._around.judge) is not None:
            complete = await judge.complete(speech)
            self._hearing.judge(pause.utterance, complete=complete)

    def _understand(self, event: Event) -> None:
        self._step(event)
        if isinstance(event, Transcribed):
            self._reached("transcript")
        self._resolved()

    def _resolved(self) -> None:
        """An utterance that was no turn of its own leaves no times behind."""
        if not self.state.segments:
            self._stages.begin_no_more()

    def _step(self, event: Event) -> None:
        self.state, commands = advance(self.state, event)
        for command in commands:
            self._perform(command)

    def _perform(self, command: Command) -> None:
        match command:
            case Transcribe():
                self._transcribing.begin(command, self._tasks)
            case Forget(segment):
                self._transcribing.forget(segment)
            case Reply():
                self._work.reply(command, self._tasks)
            case Say():
                self._work.say(command, self.state, self._tasks)
            case Warm(messages):
                work = warm(self._around.backends.language_model, messages, self._agent.limits)
                self._tasks.create_task(work, name="warm")
            case HangUp(reason):
                self._outbox.put(Closed(reason))
            case CloseTurn():
                self._turns.record(command)
                self._outbox.forget()
            case Understood() | FallBack() | Note():
                self._turns.record(command)
            case _:
                self._control(command)
        self._turns.count(command)

    def _control(self, command: Release | Discard | Hold | Resume | DropTurn) -> None:
        match command:
            case Release() | Resume():
                self._outbox.open()
            case Hold():
                self._outbox.hold(self._played_s)  # to the sample that the core was told of
            case Discard():
                self._stages.forget()
                self._drop()
            case DropTurn():
                self._drop()

    def _drop(self) -> None:
        self._turns.tell_underruns()
        self._work.drop()

    def _reached(self, stage: Stage) -> None:
        self._stages.reached(stage, self._around.now_s())


async def within_time(sending: Awaitable[None]) -> None:
    """Raises ProtocolError for a peer that does not read."""
    try:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await sending
    except TimeoutError:
        raise ProtocolError(POLICY, f"not read for {SEND_TIMEOUT_S:g} s") from None


def silence(seconds: float) -> Audio:
    return Audio(np.zeros(int(seconds * RATE_HZ), np.int16), RATE_HZ)
