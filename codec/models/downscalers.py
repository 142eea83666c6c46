"""The usual ways of downscaling by a whole factor, as one convolution each: what an LR picture may be aimed at."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from codec.models.config import DOWNSCALER_REACH, Downscaler


def _cubic(t: float) -> float:
    """Keys' kernel with a = -0.5, as Pillow's and the papers' MATLAB code have it."""
    t = abs(t)
    if t < 1:
        return 1.5 * t**3 - 2.5 * t**2 + 1
    return -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t < 2 else 0.0


def _lanczos(t: float) -> float:
    """Three lobes."""
    if t == 0:
        return 1.0
    return 3 * math.sin(math.pi * t) * math.sin(math.pi * t / 3) / (math.pi * t) ** 2 if abs(t) < 3 else 0.0


def _box(t: float) -> float:
    return float(abs(t) <= 0.5)


_WINDOWS: dict[Downscaler, Callable[[float], float]] = {"bicubic": _cubic, "lanczos": _lanczos, "area": _box}


def weights_of(downscaler: Downscaler, scale: int) -> list[float]:
    """Of the `2 * DOWNSCALER_REACH * scale` HR values around an LR pixel's centre, along one side; their sum is 1."""
    count = 2 * DOWNSCALER_REACH * scale
    raw = [_WINDOWS[downscaler]((i + 0.5) / scale - DOWNSCALER_REACH) for i in range(count)]
    return [weight / sum(raw) for weight in raw]


def downscale(x: Tensor, downscaler: Downscaler, scale: int) -> Tensor:
    """`[B, C, s h, s w]` -> `[B, C, h, w]`, antialiased; the border's values are repeated outwards.

    A GPU may round to TF32 in it, which a picture to aim at can bear: the inverse does not need it.
    """
    weights = torch.tensor(weights_of(downscaler, scale), dtype=x.dtype, device=x.device)
    pad = (len(weights) - scale) // 2
    channels = x.shape[1]
    with torch.autocast(x.device.type, enabled=False):
        for axis, padding in ((2, (0, 0, pad, pad)), (3, (pad, pad, 0, 0))):
            shape, stride = [1, 1], [1, 1]
            shape[axis - 2], stride[axis - 2] = len(weights), scale
            kernel = weights.view(1, 1, *shape).expand(channels, 1, *shape)
            x = F.conv2d(F.pad(x, padding, mode="replicate"), kernel, stride=stride, groups=channels)
    return x
