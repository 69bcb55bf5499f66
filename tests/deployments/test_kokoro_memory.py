"""A replica that speaks for days stays as large as it was."""

from pathlib import Path

import pytest

from configs import schema
from deployments.engines import memory
from deployments.engines.kokoro import Kokoro
from deployments.engines.memory import STEP_BYTES, FreedMemory, resident_bytes

WEIGHTS = Path(__file__).parents[2] / ".weights"


def test_only_growth_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    resident, trims = 1_000, []
    monkeypatch.setattr(memory, "resident_bytes", lambda: resident)
    freed = FreedMemory()
    monkeypatch.setattr(memory, "give_back", lambda: trims.append(0))
    resident += STEP_BYTES
    freed.after_pass()
    assert not trims
    resident += 1
    freed.after_pass()
    freed.after_pass()  # it is needed: no use asking again
    assert len(trims) == 1


@pytest.mark.models
async def test_phrases_of_many_lengths_leave_no_memory_behind() -> None:
    engine = Kokoro(schema.Kokoro(model=str(WEIGHTS / "kokoro-82m")))
    before = resident_bytes()
    words = (
        "the quick brown fox jumps over the lazy dog while seven engineers look on " * 2
    ).split()
    for count in (20, 3, 27, 11, 23, 7):
        async for _ in engine.synthesize(" ".join(words[:count]), "af_heart", 1.0):
            pass
    grown = resident_bytes() - before
    engine.close()
    assert grown < STEP_BYTES + 128 * 2**20, f"{grown / 2**20:.0f} MB"
