"""What a client is told when we end its call, and how its socket closes."""

import asyncio
import logging
from functools import partial

import pytest
from fastapi import WebSocket

from configs.agents import Agent, Limits
from ingress.call_log import CallLog
from ingress.protocols.outputs import SERVER_STOPS, Closed
from ingress.realtime import hold
from ingress.socket_calls import SocketCall
from tests.ingress.realtime.peer import Peer
from tests.ingress.realtime.test_route import app_of, connected
from tests.ingress.server import Socket, serving
from tests.ingress.test_app import until_ready


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(idle_call_s=60), "idle call"),
        (Limits(call_length_s=60), "call length limit"),
    ],
)
async def test_a_session_that_is_over_by_its_limits_has_expired(limits, reason):
    clock = [0.0]
    agent = Agent(prompt="Be brief.", limits=limits)
    async with Peer(agent=agent, now_s=lambda: clock[0]) as peer:
        await peer.sent("session.created")
        clock[0] = 61.0
        error = (await peer.sent("error"))["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", "session_expired")
    assert reason in error["message"]
    assert peer.track == [Closed(reason)]


async def test_over_webrtc_the_end_is_told_and_nothing_is_closed():
    """The connection is the peer's."""
    async with Peer(sound_in_events=False) as peer:
        await peer.sent("session.created")
        peer.call.end(SERVER_STOPS)
        error = (await peer.sent("error"))["error"]
    assert (error["type"], error["code"]) == ("server_error", "server_shutdown")
    assert peer.track == []


def test_the_close_code_tells_who_may_come_back():
    app = app_of()
    with serving(app) as client:
        until_ready(client)
        for reason, code in ((SERVER_STOPS, 1001), ("hung up by request", 1000)):
            with connected(client) as inner:
                socket = Socket(inner)
                assert socket.receive()["type"] == "session.created"
                assert app.state.admission.end_all(reason) == 1
                assert socket.closed() == (code, reason)
            while app.state.admission.active:
                pass


async def test_who_goes_while_something_is_being_sent_has_hung_up(caplog):
    """uvicorn ends both then, what waits for a message and what waits for room."""
    caplog.set_level(logging.INFO)
    blocked, gone = asyncio.Event(), asyncio.Event()
    came = [{"type": "websocket.disconnect", "code": 1006}, {"type": "websocket.connect"}]

    async def receive():
        if len(came) == 1:
            await gone.wait()
        return came.pop()

    async def send(message):
        if message["type"] == "websocket.send":
            blocked.set()
            await gone.wait()
            raise OSError

    socket = WebSocket({"type": "websocket"}, receive, send)
    await socket.accept()
    peer = Peer()
    line = SocketCall(socket, peer.replica.metrics, CallLog("sess_1"))
    answering = asyncio.create_task(line.answer(partial(hold, peer.call)))
    await blocked.wait()
    peer.call.end("hung up by request")  # more to send, to a socket that has failed by then
    gone.set()
    await answering
    assert peer.replica.metrics.of("parley_calls_total") == [{"outcome": "completed"}]
    assert "ended" in caplog.text and "disconnected" not in caplog.text
