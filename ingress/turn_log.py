"""What has come about in a call, put on record: its log, its metrics, and texts for the caller."""

from collections.abc import Callable

from conversation.commands import (
    CloseTurn,
    Command,
    Discard,
    FallBack,
    Hold,
    Note,
    Release,
    Reply,
    Resume,
    TellBegun,
    TellItem,
    TellStarted,
    TellStopped,
    TellTranscript,
    Understood,
)
from conversation.endpointing import RATE_HZ
from conversation.state import Conversation
from ingress.call_log import CallLog
from ingress.metrics import Metrics
from ingress.outbox import Outbox
from ingress.protocols.outputs import (
    CallerSaid,
    CallerStarted,
    CallerStopped,
    CallerUnderstood,
    FellBack,
    ItemTold,
    Noted,
    ReplyBegun,
    TurnClosed,
)
from ingress.stages import Stages

Record = Understood | CloseTurn | FallBack | Note
Telling = TellStarted | TellStopped | TellTranscript | TellBegun | TellItem


class TurnLog:
    """One call's. `state` reads the conversation."""

    def __init__(
        self,
        stages: Stages,
        outbox: Outbox,
        metrics: Metrics,
        log: CallLog,
        state: Callable[[], Conversation],
    ) -> None:
        self._stages, self._outbox = stages, outbox
        self._metrics, self._log, self._state = metrics, log, state

    def record(self, command: Record) -> None:
        match command:
            case Understood(turn, text):
                self._outbox.put(CallerSaid(turn, text, final=True))
            case CloseTurn():
                self._close(command)
            case FallBack(turn, tier, failure, detail):
                self._log.warning("fallback", tier=tier, failure=failure, detail=detail)
                self._outbox.put(FellBack(turn, f"{failure}: {detail}"))
                self._metrics.count("parley_fallbacks_total", tier=str(tier))
            case Note(kind, text):
                self._log.info(kind, text=text)
                self._outbox.put(Noted(f"{kind}: {text}"))
                if kind == "continued":
                    self._stages.begin_anew()
                if kind == "queue_full":
                    self._metrics.count("parley_queued_turns_refused_total")

    def tell(self, command: Telling) -> None:
        """To a peer that names items."""
        match command:
            case TellStarted(item, sample):
                self._outbox.put(CallerStarted(item, sample / RATE_HZ))
            case TellStopped(item, utterance, by_hand):
                ended_s = utterance.voice_end_sample / RATE_HZ
                self._outbox.put(CallerStopped(item, ended_s, by_hand))
            case TellTranscript(item, text, seconds, failed):
                self._outbox.put(CallerUnderstood(item, text, seconds, failed))
            case TellBegun(turn, item, wish):
                self._outbox.put(ReplyBegun(turn, item, wish))
            case TellItem(item, message, request):
                self._outbox.put(ItemTold(item, message, request))

    def _close(self, command: CloseTurn) -> None:
        stages_ms, outcome = self._stages.finish(), command.outcome
        self.tell_underruns()
        said = [m.text for m in self._state().history if m.role == "user"][-1:]
        facts = {"caller": said, "heard": command.heard, "stages_ms": stages_ms}
        self._log.info("turn", turn=command.turn, outcome=outcome, **facts)
        self._outbox.put(TurnClosed(command.turn, outcome, stages_ms, command.heard))
        self._metrics.count("parley_turns_total", outcome=outcome)
        if outcome not in ("answered", "interrupted"):
            return
        for stage, ms in stages_ms.items():
            self._metrics.observe("parley_stage_ms", ms, stage=stage)
        if "sent" in stages_ms:
            self._metrics.observe("parley_first_audio_ms", stages_ms["sent"])

    def tell_underruns(self) -> None:
        """The turn's speech is over: so often the caller heard a silence within it."""
        for _ in range(self._outbox.underruns()):
            self._metrics.count("parley_underruns_total")

    def count(self, command: Command) -> None:
        """What speculation and barge-ins came to."""
        match command:
            case Reply(prepared=True):
                self._metrics.count("parley_prepared_turns_total", outcome="prepared")
            case Release():
                self._metrics.count("parley_prepared_turns_total", outcome="released")
            case Discard():
                self._metrics.count("parley_prepared_turns_total", outcome="dropped")
            case Hold():
                self._metrics.count("parley_barge_ins_total", outcome="held")
            case Resume():
                self._metrics.count("parley_barge_ins_total", outcome="resumed")
            case _:
                pass
