"""The caller's half of a call: sound in, what it means out, transcripts asked for.

Owns a call's hearing and its requests for transcripts; what follows from what was heard is decided
in `conversation.turns`.
"""

import asyncio
from collections.abc import Callable

import numpy as np

from audio.pcm import Audio
from audio.resampling import resample
from conversation.commands import Forget, Transcribe
from conversation.endpointing import RATE_HZ, SpeechEvent
from conversation.events import (
    Event,
    Paused,
    SpeechEnded,
    SpeechResumed,
    SpeechStarted,
    SpeechTakenBack,
)
from ingress.hearing import Hearing
from ingress.judging import TurnJudge
from ingress.protocols.inputs import Commit, Listen, TakeBack
from ingress.stages import Stages
from ingress.transcribing import Transcribing

LINE_SILENT_S = 2.0
"""A line that has sent nothing for so long is taken for silent, so that an endpoint still comes.
Twilio sends a frame every 20 ms, and none when its own peer sends none. Our choice: a lost TCP
segment holds frames back for some 0.2 s, a bad network or a busy sender for a second, and they come
all the same; silence put in their place would cut a sentence in two."""


class Listening:
    """One call's. `step` folds an event into the call; `played` tells it first how much of the
    agent's turn the caller has heard; `replying` tells whether there is one."""

    def __init__(
        self,
        hearing: Hearing,
        transcribing: Transcribing,
        stages: Stages,
        judge: TurnJudge | None,
        now_s: Callable[[], float],
        step: Callable[[Event], None],
        played: Callable[[], None],
        replying: Callable[[], bool],
    ) -> None:
        self._hearing, self._transcribing = hearing, transcribing
        self._stages, self._judge, self._now_s = stages, judge, now_s
        self._step, self._played, self._replying = step, played, replying
        self._frame_s = now_s()

    def begin(self, command: Transcribe, tasks: asyncio.TaskGroup) -> None:
        self._transcribing.begin(command, tasks)

    def forget(self, command: Forget) -> None:
        self._transcribing.forget(command.segment)

    def hear(self, audio: Audio, tasks: asyncio.TaskGroup) -> None:
        """The next piece of the line."""
        self._frame_s = self._now_s()
        for event in self._hearing.push(audio):
            self._heard(event, tasks)
        if self._hearing.talking:
            self._transcribing.preview(tasks)

    def wait(self, tasks: asyncio.TaskGroup) -> None:
        """Time has passed: a line from which nothing comes is silent."""
        lost_s = self._now_s() - self._frame_s
        if self._hearing.talking and not self._hearing.by_hand and lost_s > LINE_SILENT_S:
            self.hear(silence(lost_s, self._hearing.rate_hz), tasks)

    def obey(self, order: Listen | Commit | TakeBack, tasks: asyncio.TaskGroup) -> None:
        match order:
            case Listen():
                self._transcribing.language = order.language
                for event in self._hearing.listen(order):
                    self._heard(event, tasks)
            case Commit():
                self._heard(self._hearing.commit(), tasks)
            case TakeBack():
                self._hearing.take_back()
                self._step(SpeechTakenBack())

    def _heard(self, event: SpeechEvent, tasks: asyncio.TaskGroup) -> None:
        if isinstance(event, SpeechEnded):
            if event.complete:
                begin = self._stages.begin_next if self._replying() else self._stages.begin
                begin(self._now_s(), event.silence_ms)
        else:
            self._played()
        match event:
            case Paused():
                self._stages.silent(self._now_s(), self._hearing.silent_ms)
                self._judged(event, tasks)
            case SpeechStarted() | SpeechResumed():
                self._stages.voiced()
            case _:
                pass
        self._step(event)

    def _judged(self, pause: Paused, tasks: asyncio.TaskGroup) -> None:
        if self._judge:
            speech = self._hearing.audio_of(pause.utterance)
            tasks.create_task(self._judge_it(self._judge, pause, speech), name="judge")

    async def _judge_it(self, judge: TurnJudge, pause: Paused, speech: Audio) -> None:
        complete = await judge.complete(resample(speech, RATE_HZ).samples)
        self._hearing.judge(pause.utterance, complete=complete)


def silence(seconds: float, rate_hz: int) -> Audio:
    return Audio(np.zeros(int(seconds * rate_hz), np.int16), rate_hz)
