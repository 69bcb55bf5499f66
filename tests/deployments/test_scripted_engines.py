import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.schema import ScriptedLanguageModel, ScriptedSynthesizer, ScriptedTranscriber
from conversation.history import Message
from deployments.engines.scripted import RATE_HZ, Replies, Script, Tone, tokens_of, tone
from ingress.backends import ReplyOptions, Speech

TRANSCRIPTS = tuple(f"transcript {i}" for i in range(5))


def script() -> Script:
    return Script(ScriptedTranscriber(engine="scripted", transcripts=TRANSCRIPTS))


def speech(seconds: float) -> bytes:
    return tone(seconds).tobytes()


async def test_the_same_audio_has_the_same_transcript_everywhere() -> None:
    pcm = speech(1)
    assert await script().transcribe(pcm) == await script().transcribe(pcm) != ""


async def test_different_audio_takes_turns() -> None:
    heard = {await script().transcribe(speech(1 + i / 100)) for i in range(60)}
    assert heard == set(TRANSCRIPTS)


@pytest.mark.parametrize("pcm", [b"", bytes(16_000), np.full(8_000, 40, "<i2").tobytes()])
async def test_no_energy_is_no_transcript(pcm: bytes) -> None:
    assert await script().transcribe(pcm) == ""


async def replied(replies: tuple[str, ...], *said: str, **options: int | bool) -> list[str]:
    section = ScriptedLanguageModel(engine="scripted", replies=replies)
    messages = [Message("system", "You are Sam."), *(Message("user", text) for text in said)]
    stream = Replies(section).reply(messages, ReplyOptions(**options))
    return [token async for token in stream if isinstance(token, str)]


async def test_a_reply_knows_the_turn_and_the_last_message() -> None:
    assert "".join(await replied(("{turns}: {last}",), "Hi", "Where?")) == "2: Where?"
    assert "".join(await replied(("a", "b"), "1", "2", "3")) == "a"


async def test_braces_that_the_caller_says_are_only_text() -> None:
    assert "".join(await replied(("{last}",), "{0} {turns}")) == "{0} {turns}"


async def test_a_reply_comes_in_tokens_or_whole_and_keeps_its_bound() -> None:
    assert await replied(("one two three",), "Hi") == ["one", " two", " three"]
    assert await replied(("one two three",), "Hi", max_tokens=2) == ["one", " two"]
    assert await replied(("one two three",), "Hi", stream=False) == ["one two three"]


@given(st.text())
def test_tokens_lose_nothing(text: str) -> None:
    assert "".join(tokens_of(text)) == text


async def spoken(phrase: str, speed: float = 1) -> list[Speech]:
    section = ScriptedSynthesizer(engine="scripted", ms_per_word=100)
    return [stretch async for stretch in Tone(section).synthesize(phrase, speed)]


async def test_speech_is_a_tone_with_the_words_times() -> None:
    [stretch] = await spoken("It is Berlin.")
    assert [word.text for word in stretch.words] == ["It", "is", "Berlin."]
    assert stretch.words[-1].end_s == pytest.approx(0.3)
    assert stretch.audio.rate_hz == RATE_HZ
    assert stretch.audio.samples.dtype == np.int16
    assert len(stretch.audio.samples) == pytest.approx(0.3 * RATE_HZ, abs=1)
    assert 4_000 < np.abs(stretch.audio.samples).max() < 32_767


async def test_faster_speech_is_shorter_and_no_words_are_no_speech() -> None:
    [stretch] = await spoken("It is Berlin.", speed=2)
    assert stretch.audio.seconds == pytest.approx(0.15, abs=0.001)
    assert await spoken(" ") == []
