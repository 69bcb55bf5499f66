"""What the caller says, as the client is told of it: from `speech_started` to the transcript.

Owns which words of a transcript were shown already: they are never taken back.
"""

from collections.abc import Iterator
from itertools import takewhile

from ingress.protocols.outputs import CallerStarted, CallerStopped, CallerUnderstood
from ingress.protocols.realtime import items
from ingress.protocols.realtime.errors import Body
from ingress.protocols.realtime.shown import Items

TRANSCRIPTION = "conversation.item.input_audio_transcription"


class Utterances:
    """One call's."""

    def __init__(self, shown: Items) -> None:
        self._shown = shown
        self._speaking: str | None = None  # the item of which `speech_started` was told
        self._since_s = 0.0
        self._partials: dict[str, list[str]] = {}  # the latest of each item
        self._written: dict[str, str] = {}  # what was shown of each
        self._said: dict[str, str] = {}  # whole transcripts
        self._latest = ""
        self._previewed = ""

    def start(self, started: CallerStarted) -> Iterator[Body]:
        self._speaking, self._since_s = started.item, started.at_s
        at_ms = {"audio_start_ms": in_ms(started.at_s), "item_id": started.item}
        yield {"type": "input_audio_buffer.speech_started", **at_ms}

    def _fall_silent(self, at_s: float) -> Iterator[Body]:
        if self._speaking is not None:
            end_ms = in_ms(max(at_s, self._since_s))
            at_ms = {"audio_end_ms": end_ms, "item_id": self._speaking}
            yield {"type": "input_audio_buffer.speech_stopped", **at_ms}
        self._speaking = None

    def stop(self, stopped: CallerStopped) -> Iterator[Body]:
        """The utterance is an item. A client that commits by hand hears of no voice, unless it was
        told that one began."""
        yield from self._fall_silent(stopped.at_s)
        self._latest = item = stopped.item
        self._shown.know(item, "user_audio")
        before = self._shown.place(item)
        place = {"previous_item_id": before}
        body = items.shape(item, "user_audio", None, "completed")
        yield {"type": "input_audio_buffer.committed", **place, "item_id": item}
        yield {"type": "conversation.item.added", **place, "item": body}
        yield {"type": "conversation.item.done", **place, "item": body}

    def clear(self, at_s: float) -> Iterator[Body]:
        """The client has taken back what it sent, up to `at_s`."""
        if self._previewed not in self._shown:
            self._forget(self._previewed)
        yield from self._fall_silent(at_s)
        yield {"type": "input_audio_buffer.cleared"}

    def preview(self, item: str, text: str, *, unnamed: bool = False) -> Iterator[Body]:
        """A partial transcript: its words that the one before it had, too, but for the last, which
        may still be half a word. One that comes late, or of sound that is not an item yet, is not
        told; with `unnamed` the client knows what to make of an item that is still to be."""
        if item != self._speaking and not unnamed:
            return
        self._previewed = item
        words = text.split()
        before = self._partials.get(item, [])
        self._partials[item] = words
        pairs = zip(words[:-1], before, strict=False)
        agreed = " ".join(word for word, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        yield from self._extend(item, agreed)

    def understand(self, understood: CallerUnderstood) -> Iterator[Body]:
        """All of its words, or why they are not known."""
        item = understood.item
        if item not in self._shown:
            self._forget(item)
            return
        place = {"item_id": item, "content_index": 0}
        if understood.failed:
            error = {"type": "server_error", "code": "model_failed", "message": understood.failed}
            yield {"type": f"{TRANSCRIPTION}.failed", **place, "error": error}
        else:
            self._said[item] = understood.text
            yield from self._extend(item, understood.text)
            usage = {"type": "duration", "seconds": understood.seconds}
            said = {"transcript": understood.text, "usage": usage}
            yield {"type": f"{TRANSCRIPTION}.completed", **place, **said}
        self._forget(item)

    def take_latest(self) -> str:
        """The item of the last utterance that is over, once; empty for none."""
        latest, self._latest = self._latest, ""
        return latest

    def words(self, item: str) -> str | None:
        """What the client was told that was said in it; None while that is not known."""
        return self._said.get(item)

    def _extend(self, item: str, text: str) -> Iterator[Body]:
        written = self._written.get(item, "")
        if len(text) > len(written) and text.startswith(written):
            self._written[item] = text
            delta = {"content_index": 0, "delta": text[len(written) :]}
            yield {"type": f"{TRANSCRIPTION}.delta", "item_id": item, **delta}

    def _forget(self, item: str) -> None:
        self._partials.pop(item, None)
        self._written.pop(item, None)


def in_ms(seconds: float) -> int:
    return round(seconds * 1_000)
