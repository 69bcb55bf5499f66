"""The transport, by a peer that is not ours: aiortc's own connection, over real sockets. What is
said is repeated by `Echo`; the call itself is tested elsewhere."""

import asyncio

import pytest
from openai import OpenAI

from ingress.client_secrets import ClientSecrets
from ingress.webrtc import calls as webrtc_calls
from tests.ingress.line import recorded
from tests.ingress.server import serving
from tests.ingress.webrtc.echo import echoing
from tests.ingress.webrtc.peer import Caller, until, url
from tests.ingress.webrtc.test_offer import OFFER
from tests.ingress.webrtc.test_ports import free_range

SDP = {"Content-Type": "application/sdp"}
SPEECH = recorded()


async def test_events_and_sound_go_both_ways():
    app, replica, calls = echoing()
    with serving(app) as client:
        async with Caller(url(client), model="default") as caller:
            assert replica.admission.active == 1
            await caller.until(lambda one: one.of("created"))
            caller.send({"type": "hello"})
            await caller.until(lambda one: one.of("hello"))
            caller.say(SPEECH)
            await caller.until(lambda one: one.heard_s > 1)
        await until(lambda: not replica.admission.active)
    assert caller.events[0] == {"type": "created", "model": "default", "session": {}}
    assert caller.location.startswith("/v1/realtime/calls/rtc_")
    assert replica.metrics.of("parley_calls_total") == [{"outcome": "completed"}]
    heard_s = sum(audio.seconds for audio in calls[0].heard)
    assert heard_s >= SPEECH.seconds / 2


@pytest.mark.parametrize("asks", [{"channel": False}, {"audio_first": False}])
async def test_other_offers_that_browsers_make(asks):
    """No data channel at all; a data channel that was made before the audio."""
    app, replica, _ = echoing()
    with serving(app) as client:
        async with Caller(url(client), **asks) as caller:
            caller.say(SPEECH)
            await caller.until(lambda one: one.heard_s > 0.5)
        await until(lambda: not replica.admission.active)


async def test_an_offer_without_candidates_is_enough():
    """Browsers post theirs before they have gathered any."""
    app, replica, _ = echoing()
    caller = Caller("")
    with serving(app) as client:
        offer = await caller.offer()
        bare = "\r\n".join(line for line in offer.splitlines() if "candidate" not in line) + "\r\n"
        answer = client.post("/v1/realtime/calls", content=bare, headers=SDP)
        assert answer.status_code == 201 and answer.headers["content-type"] == "application/sdp"
        await caller.accept(answer.text)
        await caller.hang_up()
        await until(lambda: not replica.admission.active)


async def test_clear_is_heard_at_once():
    app, _, _ = echoing()
    with serving(app) as client:
        async with Caller(url(client)) as caller:
            caller.send({"type": "play", "s": 4})
            await caller.until(lambda one: one.heard_s > 0.5)
            caller.send({"type": "clear"})
            caller.send({"type": "after"})
            await caller.until(lambda one: one.of("after"))
            caller.heard.clear()
            await caller.until(lambda one: one.silent)
            assert caller.heard_s < 2  # of 4: what a busy caller had not decoded yet


async def test_a_call_that_ends_sends_its_last_words():
    app, replica, calls = echoing()
    with serving(app) as client:
        async with Caller(url(client)) as caller:
            caller.send({"type": "play", "s": 0.4})
            await caller.until(lambda one: one.heard_s > 0)
            hung_up = client.post(f"{caller.location}/hangup")
            assert hung_up.status_code == 200
            await caller.until(lambda one: one.over)
            assert caller.of("bye") and calls[0].over
        await until(lambda: not replica.admission.active)
        again = client.post(f"{caller.location}/hangup")
    assert again.status_code == 404 and again.json()["error"]["code"] == "call_not_found"


async def test_a_session_comes_with_the_form_as_openai_python_sends_it():
    app, replica, calls = echoing()
    caller = Caller("")
    with serving(app) as client, OpenAI(base_url=f"{url(client)}/v1", api_key="-") as openai:
        offer = await caller.offer()
        session = {"type": "realtime", "model": "default", "instructions": "Be kind."}
        answer = await asyncio.to_thread(
            lambda: openai.realtime.calls.create(sdp=offer, session=session)
        )
        await caller.accept(answer.text)
        await caller.until(lambda one: one.of("created"))
        await caller.hang_up()
        await until(lambda: not replica.admission.active)
    assert (calls[0].model, calls[0].session) == ("default", session)


async def test_what_is_no_offer_gets_an_answer_that_says_so():
    app, replica, _ = echoing()
    path = "/v1/realtime/calls"
    with serving(app) as client:
        answers = [
            client.post(path, content="hello", headers=SDP),
            client.post(path, content=b"\xff\xfe", headers=SDP),
            client.post(path, content=OFFER.replace("/48000/2", "/8000"), headers=SDP),
            client.post(path, content=OFFER),
            client.post(path, files={"session": (None, "{}")}),
            client.post(path, files={"sdp": (None, OFFER), "session": (None, "{")}),
            client.post(path, files={"sdp": (None, OFFER), "session": (None, "[]")}),
            client.post(path, content="--", headers={"Content-Type": "multipart/form-data"}),
        ]
    assert [answer.status_code for answer in answers] == [400] * len(answers)
    assert {answer.json()["error"]["type"] for answer in answers} == {"invalid_request_error"}
    codes = [answer.json()["error"]["code"] for answer in answers]
    assert codes[:3] == ["invalid_offer", "invalid_value", "invalid_offer"]
    assert codes[3] == "unsupported_content_type"
    assert replica.admission.active == 0


async def test_a_full_replica_and_a_full_range_say_so_and_places_come_back():
    ports = free_range(1)
    app, replica, _ = echoing(max_calls=2, port_min=ports.first, port_max=ports.last)
    with serving(app) as client:
        async with Caller(url(client)) as caller:
            assert f" {ports.first} typ host" in caller.answer
            no_port = client.post("/v1/realtime/calls", content=OFFER, headers=SDP)
        await until(lambda: not replica.admission.active)
        async with Caller(url(client)):
            pass
        await until(lambda: not replica.admission.active)
    assert no_port.status_code == 503 and no_port.json()["error"]["code"] == "no_port"
    app, replica, _ = echoing(max_calls=1)
    with serving(app) as client:
        async with Caller(url(client)):
            busy = client.post("/v1/realtime/calls", content="not even read", headers=SDP)
        await until(lambda: not replica.admission.active)
    assert busy.status_code == 503 and busy.json()["error"]["code"] == "server_busy"
    assert busy.headers["retry-after"]
    assert {"outcome": "refused"} in replica.metrics.of("parley_calls_total")


async def test_the_public_address_is_in_the_answer(monkeypatch):
    monkeypatch.setattr(webrtc_calls, "CONNECT_WITHIN_S", 0.3)  # nobody connects
    app, _, _ = echoing(public_address="203.0.113.7")
    with serving(app) as client:
        answer = client.post("/v1/realtime/calls", content=OFFER, headers=SDP)
        assert answer.status_code == 201
        found = [line for line in answer.text.splitlines() if line.startswith("a=candidate")]
        assert found and all(line.split()[4] == "203.0.113.7" for line in found)


async def test_a_client_secret_opens_no_other_agent():
    secret = ClientSecrets(("k1",)).issue({"model": "default"}, 4_000_000_000)
    headers = SDP | {"Authorization": f"Bearer {secret}"}
    app, _, calls = echoing(keys=("k1",))
    with serving(app) as client:
        begun = client.post("/v1/realtime/calls?model=loud", content=OFFER, headers=headers)
        client.post(f"{begun.headers['location']}/hangup", headers=headers)
    assert [call.model for call in calls] == ["default"]
