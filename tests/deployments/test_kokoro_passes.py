"""Kokoro's pass on a CPU against the library's own."""

import asyncio
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

from configs import schema
from deployments.engines.kokoro import RATE_HZ, Kokoro
from deployments.engines.kokoro_blocks import Block
from deployments.engines.kokoro_norms import SILENT_FRAMES, Cut, Norms
from deployments.engines.kokoro_passes import SAMPLES_A_FRAME, Abandoned, Passes, audible
from deployments.engines.precision import fold_weight_norm
from deployments.engines.trimming import AUDIBLE

torch = pytest.importorskip("torch")
FOLDER = Path(__file__).parents[2] / ".weights" / "kokoro-82m"
BERLIN = "ɪt ɪz bəɹlˈɪn."  # noqa: RUF001


@torch.no_grad()
def test_a_folded_block_is_the_same_function() -> None:
    from kokoro.istftnet import AdaINResBlock1

    torch.manual_seed(0)
    with warnings.catch_warnings():  # torch's own: an older weight norm
        warnings.simplefilter("ignore")
        block = AdaINResBlock1(8, 3, (1, 3, 5), 16)
    for parameter in block.parameters():
        parameter.uniform_(0.3, 1.2)
    fold_weight_norm(block)
    sound, style = torch.randn(1, 8, 50), torch.randn(1, 16)
    wanted = block(sound, style)
    folded = Block(block, Norms(), torch.float32)
    assert torch.allclose(folded(sound, style), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("before", "after"), [(0, 0), (9, 0), (0, 5), (12, 30)])
def test_kept_silence_stands_for_what_is_not_computed(before: int, after: int) -> None:
    """Ten steps a frame; silence alternates, as a hum does, so that it has a variance too."""
    torch.manual_seed(0)
    hum = torch.tensor([0.3, -0.1] * 5)
    speech = 2 + torch.randn(1, 4, 70)
    ends = (hum.repeat(before + SILENT_FRAMES), hum.repeat(after + SILENT_FRAMES))
    whole = torch.cat([ends[0].expand(1, 4, -1), speech, ends[1].expand(1, 4, -1)], 2)
    norms, gain, shift = Norms(), torch.rand(4), torch.rand(4)
    wanted = norms(whole, gain, shift, 1e-5)[..., 10 * before : whole.shape[2] - 10 * after]
    kept = whole[..., 10 * before : whole.shape[2] - 10 * after]
    norms.cut = Cut(before, kept.shape[2] // 10, after)
    assert torch.allclose(norms(kept, gain, shift, 1e-5), wanted, atol=1e-4)


def test_what_is_audible_keeps_its_silent_neighbours() -> None:
    energy = torch.full((30,), -9.0)
    energy[10:18] = 5.0
    assert audible(energy.repeat_interleave(2)) == (10 - SILENT_FRAMES, 18 + SILENT_FRAMES)
    energy[1] = energy[28] = 5.0
    assert audible(energy.repeat_interleave(2)) == (0, 30)
    assert audible(torch.full((60,), -9.0)) == (0, 30)


def loaded():
    from kokoro import KModel

    name = FOLDER / "kokoro-v1_0.pth"
    with warnings.catch_warnings():  # torch's own: an older weight norm, dropout in one layer
        warnings.simplefilter("ignore")
        model = KModel("hexgrad/Kokoro-82M", str(FOLDER / "config.json"), str(name)).eval()
    fold_weight_norm(model)
    return model


@pytest.fixture(scope="module")
def library():
    return loaded()


@pytest.fixture(scope="module")
def own():
    model = loaded()
    model.forward_with_tokens = Passes(model, torch.float32)
    return model


def style_of(voice: str, phonemes: str):
    return torch.load(FOLDER / "voices" / f"{voice}.pt")[len(phonemes) - 1]


def spectrum_db(sound: np.ndarray) -> np.ndarray:
    """50 bands of 160 Hz, 25 ms at a time, with a floor at -60 dB."""
    frames = sound.reshape(-1, SAMPLES_A_FRAME) * np.hanning(SAMPLES_A_FRAME)
    bands = np.abs(np.fft.rfft(frames))[:, :200].reshape(len(frames), 50, 4).mean(2)
    return 20 * np.log10(bands + 1e-3)


VOICES = ("af_heart", "af_nicole", "am_michael", "am_santa", "bf_emma", "bm_george")
"""Of both kinds of English, among them a whisper (nicole) and a roar (santa)."""


@pytest.mark.models
@pytest.mark.parametrize("voice", VOICES)
def test_only_silence_is_left_away(library, own, voice: str) -> None:
    style = style_of(voice, BERLIN)
    with torch.inference_mode():
        wanted = library(BERLIN, style, return_output=True)
        got = own(BERLIN, style, return_output=True)
    assert torch.equal(got.pred_dur, wanted.pred_dur) and len(got.audio) == len(wanted.audio)
    cut = own.forward_with_tokens._norms.cut
    kept = slice(cut.before * SAMPLES_A_FRAME, (cut.before + cut.kept) * SAMPLES_A_FRAME)
    silent = wanted.audio.clone()
    silent[kept] = 0
    assert cut.before + cut.after > 5 and silent.abs().max() < AUDIBLE / 4
    loudness = [float(s.audio.square().mean().sqrt()) for s in (got, wanted)]
    assert 20 * abs(np.log10(loudness[0] / loudness[1])) < 0.6
    spectra = [spectrum_db(s.audio[kept].numpy()) for s in (got, wanted)]
    assert np.median(np.sqrt(np.mean((spectra[0] - spectra[1]) ** 2, axis=1))) < 3.5


@pytest.mark.models
def test_a_pass_ends_at_the_next_block(own, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = iter([False, False, True])
    monkeypatch.setattr(own.forward_with_tokens, "abandoned", lambda: next(asked))
    with pytest.raises(Abandoned), torch.inference_mode():
        own(BERLIN, style_of("af_heart", BERLIN))
    assert next(asked, "asked no more") == "asked no more"


@pytest.mark.models
async def test_a_gone_callers_running_pass_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    kokoro = Kokoro(schema.Kokoro(model=str(FOLDER)))
    runs, may_go_on, blocks = threading.Event(), threading.Event(), []
    block = Passes._block

    def held(*args):
        runs.set()
        assert may_go_on.wait(20)
        sound = block(*args)
        blocks.append(sound)
        return sound

    monkeypatch.setattr(Passes, "_block", held)
    speeches = kokoro.synthesize("Nobody waits for this.", "af_heart", 1.0)
    gone = asyncio.create_task(anext(speeches))
    await asyncio.to_thread(runs.wait)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    may_go_on.set()
    (speech,) = [one async for one in kokoro.synthesize("Next.", "af_heart", 1.0)]
    kokoro.close()
    assert len(blocks) == 8 and len(speech.audio.samples) > 0.2 * RATE_HZ
