"""Adaptive instance norm over a phrase whose silent ends are not computed. Owns no convolution.

Kokoro normalises each channel over the whole phrase, its silent ends included: a decoder that is
given the audible frames alone speaks 0.4 to 2.4 dB softer and duller. Silence is the same in every
frame, so the few silent frames that are kept stand for those that are not: their moments count as
often as the frames they stand for. The sound is then the whole pass's to within what Kokoro's own
noise changes from one pass to the next (docs/decisions/0013-kokoro-on-a-cpu.md).
"""

from dataclasses import dataclass
from typing import Any

SILENT_FRAMES = 4
"""Kept at each end; the second and third stand for the silence, out of reach of the zero padding
before them and, mostly, of the speech behind them."""


@dataclass(slots=True)
class Cut:
    """Frames of the phrase: left away before, kept, left away after."""

    before: int = 0
    kept: int = 1
    after: int = 0


class Norms:
    """Instance norms of one pass. `cut` is set before each; one pass at a time."""

    def __init__(self) -> None:
        import torch

        self._torch = torch
        self.cut = Cut()

    def __call__(self, x: Any, gain: Any, shift: Any, eps: float) -> Any:
        """`x` of shape (1, channels, ..., steps), over its steps zero mean and unit variance as
        the whole phrase would have it, times `gain` plus `shift`, both float32 of (channels,)."""
        if not (self.cut.before or self.cut.after):
            return self._torch.native_batch_norm(x, gain, shift, None, None, True, 0.0, eps)[0]
        mean, variance = self._moments(x, eps)
        return self._torch.native_batch_norm(x, gain, shift, mean, variance, False, 0.0, eps)[0]

    def _moments(self, x: Any, eps: float) -> tuple[Any, Any]:
        frame = x.shape[-1] // self.cut.kept
        parts = (x[..., frame : 3 * frame], x, x[..., -3 * frame : -frame])
        counts = self._torch.tensor([self.cut.before, self.cut.kept, self.cut.after])
        weights = (counts / counts.sum()).unsqueeze(1)
        found = [self._own_moments(part, eps) for part in parts]
        means, variances = (self._torch.stack(moment) for moment in zip(*found, strict=True))
        mean = (weights * means).sum(0)
        return mean, (weights * (variances + (means - mean) ** 2)).sum(0)

    def _own_moments(self, x: Any, eps: float) -> tuple[Any, Any]:
        """By the batch norm's own kernel: reductions over bfloat16 are 15 times slower."""
        norm = self._torch.native_batch_norm
        _, mean, inverse = norm(x, None, None, None, None, True, 0.0, eps)
        return mean, inverse**-2 - eps


def adaptive(adain: Any, norms: Norms) -> Any:
    """The forward pass of an `AdaIN1d` by these norms."""

    def forward(x: Any, style: Any) -> Any:
        gain, shift = adain.fc(style.to(adain.fc.weight.dtype)).float().flatten().chunk(2)
        gain = 1 + gain
        weight, bias = adain.norm.weight.float(), adain.norm.bias.float()
        return norms(x, gain * weight, gain * bias + shift, adain.norm.eps)

    return forward
