"""Cheaper arithmetic, the same speech."""

import numpy as np
import pytest

from configs import schema
from deployments.app import ROOT
from deployments.engines.kokoro import Kokoro
from deployments.engines.precision import fold_weight_norm, in_precision

torch = pytest.importorskip("torch")
PHRASE = "The delivery takes three days."


def test_folding_changes_no_output():
    plain = torch.nn.utils.parametrizations.weight_norm(torch.nn.Conv1d(3, 4, 5))
    sound = torch.randn(1, 3, 32)
    before = plain(sound)
    assert fold_weight_norm(torch.nn.Sequential(plain)) == 1
    assert torch.allclose(plain(sound), before, atol=1e-6)
    assert fold_weight_norm(torch.nn.Sequential(plain)) == 0


def test_auto_follows_the_hardware(monkeypatch):
    def multiplied_in(context):
        with context:
            return (torch.ones(2, 2) @ torch.ones(2, 2)).dtype

    for supported, dtype in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda s=supported: s)
        assert multiplied_in(in_precision("auto", "cpu")) is dtype
        assert multiplied_in(in_precision("float32", "cpu")) is torch.float32
        assert multiplied_in(in_precision("bfloat16", "cpu")) is torch.bfloat16


@pytest.mark.models
async def test_speech_is_as_loud_and_as_long_in_bfloat16():
    heard = {}
    for precision in ("float32", "bfloat16"):
        kokoro = Kokoro(schema.Kokoro(model=str(ROOT / ".weights/kokoro-82m"), precision=precision))
        (speech,) = [one async for one in kokoro.synthesize(PHRASE, "af_heart", 1.0)]
        kokoro.close()
        heard[precision] = speech
    full, half = heard.values()
    assert abs(full.audio.seconds - half.audio.seconds) < 0.1
    loudness = [np.sqrt(np.mean(s.audio.samples.astype(float) ** 2)) for s in (full, half)]
    assert abs(loudness[0] / loudness[1] - 1) < 0.1
    assert [word.text for word in full.words] == [word.text for word in half.words]
    for one, other in zip(full.words, half.words, strict=True):
        assert abs(one.start_s - other.start_s) < 0.06
