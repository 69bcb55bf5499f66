"""The measuring itself: that it counts what a call keeps. No limit is tested here."""

import yaml

from benchmarks.call_state import buffer_bytes, bytes_by_file
from benchmarks.memory import SCRIPTED
from benchmarks.recordings import questions
from configs.schema import Stack
from conversation import turns
from ingress import hearing

SAID = questions()[0]


async def test_a_calls_history_and_sound_are_counted_apart():
    stack = Stack.model_validate(yaml.safe_load(SCRIPTED.read_text())["applications"][0]["args"])
    few = await bytes_by_file(stack, SAID, turns=1, count=3)
    more = await bytes_by_file(stack, SAID, turns=3, count=3)
    assert more[turns.__file__] > few[turns.__file__] > 0
    assert few[hearing.__file__] > 1_000
    assert not any("benchmarks" in name for name in more)


def test_the_audio_buffer_grows_with_speech_that_never_pauses():
    assert 2 * 8_000 * 5 <= buffer_bytes(SAID, seconds=5) <= 2 * 8_000 * 10
