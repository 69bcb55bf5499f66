"""Transcripts and speech of OpenAI-compatible endpoints, from a server of our own."""

import asyncio
import io
import wave
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from fastapi import Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from audio.pcm import Audio
from conversation.fallbacks import FailureClass
from deployments.engines.endpoint import (
    EndpointSynthesizer,
    EndpointTranscriber,
    client_of,
    whole_samples,
)
from ingress.backends import BackendError, Voice
from tests.deployments.endpoint_server import serving

LONG_S = 30.0


async def test_an_utterance_goes_as_a_wav() -> None:
    heard: dict[str, Any] = {}

    async def answer(request: Request) -> Response:
        async with request.form() as form:
            data = await form["file"].read()  # type: ignore[union-attr]
            heard.update({k: form[k] for k in ("model", "language", "response_format")})
        with wave.open(io.BytesIO(data)) as file:
            heard.update(rate=file.getframerate(), pcm=file.readframes(file.getnframes()))
        return JSONResponse({"text": " What is the capital of Germany? "})

    speech = Audio(np.arange(-400, 400, dtype=np.int16), 8_000)
    async with serving(answer) as section, client_of(section, "k") as client:
        said = await EndpointTranscriber(client, "w").transcribe(
            speech, language="en", final=True, deadline_s=LONG_S
        )
    assert said is not None and said.text == "What is the capital of Germany?"
    assert heard.pop("pcm") == speech.samples.tobytes()
    assert heard == {"model": "w", "language": "en", "response_format": "json", "rate": 8_000}


async def test_a_late_transcript_is_a_timeout() -> None:
    async def answer(request: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    speech = Audio(np.zeros(800, np.int16), 8_000)
    async with serving(answer) as section, client_of(section, "k") as client:
        with pytest.raises(BackendError) as caught:
            await EndpointTranscriber(client, "w").transcribe(
                speech, language="en", final=True, deadline_s=0.2
            )
    assert caught.value.failure is FailureClass.TIMEOUT


async def test_speech_streams_as_pcm_at_24_khz() -> None:
    samples = np.arange(-1_000, 1_000, dtype=np.int16)
    asked: dict[str, Any] = {}

    async def answer(request: Request) -> Response:
        asked.update(await request.json())
        pcm = samples.tobytes()
        return StreamingResponse(iter([pcm[:1_001], pcm[1_001:]]), media_type="audio/pcm")

    async with serving(answer) as section, client_of(section, "k") as client:
        stretches = EndpointSynthesizer(client, "t").synthesize(
            "It is Berlin.", Voice("alloy", 1.25), deadline_s=LONG_S
        )
        got = [stretch.audio async for stretch in stretches]
    assert np.array_equal(np.concatenate([audio.samples for audio in got]), samples)
    assert {audio.rate_hz for audio in got} == {24_000}
    assert asked == {
        "model": "t",
        "voice": "alloy",
        "input": "It is Berlin.",
        "response_format": "pcm",
        "speed": 1.25,
    }


async def test_an_unknown_voice_is_invalid() -> None:
    async def answer(request: Request) -> Response:
        return JSONResponse({"error": {"message": "no voice named x"}}, status_code=400)

    async with serving(answer) as section, client_of(section, "k") as client:
        with pytest.raises(BackendError, match="no voice named x") as caught:
            async for _ in EndpointSynthesizer(client, "t").synthesize(
                "Hi.", Voice("x"), deadline_s=LONG_S
            ):
                pass
    assert caught.value.failure is FailureClass.INVALID


async def test_a_sample_cut_in_two_is_put_together() -> None:
    pcm = np.arange(-50, 50, dtype=np.int16).tobytes()

    async def chunks(size: int) -> AsyncIterator[bytes]:
        for start in range(0, len(pcm), size):
            yield pcm[start : start + size]

    for size in (1, 3, 7, 200):
        got = [samples async for samples in whole_samples(chunks(size))]
        assert np.concatenate(got).tobytes() == pcm


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"text": 5}'])
async def test_an_answer_that_is_no_transcript_is_the_servers_failure(body: bytes) -> None:
    async def answer(request: Request) -> Response:
        return Response(body, media_type="application/json")

    speech = Audio(np.zeros(800, np.int16), 8_000)
    async with serving(answer) as section, client_of(section, "k") as client:
        with pytest.raises(BackendError) as caught:
            await EndpointTranscriber(client, "w").transcribe(
                speech, language="en", final=True, deadline_s=LONG_S
            )
    assert caught.value.failure is FailureClass.SERVER


async def test_leaving_the_speech_closes_the_connection() -> None:
    gone = asyncio.Event()

    async def pcm() -> AsyncIterator[bytes]:
        try:
            yield bytes(1_000)
            await asyncio.Event().wait()
        finally:
            gone.set()

    async def answer(request: Request) -> Response:
        return StreamingResponse(pcm(), media_type="audio/pcm")

    async with serving(answer) as section, client_of(section, "k") as client:
        stretches = EndpointSynthesizer(client, "t").synthesize(
            "Hi.", Voice("alloy"), deadline_s=LONG_S
        )
        assert len((await anext(stretches)).audio.samples) == 500
        await stretches.aclose()  # type: ignore[attr-defined]
        await asyncio.wait_for(gone.wait(), LONG_S)
