"""The forms of a transcript. Pure.

Source: platform.openai.com/docs/api-reference/audio/verbose-json-object, w3.org/TR/webvtt1.
"""

from collections.abc import Sequence
from typing import Any

from ingress.backends import Segment

FRAMES_PER_S = 100
"""Of Whisper's `seek`."""


def text_of(segments: Sequence[Segment]) -> str:
    return " ".join(segment.text for segment in segments)


def verbose(
    segments: Sequence[Segment], seconds: float, wanted: Sequence[str], language: str
) -> dict[str, Any]:
    """`verbose_json`; `wanted` are timestamp granularities, `language` what was asked for."""
    heard = segments[0].language if segments else ""
    body: dict[str, Any] = {
        "task": "transcribe",
        "language": heard or language,
        "duration": round(seconds, 2),
        "text": text_of(segments),
        "usage": {"type": "duration", "seconds": round(seconds, 2)},
    }
    if "segment" in wanted:
        body["segments"] = [one(index, segment) for index, segment in enumerate(segments)]
    if "word" in wanted:
        body["words"] = [
            {"word": word.text, "start": round(word.start_s, 2), "end": round(word.end_s, 2)}
            for segment in segments
            for word in segment.words
        ]
    return body


def one(index: int, segment: Segment) -> dict[str, Any]:
    return {
        "id": index,
        "seek": int(segment.start_s * FRAMES_PER_S),
        "start": round(segment.start_s, 2),
        "end": round(segment.end_s, 2),
        "text": segment.text,
        "tokens": list(segment.tokens),
        "temperature": segment.temperature,
        "avg_logprob": segment.avg_logprob,
        "compression_ratio": segment.compression_ratio,
        "no_speech_prob": segment.no_speech_prob,
    }


def srt(segments: Sequence[Segment]) -> str:
    cues = (
        f"{index}\n{clock(segment.start_s, ',')} --> {clock(segment.end_s, ',')}\n{line(segment)}\n"
        for index, segment in enumerate(segments, 1)
    )
    return "\n".join(cues)


def vtt(segments: Sequence[Segment]) -> str:
    cues = (
        f"{clock(segment.start_s, '.')} --> {clock(segment.end_s, '.')}\n{line(segment)}\n"
        for segment in segments
    )
    return "\n".join(("WEBVTT\n", *cues))


def line(segment: Segment) -> str:
    """A cue's text is one line, and holds no arrow of its own."""
    return " ".join(segment.text.replace("-->", "->").split())


def clock(seconds: float, point: str) -> str:
    """01:02:03.004, `point` before the milliseconds."""
    ms = round(seconds * 1_000)
    return (
        f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1_000 % 60:02}{point}{ms % 1_000:03}"
    )
