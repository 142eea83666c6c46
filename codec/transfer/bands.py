"""Pictures as bands: what both photos must agree on, and the detail that only the reference has."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from codec.jpeg.color import luma

KNOWN = 4
"""A picture reduced by this is known well enough from the file: what is taken from a reference never changes it."""
AROUND = 9
"""Side of the window in which exposure and colour are compared, in pixels of a picture reduced by `KNOWN`."""
EPSILON = 2e-4
"""Of variances of [0, 1] values: a deviation of some 4 levels is noise."""
CORRELATION = slice(13, 14)
"""Channel of `Evidence.seen` that holds the correlation in the larger window."""


def box(x: Tensor, side: int) -> Tensor:
    """Means over `side` x `side` windows (odd) of `[B, C, H, W]`; at borders, of what there is."""
    for kernel in ((side, 1), (1, side)):
        pad = (kernel[0] // 2, kernel[1] // 2)
        x = F.avg_pool2d(x, kernel, stride=1, padding=pad, count_include_pad=False)
    return x


def normalised(x: Tensor, side: int, epsilon: float = EPSILON) -> Tensor:
    """`x` less its local mean, over its local deviation: what exposure does not change."""
    mean = box(x, side)
    return (x - mean) * (box(x.square(), side) - mean.square()).clamp_min(0).add(epsilon).rsqrt()


def reduced(x: Tensor, factor: int) -> Tensor:
    """`x` reduced by `factor`, bicubic and antialiased; any size."""
    small = [max(1, n // factor) for n in x.shape[-2:]]
    return F.interpolate(x, small, mode="bicubic", antialias=True)


def enlarged(x: Tensor, like: Tensor) -> Tensor:
    """`x` as large as `like`, bicubic."""
    return F.interpolate(x, like.shape[-2:], mode="bicubic")


def low(x: Tensor, factor: int) -> Tensor:
    """`x` as it is after being reduced by `factor` and enlarged again."""
    return enlarged(reduced(x, factor), x)


def without_known(change: Tensor) -> Tensor:
    """A change of the picture less what it changes of the picture reduced by `KNOWN`."""
    return change - low(change, KNOWN)


class Evidence(NamedTuple):
    """What the fusion is told of an aligned reference."""

    seen: Tensor
    """`[B, EVIDENCE, H, W]`: the restored picture (3), the differences of the reference to it in three bands, fine,
    middle and low (9), how well both correlate in a small and in a larger window (2), what the file tells of its scale
    and its condition (2), whether the reference reaches here (1)."""
    bands: Tensor
    """`[B, 2, 3, H, W]`: the differences that can be taken, fine and middle."""


def evidence(restored: Tensor, warped: Tensor, inside: Tensor, told: Tensor) -> Evidence:
    """From the restored picture `[B, 3, H, W]`, the reference aligned to it, where that is (`[B, 1, H, W]`, 0 or 1),
    and scale and condition of the file (`[B, 2]`).

    The reference's local mean becomes the restored picture's, and so does the contrast of what both can show.
    """
    warped = torch.where(inside > 0, warped, restored)
    both = torch.cat([restored, warped])
    small = reduced(both, KNOWN)  # all that compares surroundings needs no more than that
    gain, rough, correlation = _compared(*small.chunk(2))
    (low_r, low_w), (half_r, half_w) = enlarged(small, both).chunk(2), low(both, 2).chunk(2)
    compared = enlarged(torch.cat([gain, rough, correlation], 1), restored)
    gain, rough, correlation = compared[:, :1], compared[:, 1:4], compared[:, 4:]
    middle = gain * (half_w - low_w) - (half_r - low_r)
    fine = gain * (warped - half_w) - (restored - half_r)
    bands = torch.stack([fine, middle], 1) * inside[:, None]
    seen = torch.cat([8 * fine, 8 * middle, 8 * rough, correlation], 1) * inside
    file = torch.stack([told[:, 0].log2() - 1, told[:, 1] / 4 - 1], 1)[:, :, None, None].expand(
        -1, -1, *inside.shape[2:]
    )
    return Evidence(torch.cat([restored - 0.5, seen, file, inside], 1), bands)


def _compared(restored: Tensor, warped: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of two pictures reduced by `KNOWN`: contrast of the one over that of the other `[B, 1, h, w]`, the difference
    that mean and contrast leave `[B, 3, h, w]`, correlation in two windows `[B, 2, h, w]`.
    """
    gray_r, gray_w = luma(restored)[:, None], luma(warped)[:, None]
    gain = (_variance(gray_r) / _variance(gray_w)).sqrt().clamp(0.7, 1.4)
    rough = gain * (warped - box(warped, AROUND)) - (restored - box(restored, AROUND))
    product = normalised(gray_r, 5) * normalised(gray_w, 5)
    return gain, rough, torch.cat([box(product, 3), box(product, 7)], 1)


def _variance(x: Tensor) -> Tensor:
    """In a window twice as large as that of means."""
    side = 2 * AROUND - 1
    return (box(x.square(), side) - box(x, side).square()).clamp_min(0) + EPSILON
