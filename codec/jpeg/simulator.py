"""A differentiable JPEG: the pixels a decoder would show, and an estimate of the bits an encoder would write.

The forward pass is the real thing (hard rounding, integer tables, libjpeg's chroma filters); gradients pass the
roundings unchanged (straight-through, Bengio et al. 2013, arXiv 1308.3432). Written from ITU-T T.81 and the
documented behaviour of libjpeg-turbo.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from codec.jpeg.blocks import dct, from_blocks, idct, to_blocks
from codec.jpeg.color import (
    double,
    floor_through,
    halve,
    pad_edge,
    rgb_to_ycbcr,
    round_through,
    to_byte,
    ycbcr_to_rgb,
)
from codec.jpeg.rate import estimate_bits

Subsampling = Literal["4:2:0", "4:4:4"]


class Simulated(NamedTuple):
    """What `simulate` returns."""

    picture: Tensor
    """`[B, C, H, W]` in [0, 1]: the decoded pixels, multiples of 1/255."""
    bits: Tensor
    """`[B]`: estimated size of the entropy-coded data in bits (optimised Huffman tables, progressive)."""


def scale_steps(base: Tensor, percent: Tensor) -> Tensor:
    """Libjpeg's table scaling on tensors, straight-through: `clamp(floor((base * percent + 50) / 100), 1, 255)`.

    `base` `[T, 8, 8]` may be trainable and fractional (it is rounded first); `percent` `[B]` is libjpeg's scale
    factor of each sample (50 at quality 75). Returns `[B, T, 8, 8]`.
    """
    steps = floor_through((round_through(base)[None] * percent[:, None, None, None] + 50) / 100)
    return steps + (steps.clamp(1, 255) - steps).detach()


def _code_plane(plane: Tensor, steps: Tensor, chroma: bool) -> tuple[Tensor, Tensor]:
    """Transform, quantise and restore one plane `[B, H, W]` with `steps` `[B, 8, 8]`; also its bits `[B]`."""
    h, w = plane.shape[-2:]
    padded = pad_edge(plane, -h % 8 + h, -w % 8 + w)
    step = steps.flatten(1)[:, None]  # (B, 1, 64)
    levels = dct(to_blocks(padded - 128)) / step
    pixels = idct(round_through(levels) * step)
    decoded = from_blocks(pixels, *padded.shape[-2:])[:, :h, :w]
    return to_byte(decoded + 128), estimate_bits(levels, chroma)


def _upsample(plane: Tensor, fancy: bool | Tensor) -> Tensor:
    if isinstance(fancy, bool):
        return double(plane, fancy)
    return torch.where(fancy[:, None, None], double(plane, True), double(plane, False))


def _code_chroma(plane: Tensor, steps: Tensor, subsampling: Subsampling, fancy: bool | Tensor) -> tuple[Tensor, Tensor]:
    if subsampling == "4:4:4":
        return _code_plane(plane, steps, True)
    h, w = plane.shape[-2:]
    # libjpeg extends columns before it halves them and rows after (jcprepct.c), hence 16 here and 2 there
    half = halve(pad_edge(plane, h + h % 2, -w % 16 + w))
    decoded, bits = _code_plane(half, steps, True)
    return _upsample(decoded[:, :, : (w + 1) // 2], fancy)[:, :h, :w], bits


def simulate(x: Tensor, steps: Tensor, subsampling: Subsampling = "4:2:0", fancy: bool | Tensor = True) -> Simulated:
    """Send `x` through JPEG.

    `x`: `[B, 3, H, W]` sRGB or `[B, 1, H, W]` grey, in [0, 1] (values outside are clipped, the gradient passes);
    any H and W. `steps`: `[B, T, 8, 8]` quantisation steps of each sample in 1…255, luma first, natural order;
    T = 1 shares one table. `fancy`: the decoder's chroma upsampling (see `color.double`), or `[B]` booleans
    that say it for each sample. Computes in float32, under autocast too.
    """
    with torch.autocast(x.device.type, enabled=False):  # bfloat16 cannot tell 255 levels apart
        return _simulate(x.float(), steps.float(), subsampling, fancy)


def _simulate(x: Tensor, steps: Tensor, subsampling: Subsampling, fancy: bool | Tensor) -> Simulated:
    x = to_byte(x * 255)
    if x.shape[1] == 1:
        plane, bits = _code_plane(x[:, 0], steps[:, 0], False)
        return Simulated(plane[:, None] / 255, bits)
    y, cb, cr = rgb_to_ycbcr(x)
    y, y_bits = _code_plane(y, steps[:, 0], False)
    # both chroma planes in one go: they share the table and the batch is cheap to double
    fancy = fancy if isinstance(fancy, bool) else fancy.repeat(2)
    both, c_bits = _code_chroma(torch.cat([cb, cr]), steps[:, -1].repeat(2, 1, 1), subsampling, fancy)
    cb, cr = both.chunk(2)
    return Simulated(ycbcr_to_rgb(y, cb, cr) / 255, y_bits + sum(c_bits.chunk(2)))
