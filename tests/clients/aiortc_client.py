"""aiortc as a WebRTC client: Opus both ways, events on the data channel."""

import json
from typing import Any

from audio.pcm import Audio
from tests.clients.caller import AUDIBLE, WEATHER, Answer, Caller, beside, run
from tests.ingress.webrtc import peer


class Client:
    def __init__(self, line: peer.Caller, caller: Caller) -> None:
        self._line, self._caller = line, caller
        self._answers: dict[str, Answer] = {}
        self._events = self._pieces = 0

    async def speak(self) -> None:
        async for frame in self._caller.frames():
            self._line.say(Audio(frame, 24_000))

    async def listen(self) -> None:
        while True:
            await self._line.until(lambda _: self._news(), within_s=60)
            for event in self._line.events[self._events :]:
                self._take(event)
            for piece in self._line.heard[self._pieces :]:
                if self._answers and abs(piece).max(initial=0) > AUDIBLE:
                    self._caller.hear(piece)
            self._events, self._pieces = len(self._line.events), len(self._line.heard)
            self._caller.noticed()

    def _news(self) -> bool:
        return len(self._line.events) > self._events or len(self._line.heard) > self._pieces

    def _take(self, event: dict[str, Any]) -> None:
        report = self._caller.report
        report.events += 1
        match event["type"]:
            case "conversation.item.input_audio_transcription.completed":
                report.said.append(event["transcript"])
            case "response.output_item.added" if event["item"]["type"] == "message":
                self._answers[event["item"]["id"]] = self._caller.begin_answer()
            case "response.output_audio_transcript.done":
                self._answers[event["item_id"]].text = event["transcript"]
            case "output_audio_buffer.cleared":
                report.answers[-1].cut_off = True
                self._line.send(
                    {"type": "conversation.item.retrieve", "item_id": [*self._answers][-1]}
                )
            case "output_audio_buffer.stopped":
                report.answers[-1].done = True
            case "conversation.item.retrieved":
                report.kept = event["item"]["content"][0]["transcript"]
            case "response.output_item.done" if event["item"]["type"] == "function_call":
                self._call_tool(event["item"])
            case "error":
                report.errors.append(event["error"]["message"])
            case _:
                pass

    def _call_tool(self, call: dict[str, Any]) -> None:
        self._caller.report.tool = {"name": call["name"], **json.loads(call["arguments"])}
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": WEATHER}
        self._line.send({"type": "conversation.item.create", "item": output})
        self._line.send({"type": "response.create"})

    async def write(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        message = {"type": "message", "role": "user", "content": content}
        self._line.send({"type": "conversation.item.create", "item": message})
        self._line.send({"type": "response.create"})


async def converse(caller: Caller, url: str, key: str, sentences: list[Audio]) -> None:
    session = {
        "type": "realtime",
        "tools": [{"type": "function", **tool} for tool in caller.tools],
        "audio": {"input": {"transcription": {"model": "whisper-1"}}},
    }
    headers = {"Authorization": f"Bearer {key}"}
    server = url.removesuffix("/v1")
    async with peer.Caller(server, model="default", session=session, headers=headers) as line:
        client = Client(line, caller)
        async with beside(client.listen()), beside(client.speak()):
            await caller.hold_dialogue(sentences, client.write)


if __name__ == "__main__":
    run(converse, __doc__ or "")
