"""Kokoro's own pass on a CPU: the prosody of the whole phrase, the sound of its audible frames.

The same network as `kokoro.KModel.forward_with_tokens`, in three ways cheaper: silent frames are
not decoded (a third of a short phrase), the residual blocks are folded, and bfloat16 weights are
cast once. A pass that nobody waits for any more ends within a block's time.
"""

from collections.abc import Callable
from typing import Any

from deployments.engines.kokoro_blocks import Block
from deployments.engines.kokoro_norms import SILENT_FRAMES, Cut, Norms, adaptive

SAMPLES_A_FRAME = 600
"""Of the aligned text: 40 frames a second at 24 kHz (`kokoro.pipeline`, its divisor of 80)."""
AUDIBLE_ENERGY = -5.5
"""Of the predicted energy (a logarithm: -9.5 in silence, 5 to 9 in vowels). What lies under it,
`SILENT_FRAMES` away from what lies over it, sounds at -70 dB of full scale or less in all of
Kokoro's English voices."""


class Abandoned(Exception):
    """The pass was given up: nobody waits for its sound."""


class Passes:
    """Takes the place of a KModel's `forward_with_tokens`. `abandoned` is asked between blocks and
    is set before each pass; one pass at a time."""

    def __init__(self, model: Any, dtype: Any) -> None:
        """`dtype`: float32 or bfloat16. The model is of no other use afterwards."""
        import torch

        self._torch, self._model, self._dtype = torch, model, dtype
        self._norms = Norms()
        self.abandoned: Callable[[], bool] = lambda: False
        with torch.no_grad():
            self._fold(model.decoder)
        for part in (model.bert, model.bert_encoder, model.predictor, model.text_encoder):
            self._cast(part)

    def _fold(self, decoder: Any) -> None:
        from kokoro.istftnet import AdaIN1d, AdaINResBlock1

        for module in decoder.modules():
            if isinstance(module, AdaINResBlock1):
                module.forward = Block(  # pyright: ignore[reportAttributeAccessIssue]
                    module, self._norms, self._dtype
                )
            elif isinstance(module, AdaIN1d):
                module.forward = adaptive(module, self._norms)
        generator = decoder.generator
        cheap = (decoder.encode, decoder.decode, decoder.F0_conv, decoder.N_conv, decoder.asr_res)
        for module in (*cheap, generator.ups, generator.noise_convs, generator.conv_post):
            module.to(self._dtype)

    def _cast(self, part: Any) -> None:
        """What autocast would cast at each use, and for ALBERT in each of its twelve layers."""
        nn = self._torch.nn
        for module in part.modules():
            if isinstance(module, nn.Linear | nn.Conv1d | nn.ConvTranspose1d):
                module.to(self._dtype)

    def __call__(self, input_ids: Any, style: Any, speed: float = 1) -> tuple[Any, Any]:
        """int64 (1, phonemes) and the voice's style (1, 256) → the sound, float32 (samples,) at
        24 kHz, zero where it is silent, and the frames of each phoneme, int64 (phonemes,). Raises
        Abandoned."""
        half = self._dtype != self._torch.float32
        with self._torch.autocast("cpu", self._torch.bfloat16, enabled=half):
            text, pitch, energy, durations = self._prosody(input_ids, style, speed)
        begin, end = audible(energy.flatten().float())
        frames = text.shape[-1]
        self._norms.cut = Cut(begin, end - begin, frames - end)
        with self._torch.autocast("cpu", enabled=False):
            halves = slice(2 * begin, 2 * end)
            curves = pitch[:, halves].float(), energy[:, halves].float()
            sound = self._sound(text[..., begin:end], *curves, style[:, :128])
        ends = (begin * SAMPLES_A_FRAME, (frames - end) * SAMPLES_A_FRAME)
        return self._torch.nn.functional.pad(sound, ends), durations

    def _prosody(self, input_ids: Any, style: Any, speed: float) -> tuple[Any, ...]:
        """The text's features at each frame, pitch and energy at each half frame, durations."""
        torch, model, predictor = self._torch, self._model, self._model.predictor
        count = input_ids.shape[1]
        lengths, mask = torch.tensor([count]), torch.zeros(1, count, dtype=torch.bool)
        prosodic = style[:, 128:]
        encoded = model.bert_encoder(model.bert(input_ids, attention_mask=(~mask).int()))
        timed = predictor.text_encoder(encoded.transpose(-1, -2), prosodic, lengths, mask)
        chances = torch.sigmoid(predictor.duration_proj(predictor.lstm(timed)[0]))
        durations = torch.round(chances.sum(-1) / speed).clamp(min=1).long().squeeze()
        aligned = torch.repeat_interleave(timed.transpose(-1, -2), durations, dim=2)
        pitch, energy = predictor.F0Ntrain(aligned, prosodic)
        text = model.text_encoder(input_ids, lengths, mask)
        return torch.repeat_interleave(text, durations, dim=2), pitch, energy, durations

    def _sound(self, text: Any, pitch: Any, energy: Any, style: Any) -> Any:
        decoder, cat = self._model.decoder, self._torch.cat
        text = text.to(self._dtype)
        curves = [
            convolution(curve.unsqueeze(1).to(self._dtype))
            for convolution, curve in ((decoder.F0_conv, pitch), (decoder.N_conv, energy))
        ]
        x = decoder.encode(cat([text, *curves], 1), style)
        beside = [decoder.asr_res(text), *curves]
        for block in decoder.decode:
            x = block(cat([x, *beside], 1), style)
        return self._waveform(x, self._source(pitch), style)

    def _source(self, pitch: Any) -> Any:
        """The spectrum of the voice's harmonics and noise."""
        generator = self._model.decoder.generator
        harmonics, _, _ = generator.m_source(generator.f0_upsamp(pitch[:, None]).transpose(1, 2))
        spectrum = generator.stft.transform(harmonics.transpose(1, 2).squeeze(1))
        return self._torch.cat(spectrum, 1).to(self._dtype)

    def _waveform(self, x: Any, source: Any, style: Any) -> Any:
        generator = self._model.decoder.generator
        functional, kernels = self._torch.nn.functional, generator.num_kernels
        for stage in range(generator.num_upsamples):
            x = generator.ups[stage](functional.leaky_relu(x, 0.1))
            if stage == generator.num_upsamples - 1:
                x = generator.reflection_pad(x)
            x = x + self._block(
                generator.noise_res[stage], generator.noise_convs[stage](source), style
            )
            blocks = generator.resblocks[stage * kernels : (stage + 1) * kernels]
            x = sum(self._block(block, x, style) for block in blocks) / kernels
        x = generator.conv_post(functional.leaky_relu(x)).float()
        amplitude, phase = x.split(generator.post_n_fft // 2 + 1, dim=1)
        return generator.stft.inverse(self._torch.exp(amplitude), self._torch.sin(phase)).flatten()

    def _block(self, block: Any, x: Any, style: Any) -> Any:
        if self.abandoned():
            raise Abandoned
        return block(x, style)


def audible(energy: Any) -> tuple[int, int]:
    """Frames to decode, begin and end, of the predicted energy at each half frame (2 · frames,)."""
    import numpy as np

    frames = energy.view(-1, 2).mean(1).numpy()
    loud = np.flatnonzero(frames > AUDIBLE_ENERGY)
    if not len(loud):
        return 0, len(frames)
    begin, end = int(loud[0]) - SILENT_FRAMES, int(loud[-1]) + 1 + SILENT_FRAMES
    return max(begin, 0), min(end, len(frames))
