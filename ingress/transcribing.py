"""What the caller says, as text: a request for each segment, and partials while it is spoken.

Owns these requests. A partial that has all the words of a segment is its transcript, for nothing.
"""

import asyncio
from collections.abc import Callable

from audio.pcm import Audio
from configs.agents import Agent
from conversation.commands import Transcribe
from conversation.events import Event, Transcribed, TranscriptFailed, Utterance
from ingress.backends import BackendError, Transcriber
from ingress.hearing import Hearing
from ingress.metrics import Metrics
from ingress.model_time import ModelTime
from ingress.partials import Partials, covers


class Transcribing:
    """One call's. `step` folds an event into the call, `preview` is told a partial transcript."""

    def __init__(
        self,
        hearing: Hearing,
        agent: Agent,
        transcriber: Transcriber,
        metrics: Metrics,
        now_s: Callable[[], float],
        *,
        partial_every_ms: int,
        step: Callable[[Event], None],
        preview: Callable[[str], None],
    ) -> None:
        self._hearing, self._agent, self._transcriber = hearing, agent, transcriber
        self.language: str | None = None
        """ISO 639-1; None for the agent's own."""
        self._metrics, self._now_s = metrics, now_s
        self._step, self._show = step, preview
        self._partials = Partials(hearing, partial_every_ms)
        self._partial: asyncio.Task[str | None] | None = None
        self._heard = Utterance(0, 0, 0)  # by the partial
        self._latest: tuple[int, asyncio.Task[None], ModelTime] | None = None

    def begin(self, command: Transcribe, tasks: asyncio.TaskGroup) -> None:
        """Transcribe a segment, and step with what becomes of it."""
        partial, self._partial = self._partial, None
        if partial and not covers(self._heard, command.utterance):
            partial.cancel()
            partial = None
        self._partials.asked(command.utterance)
        speech, spent = self._hearing.audio_of(command.utterance), ModelTime(self._now_s)
        work = self._transcribe(command.segment, speech, partial, spent)
        task = tasks.create_task(work, name=f"transcribe-{command.segment}")
        self._latest = (command.segment, task, spent)

    def forget(self, segment: int) -> None:
        """Nobody wants this transcript any more: the latest."""
        if self._latest and self._latest[0] == segment:
            _, task, spent = self._latest
            task.cancel()
            task.add_done_callback(lambda _: spent.tell_wasted(self._metrics))

    def preview(self, tasks: asyncio.TaskGroup) -> None:
        """Begin a partial transcript if one is due."""
        in_flight = self._partial is not None and not self._partial.done()
        if utterance := self._partials.due(in_flight=in_flight):
            self._heard = utterance
            work = self._preview(self._hearing.audio_of(utterance))
            self._partial = tasks.create_task(work, name="partial")

    async def _transcribe(
        self,
        segment: int,
        speech: Audio,
        partial: asyncio.Task[str | None] | None,
        spent: ModelTime,
    ) -> None:
        try:
            with spent.of("stt"):
                text = await partial if partial else None
                if text is None:
                    text = await self._text_of(speech, final=True)
        except BackendError as error:
            self._step(TranscriptFailed(segment, error.failure, error.detail))
        else:
            self._step(Transcribed(segment, text or ""))

    async def _preview(self, speech: Audio) -> str | None:
        try:
            text = await self._text_of(speech, final=False)
        except BackendError:
            text = None  # counted where it was raised; the final transcript will tell
        outcome = "skipped" if text is None else "done"
        self._metrics.count("parley_partials_total", outcome=outcome)
        if text:
            self._show(text)
        return text

    async def _text_of(self, speech: Audio, *, final: bool) -> str | None:
        if not len(speech.samples):  # committed by hand before anything came
            return ""
        transcript = await self._transcriber.transcribe(
            speech,
            language=self.language or self._agent.language,
            final=final,
            deadline_s=self._agent.limits.request_timeout_s,
        )
        return transcript.text if transcript else None
