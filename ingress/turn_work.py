"""What is under way for the turn that is prepared or spoken: its task, its speech, its cost."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from conversation.commands import Reply, ReplyAside, Say
from conversation.spoken import BEGINNING
from conversation.state import Conversation
from ingress.metrics import Metrics
from ingress.model_time import ModelTime
from ingress.outbox import Outbox
from ingress.protocols.outputs import TurnClosed
from ingress.speaking import Speaking


class TurnWork:
    """One call's, one turn at a time."""

    def __init__(
        self, speaking: Speaking, outbox: Outbox, metrics: Metrics, now_s: Callable[[], float]
    ) -> None:
        self._speaking, self._outbox = speaking, outbox
        self._metrics, self._now_s = metrics, now_s
        self._task: asyncio.Task[None] | None = None
        self._spent = ModelTime(now_s)
        self._asides: dict[int, asyncio.Task[None]] = {}

    def aside(self, command: ReplyAside, tasks: asyncio.TaskGroup) -> None:
        task = tasks.create_task(self._speaking.aside(command), name=f"aside-{command.aside}")
        self._asides[command.aside] = task
        task.add_done_callback(lambda _: self._asides.pop(command.aside))

    def drop_aside(self, aside: int) -> None:
        """Stop it, if it is still being made."""
        if task := self._asides.get(aside):
            task.cancel()
            self._outbox.put(TurnClosed(-aside, "interrupted"))

    def reply(self, command: Reply, tasks: asyncio.TaskGroup) -> None:
        playout = self._outbox.new_turn(command.turn, shut=command.prepared)
        self._spent = ModelTime(self._now_s)
        work = self._speaking.reply(command, playout, self._spent)
        self._start(command.turn, work, tasks)

    def say(self, command: Say, state: Conversation, tasks: asyncio.TaskGroup) -> None:
        """A greeting begins a turn's speech; a fallback line follows what was spoken of it."""
        playout = self._outbox.playout if state.sent else None
        playout = playout or self._outbox.new_turn(command.turn, shut=state.held)
        work = self._speaking.say(command, playout, self._spent)
        self._start(command.turn, work, tasks)

    def _start(self, turn: int, work: Coroutine[Any, Any, None], tasks: asyncio.TaskGroup) -> None:
        self._task = tasks.create_task(work, name=f"turn-{turn}")

    def drop(self) -> None:
        """Stop it, and take back what was not heard. What was for nothing is told as wasted."""
        spent = self._spent
        unheard = self._outbox.position(self._now_s()) == BEGINNING
        if self._task:
            self._task.cancel()
            if unheard:
                self._task.add_done_callback(lambda _: spent.tell_wasted(self._metrics))
        self._outbox.drop()
