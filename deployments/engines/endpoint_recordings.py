"""A recording at an OpenAI-compatible endpoint: the fields of the request, and what the answer's
segments are. Owns no connection."""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from conversation.fallbacks import FailureClass
from conversation.spoken import Word
from ingress.backends import BackendError, RecordingOptions, Segment


def fields_of(model: str, options: RecordingOptions) -> Sequence[tuple[str, str]]:
    """Of a form for `/audio/transcriptions`. Times stand in `verbose_json` alone."""
    fields = [
        ("model", model),
        ("response_format", "verbose_json"),
        ("temperature", f"{options.temperature:g}"),
        ("timestamp_granularities[]", "segment"),
    ]
    if options.word_times:
        fields.append(("timestamp_granularities[]", "word"))
    if options.language:
        fields.append(("language", options.language))
    if options.prompt:
        fields.append(("prompt", options.prompt))
    return fields


def segments_of(answer: Mapping[str, Any], seconds: float) -> list[Segment]:
    """The answer's segments; one as long as the recording where it has none. Words are given to
    the segment that they begin in. Raises BackendError when this is no transcription."""
    try:
        whole: Mapping[str, Any] = {"text": answer["text"], "start": 0.0, "end": seconds}
        told = answer.get("segments") or [whole]
        words = [
            Word(word["word"].strip(), float(word["start"]), float(word["end"]))
            for word in answer.get("words") or ()
        ]
        language = str(answer.get("language") or "")
        borders = [0.0, *(float(segment["start"]) for segment in told[1:]), inf]
        return [
            segment_of(segment, language, [word for word in words if begin <= word.start_s < end])
            for segment, begin, end in zip(told, borders[:-1], borders[1:], strict=True)
            if segment["text"].strip()
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        detail = f"the endpoint's transcription is none: {type(error).__name__}: {error}"
        raise BackendError(FailureClass.SERVER, detail) from error


def segment_of(told: Mapping[str, Any], language: str, words: Sequence[Word]) -> Segment:
    return Segment(
        told["text"].strip(),
        float(told["start"]),
        float(told["end"]),
        language,
        tuple(words),
        tuple(told.get("tokens") or ()),
        float(told.get("temperature") or 0),
        float(told.get("avg_logprob") or 0),
        float(told.get("compression_ratio") or 0),
        float(told.get("no_speech_prob") or 0),
    )
