"""Kokoro's residual blocks, where nine tenths of a phrase's time goes, computed more cheaply. Owns
one block's arithmetic; which frames it is given is not its matter.

The same function as `kokoro.istftnet.AdaINResBlock1`, its weights folded once: x + sin²(ax)/a after
an affine norm is (h + sin² h)/a of an affine norm times a, and 1/a goes into the convolution. So
each of the six steps is a norm, a sine, a multiply-add and a convolution, all in the layout (time,
channels) that the convolution wants, in true bfloat16 where the CPU multiplies it.
"""

from dataclasses import dataclass
from typing import Any

from deployments.engines.kokoro_norms import Norms


@dataclass(frozen=True, slots=True)
class Step:
    """A convolution after a norm and snake: kernel (out, in, 1, width), bias (out,)."""

    kernel: Any
    bias: Any
    padding: tuple[int, int]
    dilation: tuple[int, int]


class Block:
    """Takes the weights out of an `AdaINResBlock1` (its weight norm folded before)."""

    def __init__(self, block: Any, norms: Norms, dtype: Any) -> None:
        import torch

        self._torch, self._norms, self._dtype = torch, norms, dtype
        self._eps = block.adain1[0].norm.eps
        firsts = zip(block.convs1, block.adain1, block.alpha1, strict=True)
        seconds = zip(block.convs2, block.adain2, block.alpha2, strict=True)
        ordered = [one for pair in zip(firsts, seconds, strict=True) for one in pair]
        self._steps = [self._step(conv, alpha) for conv, _, alpha in ordered]
        affines = [self._affine(adain, alpha.flatten()) for _, adain, alpha in ordered]
        self._weight, self._bias = (torch.cat(part) for part in zip(*affines, strict=True))
        del block.convs1, block.convs2, block.adain1, block.adain2, block.alpha1, block.alpha2

    def _step(self, conv: Any, alpha: Any) -> Step:
        kernel = (conv.weight / alpha.view(1, -1, 1)).unsqueeze(2)
        return Step(
            kernel.to(self._dtype, memory_format=self._torch.channels_last),
            conv.bias.to(self._dtype),
            (0, conv.padding[0]),
            (1, conv.dilation[0]),
        )

    def _affine(self, adain: Any, alpha: Any) -> tuple[Any, Any]:
        """Style → the norm's gain and shift, as one matrix (2 · channels, style) and a bias."""
        (gain, shift), (gain_0, shift_0) = adain.fc.weight.chunk(2), adain.fc.bias.chunk(2)
        weight, bias = adain.norm.weight * alpha, adain.norm.bias * alpha
        by_gain, by_bias = weight.unsqueeze(1), bias.unsqueeze(1)
        matrix = self._torch.cat([gain * by_gain, gain * by_bias + shift * alpha.unsqueeze(1)])
        constant = [(1 + gain_0) * weight, (1 + gain_0) * bias + shift_0 * alpha]
        return matrix, self._torch.cat(constant)

    def __call__(self, x: Any, style: Any) -> Any:
        """`x` of (1, channels, steps) and the style's (1, 128); the result has x's shape."""
        functional = self._torch.nn.functional
        x = x.to(self._dtype).unsqueeze(2).contiguous(memory_format=self._torch.channels_last)
        affine = functional.linear(style, self._weight, self._bias).view(len(self._steps), 2, -1)
        y = x
        for index, (step, (gain, shift)) in enumerate(zip(self._steps, affine, strict=True)):
            h = self._norms(y, gain, shift, self._eps)
            sine = self._torch.sin(h)
            h.addcmul_(sine, sine)
            y = functional.conv2d(h, step.kernel, step.bias, 1, step.padding, step.dilation)
            if index % 2:
                x = y = x + y
        return x.squeeze(2)
