"""How a call over WebRTC ends, whoever ends it, by a peer that is not ours: nothing is left."""

import asyncio
import threading

import psutil
import pytest

from ingress.webrtc import calls as webrtc_calls
from ingress.webrtc.peer import Peer
from tests.ingress.line import recorded
from tests.ingress.server import serving
from tests.ingress.webrtc.echo import Echo, echoing
from tests.ingress.webrtc.peer import Caller, until, url
from tests.ingress.webrtc.test_offer import OFFER

SDP = {"Content-Type": "application/sdp"}
SPEECH = recorded()


async def test_who_never_connects_loses_the_place(monkeypatch):
    monkeypatch.setattr(webrtc_calls, "CONNECT_WITHIN_S", 0.3)
    app, replica, _ = echoing()
    with serving(app) as client:
        answer = client.post("/v1/realtime/calls", content=OFFER, headers=SDP)
        assert answer.status_code == 201
        await until(lambda: not replica.admission.active)
    assert replica.metrics.of("parley_calls_total") == [{"outcome": "failed"}]


async def test_who_vanishes_is_noticed(monkeypatch):
    """No word of farewell: only consent to send runs out (RFC 7675)."""
    monkeypatch.setattr("aioice.ice.CONSENT_INTERVAL", 0.05)
    app, replica, calls = echoing()
    with serving(app) as client:
        async with Caller(url(client)) as caller:
            await caller.until(lambda one: one.of("created"))
            caller.vanish()
            await until(lambda: not replica.admission.active)
            assert calls[0].over


async def test_a_call_that_crashes_ends_alone():
    app, replica, _ = echoing()
    with serving(app) as client:
        async with Caller(url(client)) as other:
            async with Caller(url(client)) as caller:
                caller.send({"type": "crash"})
                await caller.until(lambda one: one.over)
            other.send({"type": "still here"})
            await other.until(lambda one: one.of("still here"))
        await until(lambda: not replica.admission.active)
    assert {"outcome": "failed"} in replica.metrics.of("parley_calls_total")


async def test_a_call_that_cannot_be_hung_up_ends_alone(monkeypatch):
    close = Peer.close

    async def fail(self):
        await close(self)
        raise RuntimeError("as asked")

    app, replica, _ = echoing()
    with serving(app) as client:
        async with Caller(url(client)) as other:
            monkeypatch.setattr(Peer, "close", fail)
            async with Caller(url(client)) as caller:
                await caller.until(lambda one: one.of("created"))
            await until(lambda: replica.metrics.of("parley_calls_total") == [{"outcome": "failed"}])
            other.send({"type": "still here"})
            await other.until(lambda one: one.of("still here"))
        await until(lambda: not replica.admission.active)


async def test_calls_leave_nothing_behind():
    """Neither here nor at the caller's end, which is the same process in a test."""
    app, replica, _ = echoing()
    process = psutil.Process()
    with serving(app) as client:
        before = len(process.net_connections("udp"))
        for _ in range(3):
            async with Caller(url(client)) as caller:
                await caller.until(lambda one: one.of("created") and len(one.heard) > 3)
                assert len(process.net_connections("udp")) > before
            await until(lambda: not replica.admission.active)
        assert len(process.net_connections("udp")) == before
        assert not [one for one in threading.enumerate() if one.name == "audio-decoder"]
    assert len(replica.metrics.of("parley_calls_total")) == 3


async def test_who_leaves_before_the_answer_holds_no_place(monkeypatch):
    """The guard cancels a request whose client has gone."""
    asked = asyncio.Event()

    async def answer(*_: object) -> str:
        asked.set()
        await asyncio.Event().wait()
        return ""

    monkeypatch.setattr(Peer, "answer", answer)
    _, replica, _ = echoing()
    calls = webrtc_calls.WebRtcCalls(replica, lambda *_: Echo("", {}))
    async with calls.open():
        request = asyncio.create_task(calls.begin(OFFER, "", ()))
        await asked.wait()
        assert replica.admission.active == 1
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        assert replica.admission.active == 0


async def test_the_request_goes_on_until_the_call_is_over():
    """What Serve counts: see `ingress.webrtc.routes`. Its client may leave."""
    app, replica, _ = echoing()
    under_way = 0

    async def counting(scope, receive, send):
        nonlocal under_way
        counts = scope["type"] == "http"
        under_way += counts
        try:
            await app(scope, receive, send)
        finally:
            under_way -= counts

    with serving(counting) as client:
        async with Caller(url(client)) as caller:
            caller.send({"type": "hello"})
            await caller.until(lambda one: one.of("hello"))
            assert under_way == 1
        await until(lambda: not under_way)
        assert not replica.admission.active


async def test_a_server_that_stops_ends_its_calls():
    app, replica, _ = echoing()
    with serving(app) as client:
        caller = await Caller(url(client)).__aenter__()
        replica.admission.end_all("the server stops")
        await caller.until(lambda one: one.over)
    await caller.hang_up()
    assert not replica.admission.active
