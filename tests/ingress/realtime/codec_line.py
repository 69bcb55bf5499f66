"""A codec without a call: what a client's events mean, and what it is sent."""

import json
import warnings

import numpy as np

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)

from conversation.endpointing import Thresholds
from ingress.protocols.outputs import Answer
from ingress.protocols.realtime.codec import RealtimeCodec
from ingress.protocols.realtime.session import Defaults, Session

DEFAULTS = Defaults(
    model="default",
    system_prompt="Be brief.",
    voice="af_heart",
    speed=1.0,
    voices=frozenset({"af_heart", "am_michael"}),
    thresholds=Thresholds(),
    judged=False,
    interruptible=True,
    markers=False,
    tools=True,
)
TONE = (8_000 * np.sin(np.arange(24_000) / 20)).astype(np.int16)


class Line:
    """A codec, and what its client has been sent."""

    def __init__(self, **session):
        begun = Session.begin(DEFAULTS, "sess_1", 1_800_000_000)
        self.codec = RealtimeCodec(begun.updated(session))

    def does(self, kind, **fields):
        """What an event means for the call; the answers go out."""
        return self.raw(json.dumps({"type": kind, **fields}))

    def raw(self, message):
        done, self.told = [], []
        for item in self.codec.decode(message):
            if isinstance(item, Answer):
                self.say(item)
            else:
                done.append(item)
        return done

    def say(self, output):
        wires = self.codec.encode(output)
        self.told = [json.loads(wire) if isinstance(wire, str) else wire for wire in wires]
        return self.told

    def refused(self, kind, **fields):
        assert self.does(kind, **fields) == []
        (error,) = self.told
        assert error["type"] == "error"
        return error["error"]


def message(**fields):
    content = [{"type": "input_text", "text": "hello"}]
    return {"type": "message", "role": "user", "content": content, **fields}
