"""The order of server events, as a state machine: what may come when, and what must still come.

Written from OpenAI's reference and from what five clients were seen to need of it, not from our
codec.
"""

from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]


@dataclass
class Output:
    """An item of a response."""

    id: str
    kind: str
    announced: bool  # in the conversation, where it belongs there
    part: str = ""  # "", "open", "sounded", "written", "closed"
    text: str = ""
    done: Event | None = None
    called: bool = False  # its arguments are whole


@dataclass
class Response:
    id: str
    kept: bool
    main: bool
    outputs: list[Output] = field(default_factory=list)
    over: bool = False


class Grammar:
    """`take` each event in order, then `end`. AssertionError for what is out of order."""

    def __init__(self) -> None:
        self.begun = False
        self.seen: set[str] = set()
        self.order: list[str] = []  # items, as the events place them
        self.open: set[str] = set()  # added and not done
        self.speaking: str | None = None
        self.spoken: set[str] = set()
        self.committed: str | None = None  # whose `added` is to come next
        self.transcribed: set[str] = set()
        self.shown: dict[str, str] = {}  # what of transcripts was shown
        self.responses: dict[str, Response] = {}
        self.sounding: str | None = None

    def take(self, event: Event) -> None:
        kind = event["type"]
        assert event["event_id"] not in self.seen
        self.seen.add(event["event_id"])
        assert (kind == "session.created") != self.begun
        self.begun = True
        assert self.committed is None or kind == "conversation.item.added"
        for prefix, rule in (
            ("input_audio_buffer.", self._input),
            ("output_audio_buffer.", self._buffer),
            ("conversation.item.input_audio_transcription.", self._transcript),
            ("conversation.item.", self._item),
            ("response.", self._response),
        ):
            if kind.startswith(prefix):
                rule(kind.removeprefix(prefix), event)
                return
        assert kind in {"session.created", "session.updated", "error", "parley.turn"}, kind

    def end(self, *, transcribes: bool) -> None:
        """Nothing is to come any more."""
        assert self.speaking is None
        assert self.committed is None
        assert not self.open
        assert all(response.over for response in self.responses.values())
        if transcribes:
            assert self.spoken & set(self.order) <= self.transcribed

    def _input(self, what: str, event: Event) -> None:
        if what == "speech_started":
            assert self.speaking is None and event["item_id"] not in self.order
            self.speaking = event["item_id"]
        elif what == "speech_stopped":
            assert self.speaking == event["item_id"]
            self.speaking = None
        elif what == "committed":
            assert self.speaking is None and event["item_id"] not in self.order
            assert event["previous_item_id"] == (self.order[-1] if self.order else None)
            self.committed = event["item_id"]
            self.spoken.add(event["item_id"])
        else:
            assert what == "cleared"

    def _buffer(self, what: str, event: Event) -> None:
        if what == "started":
            assert self.sounding is None
            assert not self.responses[event["response_id"]].over
            self.sounding = event["response_id"]
        else:
            assert what in {"stopped", "cleared"} and self.sounding == event["response_id"]
            self.sounding = None

    def _transcript(self, what: str, event: Event) -> None:
        item = event["item_id"]
        assert item not in self.transcribed
        if what == "delta":
            assert item == self.speaking or item in self.spoken
            self.shown[item] = self.shown.get(item, "") + event["delta"]
            return
        assert what in {"completed", "failed"} and item in self.order
        self.transcribed.add(item)

    def _item(self, what: str, event: Event) -> None:
        item = event.get("item_id") or event["item"]["id"]
        if what == "added":
            self._added(item, event)
        elif what == "done":
            assert item in self.open
            assert self._before(item) == event["previous_item_id"]
            assert event["item"]["status"] != "in_progress"
            self.open.remove(item)
        elif what == "deleted":
            self.order.remove(item)
            self.open.discard(item)
        else:
            assert what in {"truncated", "retrieved"} and item in self.order

    def _added(self, item: str, event: Event) -> None:
        assert item not in self.order
        assert self.committed in (None, item)
        before = event["previous_item_id"]
        self.order.insert(0 if before is None else self.order.index(before) + 1, item)
        self.open.add(item)
        self.committed = None
        for response in self.responses.values():
            for output in response.outputs:
                if output.id == item:
                    assert response.kept and not output.announced and not response.over
                    output.announced = True

    def _before(self, item: str) -> str | None:
        at = self.order.index(item)
        return self.order[at - 1] if at else None

    def _response(self, what: str, event: Event) -> None:
        if what == "created":
            self._created(event["response"])
            return
        response = self.responses[event.get("response_id") or event["response"]["id"]]
        assert not response.over
        if what == "done":
            self._done(response, event["response"])
        elif what == "output_item.added":
            assert all(one.announced for one in response.outputs)
            assert event["output_index"] == len(response.outputs)
            assert event["item"]["status"] == "in_progress"
            kind = event["item"]["type"]
            response.outputs.append(Output(event["item"]["id"], kind, not response.kept))
        else:
            output = response.outputs[event["output_index"]]
            assert output.announced and output.done is None
            assert output.id == (event.get("item_id") or event["item"]["id"])
            self._output(what, response, output, event)

    def _created(self, body: Event) -> None:
        main = body["conversation_id"] is not None or body["output_modalities"] == ["audio"]
        assert body["id"] not in self.responses
        assert (body["status"], body["output"]) == ("in_progress", [])
        assert not main or not any(r.main and not r.over for r in self.responses.values())
        kept = body["conversation_id"] is not None
        self.responses[body["id"]] = Response(body["id"], kept, main)

    def _done(self, response: Response, body: Event) -> None:
        assert all(output.done for output in response.outputs)
        assert body["output"] == [output.done for output in response.outputs]
        assert body["status"] in {"completed", "incomplete", "cancelled", "failed"}
        details = body["status_details"]
        assert (details is None) == (body["status"] == "completed")
        assert details is None or details["type"] == body["status"]
        assert body["usage"] is not None
        response.over = True

    def _output(self, what: str, response: Response, output: Output, event: Event) -> None:
        if what == "output_item.done":
            assert output.part == ("closed" if output.kind == "message" else "")
            assert output.kind == "message" or output.called
            assert output.id not in self.open  # its conversation.item.done has come, if it is there
            assert event["item"]["status"] in {"completed", "incomplete"}
            output.done = event["item"]
        elif what.startswith("function_call_arguments"):
            assert output.kind == "function_call" and not output.called
            if what.endswith("delta"):
                output.text += event["delta"]
            else:
                assert event["arguments"] == output.text
                output.called = True
        else:
            self._part(what, output, event)

    def _part(self, what: str, output: Output, event: Event) -> None:
        assert output.kind == "message" and event["content_index"] == 0
        before, after = {
            "content_part.added": ("", "open"),
            "output_audio.delta": ("open", "open"),
            "output_audio_transcript.delta": ("open", "open"),
            "output_text.delta": ("open", "open"),
            "output_audio.done": ("open", "sounded"),
            "output_audio_transcript.done": ("sounded", "written"),
            "output_text.done": ("open", "written"),
            "content_part.done": ("written", "closed"),
        }[what]
        assert output.part == before
        output.part = after
        if what in {"output_audio_transcript.delta", "output_text.delta"}:
            output.text += event["delta"]
        elif what in {"output_audio_transcript.done", "output_text.done"}:
            assert event.get("transcript", event.get("text")) == output.text
        elif what == "content_part.done":
            assert event["part"].get("transcript", event["part"].get("text")) == output.text
