"""A voice over the agent, and what a client says about what was heard."""

import asyncio

import pytest

from ingress.backends import Usage
from tests.ingress.line import Models
from tests.ingress.realtime.peer import SPEECH, Peer

LONG = "One two three four. Five six seven eight. Nine ten eleven twelve. And so on for ever."


def speaking(**more) -> Peer:
    """With 0.2 s of sound a word."""
    models = Models(transcripts=["hello", "stop it"], replies=[LONG, "Well."], phrase_s=0.8)
    return Peer(models, **more)


async def test_barge_in_truncate_retrieve() -> None:
    async with speaking() as peer:
        peer.say()
        await peer.sent("response.output_audio.delta", 4)  # by then 0.5 s of them have played
        peer.append(SPEECH)
        done = (await peer.sent("response.done"))["response"]
        spoken = done["output"][0]["id"]
        peer.send("conversation.item.truncate", item_id=spoken, content_index=0, audio_end_ms=450)
        truncated = await peer.sent("conversation.item.truncated")
        peer.send("conversation.item.retrieve", item_id=spoken)
        item = (await peer.sent("conversation.item.retrieved"))["item"]
        peer.silence()
        await peer.sent("response.done", 2)
        await peer.quiet()
    order = [k for k in peer.types if k.endswith(("speech_started", "response.done"))]
    assert order[1:3] == ["input_audio_buffer.speech_started", "response.done"]
    assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert done["output"][0]["status"] == item["status"] == "incomplete"
    assert (truncated["item_id"], truncated["audio_end_ms"]) == (spoken, 450)
    assert item["content"] == [{"type": "output_audio", "transcript": "One two"}]
    assert peer.history[:3] == [("user", "hello"), ("assistant", "One two"), ("user", "stop it")]


async def test_cancel() -> None:
    async with speaking() as peer:
        peer.say()
        await peer.sent("response.output_audio.delta")
        peer.send("response.cancel")
        done = (await peer.sent("response.done"))["response"]
        await peer.quiet()
    assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}


class Counted(Models):
    """Tells what a reply cost, as soon as it is written."""

    async def reply(self, messages, options, *, first_token_s, deadline_s):
        given = {"first_token_s": first_token_s, "deadline_s": deadline_s}
        async for piece in super().reply(messages, options, **given):
            yield piece
        yield Usage(9, 4)


@pytest.mark.parametrize("by", ["voice", "client"])
async def test_what_a_reply_cost_is_told_though_it_is_interrupted(by: str) -> None:
    async with Peer(Counted(replies=[LONG], phrase_s=0.8)) as peer:
        if by == "voice":  # such a reply is prepared while the caller may go on
            peer.say()
        else:
            peer.send("response.create")
        await peer.sent("response.output_audio.delta")
        if by == "voice":
            peer.append(SPEECH)
        else:
            peer.send("response.cancel")
        done = (await peer.sent("response.done"))["response"]
    assert done["status"] == "cancelled"
    assert (done["usage"]["input_tokens"], done["usage"]["output_tokens"]) == (9, 4)


async def test_cancelled_and_asked_for_anew_in_one_breath() -> None:
    async with speaking() as peer:
        peer.say()
        await peer.sent("response.output_audio.delta")
        peer.send("response.cancel")
        peer.send("response.create")
        await peer.sent("response.done", 2)
    assert not peer.errors
    statuses = [event["response"]["status"] for event in peer.of("response.done")]
    assert statuses == ["cancelled", "completed"]


async def test_deleted_while_it_is_spoken() -> None:
    async with speaking() as peer:
        peer.say()
        item = (await peer.sent("response.output_item.added"))["item"]["id"]
        await peer.sent("response.output_audio.delta")
        peer.send("conversation.item.delete", item_id=item)
        await peer.sent("conversation.item.deleted")
        peer.send("conversation.item.retrieve", item_id=item, event_id="rci_1")
        await peer.sent("error")
    assert peer.errors[0]["code"] == "item_retrieve_invalid_item_id"
    assert peer.errors[0]["event_id"] == "rci_1"
    details = peer.of("response.done")[0]["response"]["status_details"]
    assert details == {"type": "cancelled", "reason": "client_cancelled"}
    assert peer.history == [("user", "hello")]


async def test_truncated_while_it_is_spoken() -> None:
    async with speaking() as peer:
        peer.write("hello", id="mine")
        peer.send("response.create")
        item = (await peer.sent("response.output_item.added"))["item"]["id"]
        await peer.sent("response.output_audio.delta", 2)
        peer.send("conversation.item.delete", item_id="mine")  # which ends nothing
        peer.send("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=0)
        done = (await peer.sent("response.done"))["response"]
        peer.send("response.create")
        await peer.sent("response.created", 2)
    assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert not peer.errors


async def test_a_reply_waits_until_the_one_before_was_heard() -> None:
    async with speaking() as peer:
        peer.write("hello")
        peer.send("response.create")
        await peer.sent("response.created")
        peer.send("response.create")
        await peer.sent("error")
        assert peer.errors[0]["code"] == "conversation_already_has_active_response"
        peer.send("response.cancel")
        await peer.sent("response.done")
        peer.send("response.create")
        await peer.sent("response.created", 2)
        peer.send("response.cancel")
        await peer.sent("response.done", 2)
        peer.send("response.cancel")
        await peer.sent("error", 2)
    assert peer.errors[1]["code"] == "response_cancel_not_active"
    assert peer.errors[1]["message"].startswith("Cancellation failed")


async def test_a_waiting_reply_is_cancelled() -> None:
    """What plays is not over yet: the next reply waits, and nothing of it is made."""
    models = Models(replies=["One."], phrase_s=0.4)
    async with Peer(models) as peer:
        peer.write("hello")
        peer.send("response.create")
        await peer.sent("response.done")
        peer.send("response.create")
        peer.send("response.cancel")
        done = (await peer.sent("response.done", 2))["response"]
        await peer.quiet()
    assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert done["id"] == peer.of("response.created")[1]["response"]["id"]
    assert len(models.prompts) == 1


async def test_nothing_is_interrupted_that_must_not_be() -> None:
    detection = {"type": "server_vad", "interrupt_response": False}
    models = Models(transcripts=["hello", "go on"], replies=["One.", "Two."], phrase_s=0.4)
    async with Peer(models, session={"audio": {"input": {"turn_detection": detection}}}) as peer:
        peer.say()
        await peer.sent("response.output_audio.delta")
        peer.say()
        await peer.sent("response.done", 2)
        await peer.quiet()
    assert [e["response"]["status"] for e in peer.of("response.done")] == ["completed"] * 2


async def test_over_webrtc_the_track_is_flushed() -> None:
    hold = asyncio.Event()
    models = Models(replies=[LONG], phrase_s=2.0, hold=hold)
    async with Peer(models, sound_in_events=False) as peer:
        peer.say()
        hold.set()
        await peer.sent("output_audio_buffer.started")
        await peer.until(lambda peer: peer.track)
        peer.append(SPEECH)
        await peer.sent("output_audio_buffer.cleared")
    assert {audio.rate_hz for audio in peer.track[:-1]} == {24_000}
    assert type(peer.track[-1]).__name__ == "Clear"
    assert not peer.of("response.output_audio.delta", "output_audio_buffer.stopped")


async def test_over_webrtc_the_end_of_the_sound_is_told() -> None:
    async with Peer(Models(replies=["One."]), sound_in_events=False) as peer:
        peer.write("hello")
        peer.send("response.create")
        stopped = await peer.sent("output_audio_buffer.stopped")
    started = peer.of("output_audio_buffer.started")[0]
    assert stopped["response_id"] == started["response_id"]
    assert peer.types.index("response.done") < peer.types.index("output_audio_buffer.stopped")
