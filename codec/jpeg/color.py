"""Colour and chroma sampling exactly as libjpeg(-turbo) does them, on floats that hold 8-bit integers.

Every rounding is straight-through: hard in the forward pass, identity in the gradient.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def floor_through(x: Tensor) -> Tensor:
    """`floor(x)` with an identity gradient."""
    return x + (x.floor() - x).detach()


def round_through(x: Tensor) -> Tensor:
    """`round(x)` with an identity gradient."""
    return x + (x.round() - x).detach()


def to_byte(x: Tensor) -> Tensor:
    """Round and clip to 0…255 with an identity gradient, so that clipped pixels can find their way back."""
    return x + (x.round().clamp(0, 255) - x).detach()


def luma(x: Tensor) -> Tensor:
    """`[B, 3, H, W]` of any range -> Y of BT.601 `[B, H, W]`, of the same range, unrounded."""
    r, g, b = x.unbind(1)
    return 0.299 * r + 0.587 * g + 0.114 * b


def rgb_to_ycbcr(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """`[B, 3, H, W]` in 0…255 -> three planes `[B, H, W]` of whole numbers (JFIF 1.02, BT.601 full range)."""
    r, g, b = x.unbind(1)
    cb = 128 - 0.168735892 * r - 0.331264108 * g + 0.5 * b
    cr = 128 + 0.5 * r - 0.418687589 * g - 0.081312411 * b
    return to_byte(luma(x)), to_byte(cb), to_byte(cr)


def ycbcr_to_rgb(y: Tensor, cb: Tensor, cr: Tensor) -> Tensor:
    """Three planes `[B, H, W]` -> `[B, 3, H, W]` of whole numbers in 0…255."""
    cb, cr = cb - 128, cr - 128
    rgb = [y + 1.402 * cr, y - 0.344136286 * cb - 0.714136286 * cr, y + 1.772 * cb]
    return to_byte(torch.stack(rgb, 1))


def pad_edge(plane: Tensor, height: int, width: int) -> Tensor:
    """Repeat the last column and row of `[B, H, W]` until it is `[B, height, width]`."""
    pad = (0, width - plane.shape[-1], 0, height - plane.shape[-2])
    return F.pad(plane[:, None], pad, mode="replicate")[:, 0] if any(pad) else plane


def halve(plane: Tensor) -> Tensor:
    """2x2 box average of `[B, H, W]` (even sides), with libjpeg's alternating bias (jcsample.c, h2v2_downsample)."""
    mean = F.avg_pool2d(plane[:, None], 2)[:, 0]
    bias = 0.25 + 0.25 * (torch.arange(mean.shape[-1], device=plane.device) % 2)
    return floor_through(mean + bias)


def _interleave(even: Tensor, odd: Tensor, dim: int) -> Tensor:
    return torch.stack([even, odd], dim + 1).flatten(dim, dim + 1)


def double(plane: Tensor, fancy: bool = True) -> Tensor:
    """`[B, H, W]` -> `[B, 2H, 2W]`.

    `fancy` is libjpeg's default triangle filter (jdsample.c, h2v2_fancy_upsample); False repeats samples, which
    libjpeg itself does for planes at most 2 wide and some hardware decoders do always.
    """
    if not fancy or plane.shape[-1] <= 2:
        return plane.repeat_interleave(2, -2).repeat_interleave(2, -1)
    p = F.pad(plane[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    centre = 3 * p[:, 1:-1]
    rows = _interleave(centre + p[:, :-2], centre + p[:, 2:], 1)
    centre = 3 * rows[:, :, 1:-1]
    left, right = centre + rows[:, :, :-2] + 8, centre + rows[:, :, 2:] + 7
    return floor_through(_interleave(left, right, 2) / 16)
