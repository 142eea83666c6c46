"""The Haar split, the first step of every invertible rescaler (IRN, arXiv 2005.05650, section 3.2)."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

_SIGNS = torch.tensor([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
"""Of the average and the horizontal, vertical and diagonal differences, for the four pixels row by row."""


def _kernel(channels: int, like: Tensor) -> Tensor:
    """`[4C, C, 2, 2]`, quarters."""
    each = torch.eye(channels).to(like) / 4
    kernel = (_SIGNS.to(like).view(4, 1, 1, 2, 2) * each[None, :, :, None, None]).flatten(0, 1)
    return kernel.contiguous(memory_format=torch.channels_last)


def split(x: Tensor) -> Tensor:
    """`[B, C, H, W]`, even sides -> `[B, 4C, H/2, W/2]`: the C averages first, then horizontal, vertical and
    diagonal differences of all C channels (IRN's order and its 1/4 normalisation: averages keep their range).

    On a CPU a convolution does it a dozen times faster than sums of every other pixel; a GPU's might round to TF32.
    """
    if x.shape[-1] % 2 or x.shape[-2] % 2:
        raise ValueError(f"the Haar split needs even sides, not {x.shape[-2]}x{x.shape[-1]}")
    if x.device.type == "cpu":
        with torch.autocast("cpu", enabled=False):
            return F.conv2d(x, _kernel(x.shape[1], x), stride=2)
    a, b = x[..., 0::2, 0::2], x[..., 0::2, 1::2]
    c, d = x[..., 1::2, 0::2], x[..., 1::2, 1::2]
    return torch.cat([a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d], 1) / 4


def merge(bands: Tensor) -> Tensor:
    """The inverse of `split`: `[B, 4C, H, W]` -> `[B, C, 2H, 2W]`."""
    if bands.device.type == "cpu":
        with torch.autocast("cpu", enabled=False):
            return F.conv_transpose2d(bands, 4 * _kernel(bands.shape[1] // 4, bands), stride=2)
    low, horizontal, vertical, diagonal = bands.chunk(4, 1)
    top = [low + horizontal + vertical + diagonal, low - horizontal + vertical - diagonal]
    bottom = [low + horizontal - vertical - diagonal, low - horizontal - vertical + diagonal]
    rows = [torch.stack(row, -1).flatten(-2) for row in (top, bottom)]  # (B, C, H, 2W) each
    return torch.stack(rows, -2).flatten(-3, -2)


def log_det(x: Tensor) -> float:
    """Log |det J| of `split` for a sample of `x` `[B, C, H, W]`: the signs' determinant is 16, over 4**4."""
    return -math.log(16) * x[0].numel() / 4
