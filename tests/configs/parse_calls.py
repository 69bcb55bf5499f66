"""Reads tool calls as vLLM does, in a process of its own: importing vLLM warns, and takes its time.

From stdin a JSON list of what a model wrote; to stdout, for each, the calls found in the whole text
and those found in it character by character: `[[name, arguments], …]`, arguments as JSON text.
"""

import json
import sys
from typing import Any

from ray.serve.llm.openai_api_models import ChatCompletionRequest
from vllm.tool_parsers import ToolParserManager

REQUEST = ChatCompletionRequest(model="m", messages=[{"role": "user", "content": "Hi"}])


def whole(text: str, parser: Any) -> list[list[str]]:
    found = parser.extract_tool_calls(text, REQUEST)
    return [[call.function.name, call.function.arguments] for call in found.tool_calls]


def streamed(text: str, parser: Any) -> list[list[str]]:
    calls: list[list[str]] = []
    for end in range(1, len(text) + 1):
        before, now = text[: end - 1], text[:end]
        delta = parser.extract_tool_calls_streaming(
            before, now, now[-1], [0] * (end - 1), [0] * end, [0], REQUEST
        )
        for call in (delta and delta.tool_calls) or ():
            if call.index == len(calls):
                calls.append(["", ""])
            calls[call.index][0] += call.function.name or ""
            calls[call.index][1] += call.function.arguments or ""
    return calls


def main() -> None:
    parser = ToolParserManager.get_tool_parser(sys.argv[1])
    texts = json.load(sys.stdin)
    json.dump(
        [[read(text, parser(None)) for read in (whole, streamed)] for text in texts], sys.stdout
    )


main()
