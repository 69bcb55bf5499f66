"""One call: where pure decisions meet I/O.

Owns the call's tasks and nothing else: what to do is `conversation.turns`' decision, how a turn is
spoken is `ingress.speaking`'s, what goes over the wire is the codec's.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from audio.pcm import Audio
from configs.agents import Agent
from conversation.commands import (
    CloseTurn,
    Command,
    Discard,
    DropAside,
    DropTurn,
    FallBack,
    Forget,
    HangUp,
    Hold,
    Note,
    Release,
    Reply,
    ReplyAside,
    Resume,
    Say,
    TellBegun,
    TellItem,
    TellStarted,
    TellStopped,
    TellTranscript,
    Transcribe,
    Understood,
    Warm,
)
from conversation.events import (
    CallEnded,
    CallStarted,
    EndRequested,
    Event,
    Played,
    PlayedOut,
    Ticked,
    ToolCalled,
    Transcribed,
)
from conversation.state import Conversation
from conversation.turns import advance
from ingress.call_log import CallLog
from ingress.hearing import Hearing
from ingress.listening import Listening
from ingress.outbox import Outbox
from ingress.protocols.codec import Codec, Wire
from ingress.protocols.inputs import Commit, Input, Listen, TakeBack
from ingress.protocols.outputs import Answer, CallerSaid, Closed, Play, ReplyBegun
from ingress.protocols.outputs import ToolCalled as CallTool
from ingress.sending import within_time
from ingress.speaking import Speaking
from ingress.stages import Stage, Stages
from ingress.surroundings import Surroundings
from ingress.transcribing import Transcribing
from ingress.turn_log import TurnLog
from ingress.turn_work import TurnWork
from ingress.warming import warm

TICK_S = 0.25
"""How often the pure core is told the time; its limits are seconds to hours."""

Incoming = str | bytes | Audio
"""A message for the codec, or sound where that has a way of its own."""

Speech = Reply | ReplyAside | DropAside | Say | Release | Discard | Hold | Resume | DropTurn


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
        self._codec, self._agent, self._around = codec, agent, around
        self._played_s, self._told_turn = around.now_s(), -1
        self._stages = Stages()
        self._outbox = Outbox(
            lambda: codec.rate_hz,
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
        self._listening = self._new_listening(hearing)

    def _new_listening(self, hearing: Hearing) -> Listening:
        around = self._around
        transcribing = Transcribing(
            hearing,
            self._agent,
            around.backends.transcriber,
            around.metrics,
            around.now_s,
            partial_every_ms=around.partial_every_ms,
            step=self._understand,
            preview=self._preview,
        )
        return Listening(
            hearing,
            transcribing,
            self._stages,
            around.judge,
            around.now_s,
            step=self._heard,
            played=self._played,
            replying=lambda: self.state.phase == "replying",
        )

    async def run(
        self, inbox: AsyncIterator[Incoming], send: Callable[[Wire], Awaitable[None]]
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

    async def _read(self, inbox: AsyncIterator[Incoming]) -> None:
        self._step(Ticked(self._around.now_s()))
        self._step(CallStarted())
        for item in self._codec.opening():
            self._take(item)
        async for message in inbox:
            if isinstance(message, Audio):
                self._listening.hear(message, self._tasks)
                continue
            for number, item in enumerate(self._codec.decode(message)):
                self._take(item)
                if number and isinstance(item, Audio):  # minutes of it may come in one message:
                    await asyncio.sleep(0)  # other calls come between
        raise CallOver

    def _take(self, item: Audio | Event | Input | Answer) -> None:
        match item:
            case Audio():
                self._listening.hear(item, self._tasks)
            case CallEnded():
                raise CallOver
            case Listen() | Commit() | TakeBack():
                self._listening.obey(item, self._tasks)
            case Answer():
                self._outbox.put(item)
            case _:
                self._played()
                self._step(item)

    async def _write(self, send: Callable[[Wire], Awaitable[None]]) -> None:
        while True:
            output = await self._outbox.get()
            for message in self._codec.encode(output):
                await within_time(send(message))
            match output:
                case Play():
                    self._reached("sent")
                case CallTool(turn, call):
                    self._step(ToolCalled(turn, call))
                case Closed():
                    raise CallOver
                case _:
                    pass

    async def _tick(self) -> None:
        ticked_s = self._around.now_s()
        while True:
            now_s = self._around.now_s()
            self._step(Ticked(now_s))
            if now_s - ticked_s < 2 * TICK_S:  # else frames may wait for us, not we for them
                self._listening.wait(self._tasks)
            ticked_s = now_s
            await asyncio.sleep(TICK_S)

    def _played(self) -> None:
        """Tell the core what the caller has heard, before it decides what to do about a voice."""
        self._played_s = self._around.now_s()
        if self.state.phase == "replying":
            position = self._outbox.position(self._played_s)
            self._step(Played(position.phrase, position.seconds))

    def _preview(self, text: str) -> None:
        said = CallerSaid(self.state.turn, text, final=False, item=self.state.unfinished_item)
        self._outbox.put(said)

    def _heard(self, event: Event) -> None:
        """What the caller says. An utterance that was no turn of its own leaves no times."""
        self._step(event)
        if not self.state.segments:
            self._stages.begin_no_more()

    def _understand(self, event: Event) -> None:
        self._step(event)
        if isinstance(event, Transcribed):
            self._reached("transcript")
        if not self.state.segments:
            self._stages.begin_no_more()

    def _step(self, event: Event) -> None:
        self.state, commands = advance(self.state, event)
        for command in commands:
            self._perform(command)

    def _perform(self, command: Command) -> None:
        match command:
            case Transcribe():
                self._listening.begin(command, self._tasks)
            case Forget():
                self._listening.forget(command)
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
            case TellStarted() | TellStopped() | TellTranscript() | TellBegun() | TellItem():
                self._turns.tell(command)
            case _:
                self._control(command)
        self._turns.count(command)

    def _control(self, command: Speech) -> None:
        match command:
            case Reply(prepared=prepared):
                self._work.reply(command, self._tasks)
                if not prepared:
                    self._begin()
            case Say():
                self._work.say(command, self.state, self._tasks)
                self._begin()
            case ReplyAside():
                self._work.aside(command, self._tasks)
            case DropAside(aside):
                self._work.drop_aside(aside)
            case Release():
                self._begin()
                self._outbox.open()
            case Resume():
                self._outbox.open()
            case Hold():
                self._outbox.hold(self._played_s)  # to the sample that the core was told of
            case Discard():
                self._stages.forget()
                self._drop()
            case DropTurn():
                self._drop()

    def _begin(self) -> None:
        """The turn is to be heard, from now on; a fallback line in it begins none."""
        state = self.state
        if state.turn > self._told_turn:
            self._told_turn = state.turn
            if state.wish.request:
                self._stages.begin_asked(self._around.now_s())
            self._outbox.put(ReplyBegun(state.turn, state.reply_item, state.wish))

    def _drop(self) -> None:
        self._turns.tell_underruns()
        self._work.drop()

    def _reached(self, stage: Stage) -> None:
        self._stages.reached(stage, self._around.now_s())
