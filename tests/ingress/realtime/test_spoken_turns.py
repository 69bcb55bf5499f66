"""A recorded voice through the whole call, as a Realtime client sees it."""

from conversation.fallbacks import FailureClass
from ingress.backends import BackendError
from tests.ingress.line import Models
from tests.ingress.realtime.peer import SPEECH, Peer

DELTA = "conversation.item.input_audio_transcription.delta"
COMPLETED = "conversation.item.input_audio_transcription.completed"
TRANSCRIBED = {"input": {"transcription": {"model": "whisper-1"}}}

USER = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
]
BEGIN = [
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio_transcript.delta",
]
END = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
]


async def test_a_spoken_turn() -> None:
    models = Models(transcripts=["what is two"], replies=["It is one. It is two then."])
    async with Peer(models, session={"audio": TRANSCRIBED}) as peer:
        peer.say()
        done = (await peer.sent("response.done"))["response"]
        await peer.quiet()
    started, stopped = peer.of(USER[0])[0], peer.of(USER[1])[0]
    user = peer.of("conversation.item.added")[0]
    told = peer.of("conversation.item.input_audio_transcription.completed")[0]
    assert peer.types[0] == "session.created"
    assert [kind for kind in peer.types if kind in USER][:5] == USER
    assert 0 < started["audio_start_ms"] < stopped["audio_end_ms"]
    assert user["item"]["content"] == [{"type": "input_audio", "transcript": None}]
    assert {started["item_id"], stopped["item_id"], user["item"]["id"]} == {told["item_id"]}
    assert (told["transcript"], told["usage"]["type"]) == ("what is two", "duration")
    first = peer.types.index("response.created")
    agents = [kind for kind in peer.types[first:] if "transcription" not in kind]
    assert agents[:5] == BEGIN
    assert agents[-6:] == END
    assert peer.of("conversation.item.added")[1]["previous_item_id"] == user["item"]["id"]
    said = "".join(e["delta"] for e in peer.of("response.output_audio_transcript.delta"))
    assert said == "It is one. It is two then."
    content = [{"type": "output_audio", "transcript": said}]
    assert (done["status"], done["output"][0]["content"]) == ("completed", content)
    assert abs(len(peer.sound) / 24_000 - 0.2) < 0.01
    assert peer.history == [("user", "what is two"), ("assistant", said)]


async def test_push_to_talk() -> None:
    """No voice begins or ends anything; an utterance is what was sent, and answered when asked."""
    models = Models(transcripts=["what is two"])
    session = {"audio": {"input": {"turn_detection": None, **TRANSCRIBED["input"]}}}
    async with Peer(models, session=session) as peer:
        peer.append(SPEECH)
        peer.silence(2_000)
        peer.send("input_audio_buffer.commit")
        await peer.sent("conversation.item.input_audio_transcription.completed")
        assert not peer.of("input_audio_buffer.speech_started", "response.created")
        peer.send("response.create")
        await peer.sent("response.done")
        await peer.quiet()
    assert peer.history[0] == ("user", "what is two")
    assert len(peer.models.heard) == 1


def held(*, events: bool) -> Peer:
    """A client that holds a key while it speaks."""
    models = Models(transcripts=["what is two and two"], hears_partials=True)
    audio = {"input": {"turn_detection": None, **TRANSCRIBED["input"]}}
    session = {"audio": audio, "parley": {"events": events}}
    return Peer(models, session=session, listening={"partial_every_ms": 100})


async def speak(peer: Peer) -> None:
    """So long that its words were asked for twice while they were spoken."""
    known, piece = peer.models.partials, len(SPEECH) // 16
    for at in range(0, len(SPEECH), piece):
        peer.append(SPEECH[at : at + piece])
        await peer.until(lambda peer: peer.all_read)
    assert peer.models.partials >= known + 2


async def commit(peer: Peer, number: int) -> str:
    """The item that its utterance of that number becomes."""
    peer.send("input_audio_buffer.commit")
    return (await peer.sent("input_audio_buffer.committed", number))["item_id"]


async def test_words_of_push_to_talk_are_shown_while_they_are_spoken() -> None:
    """To who asked for it; they bear the name that the utterance is given when it is over."""
    async with held(events=True) as peer:
        for number in (1, 2):
            await speak(peer)
            await peer.sent(DELTA, 2 * number - 1)
            item = await commit(peer, number)
            await peer.sent(COMPLETED, number)
            kinds = [e["type"] for e in peer.events if e.get("item_id") == item]
            deltas = [e["delta"] for e in peer.of(DELTA) if e["item_id"] == item]
            assert kinds == [DELTA, "input_audio_buffer.committed", DELTA, COMPLETED]
            assert deltas == ["what is two and", " two"]


async def test_words_of_push_to_talk_are_shown_at_its_end_to_who_asked_for_nothing() -> None:
    async with held(events=False) as peer:
        await speak(peer)
        item = await commit(peer, 1)
        await peer.sent(COMPLETED)
    kinds = [e["type"] for e in peer.events if e.get("item_id") == item]
    assert kinds == ["input_audio_buffer.committed", DELTA, COMPLETED]


async def test_text_in_text_out() -> None:
    async with Peer(Models(replies=["It is one. It is two."])) as peer:
        peer.update(output_modalities=["text"])
        peer.write("what is two", id="mine")
        peer.send("response.create", response={"metadata": {"client_event_id": "x1"}})
        done = (await peer.sent("response.done"))["response"]
        await peer.quiet()
    assert peer.of("conversation.item.added")[0]["item"]["id"] == "mine"
    assert peer.of("response.created")[0]["response"]["metadata"] == {"client_event_id": "x1"}
    text = "".join(event["delta"] for event in peer.of("response.output_text.delta"))
    assert text.strip() == "It is one. It is two."
    assert done["output"][0]["content"] == [{"type": "output_text", "text": text}]
    assert not peer.of("response.output_audio.delta")
    assert peer.models.prompts[0][-1] == ("user", "what is two")


async def test_a_reply_in_writing_that_fails_says_so() -> None:
    down = BackendError(FailureClass.INVALID, "too long")
    async with Peer(Models(replies=[down])) as peer:
        peer.update(output_modalities=["text"])
        peer.write("hi")
        peer.send("response.create")
        response = (await peer.sent("response.done"))["response"]
    assert response["status"] == "failed"
    assert "too long" in response["status_details"]["error"]["message"]


async def test_an_utterance_that_is_lost_is_apologised_for_in_a_response_that_failed() -> None:
    lost = BackendError(FailureClass.INVALID, "no such language")
    async with Peer(Models(transcripts=[lost])) as peer:
        peer.say()
        response = (await peer.sent("response.done"))["response"]
    assert response["status"] == "failed"
    assert "no such language" in response["status_details"]["error"]["message"]
    assert response["output"][0]["content"][0]["transcript"].startswith("I apologize")


async def test_a_client_that_takes_over_at_a_pause_is_answered() -> None:
    """The pause is the end of nothing then, and what was foreseen at it is in nobody's way."""
    async with Peer() as peer:
        peer.append(SPEECH)
        peer.silence(200)
        await peer.until(lambda peer: peer.call.state.segments)
        peer.update(audio={"input": {"turn_detection": None}})
        peer.write("hi")
        peer.send("response.create")
        await peer.sent("response.done")
    assert peer.history[0] == ("user", "hi")
