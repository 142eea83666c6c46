"""The Haar split, the first step of every invertible rescaler (IRN, arXiv 2005.05650, section 3.2)."""

import torch
from torch import Tensor


def split(x: Tensor) -> Tensor:
    """`[B, C, H, W]`, even sides -> `[B, 4C, H/2, W/2]`: the C averages first, then horizontal, vertical and
    diagonal differences of all C channels (IRN's order and its 1/4 normalisation: averages keep their range).
    """
    if x.shape[-1] % 2 or x.shape[-2] % 2:
        raise ValueError(f"the Haar split needs even sides, not {x.shape[-2]}x{x.shape[-1]}")
    a, b = x[..., 0::2, 0::2], x[..., 0::2, 1::2]
    c, d = x[..., 1::2, 0::2], x[..., 1::2, 1::2]
    return torch.cat([a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d], 1) / 4


def merge(bands: Tensor) -> Tensor:
    """The inverse of `split`: `[B, 4C, H, W]` -> `[B, C, 2H, 2W]`."""
    low, horizontal, vertical, diagonal = bands.chunk(4, 1)
    top = [low + horizontal + vertical + diagonal, low - horizontal + vertical - diagonal]
    bottom = [low + horizontal - vertical - diagonal, low - horizontal - vertical + diagonal]
    rows = [torch.stack(row, -1).flatten(-2) for row in (top, bottom)]  # (B, C, H, 2W) each
    return torch.stack(rows, -2).flatten(-3, -2)
