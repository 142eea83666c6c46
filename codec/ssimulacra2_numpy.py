"""SSIMULACRA 2.1 without torch, for choices while encoding, whatever runs the networks; see `codec.ssimulacra2`."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.ndimage import correlate1d

from codec.picture import Pixels
from codec.ssimulacra2_constants import ABSORBANCE, BIAS, C2, RADIUS, SCALES, SIGMA, SMALLEST, SUM, TINY, WEIGHTS

Planes = npt.NDArray[np.float32]
"""`[3, H, W]`."""
_LIGHT = np.array([v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in np.arange(256) / 255], "f4")
_WINDOW = np.array([math.exp(-0.5 * (place / SIGMA) ** 2) / SUM for place in range(-RADIUS, RADIUS + 1)], "f4")
_WEIGHTS = np.array(WEIGHTS).reshape(3, SCALES, 2, 3)


class _Scale(NamedTuple):
    """A picture at one scale: in XYB, its local means, and those of its squares."""

    xyb: Planes
    mean: Planes
    square: Planes


def _blurred(x: Planes) -> Planes:
    """Mirrored above and below, with nothing at the left and the right."""
    rows = correlate1d(x, _WINDOW, axis=1, mode="reflect")
    blurred: Planes = correlate1d(rows, _WINDOW, axis=2, mode="constant")
    return blurred


def _halved(light: Planes) -> Planes:
    """Means of 2x2; of what there is of them at the right and the bottom."""
    for axis in (1, 2):
        places = np.arange(0, light.shape[axis], 2)
        counts = np.minimum(light.shape[axis] - places, 2).astype(np.float32)
        sums = np.add.reduceat(light, places, axis, dtype=np.float32)
        light = sums / (counts[:, None] if axis == 1 else counts)
    return light


def _xyb(light: Planes) -> Planes:
    mixed = np.tensordot(np.array(ABSORBANCE, "f4"), light, 1)
    long, middle, short = np.cbrt(mixed + np.float32(BIAS)) - np.float32(BIAS ** (1 / 3))
    x, y = (long - middle) / 2, (long + middle) / 2
    return np.stack([14 * x + np.float32(0.42), y + np.float32(0.01), short - y + np.float32(0.55)])


def _scales(pixels: Pixels) -> Iterator[_Scale]:
    rgb = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, 2)
    light = np.ascontiguousarray(_LIGHT[rgb].transpose(2, 0, 1))
    for scale in range(SCALES):
        if scale:
            light = _halved(light)
        if min(light.shape[1:]) < SMALLEST:
            return
        xyb = _xyb(light)
        yield _Scale(xyb, _blurred(xyb), _blurred(xyb * xyb))


def _norms(x: Planes) -> npt.NDArray[np.float64]:
    """Mean and fourth-power mean of each plane: `[3, 2]`."""
    fourth = np.square(np.square(x)).mean((1, 2), dtype=np.float64)
    return np.stack([x.mean((1, 2), dtype=np.float64), np.where(fourth > TINY, fourth, 0) ** 0.25], -1)


def _compared(a: _Scale, b: _Scale) -> npt.NDArray[np.float64]:
    """What one scale says: `[channel, norm, kind]`."""
    product = a.mean * b.mean
    covariance, variances = _blurred(a.xyb * b.xyb) - product, a.square + b.square - a.mean**2 - b.mean**2
    structure = (1 - (a.mean - b.mean) ** 2) * (2 * covariance + np.float32(C2)) / (variances + np.float32(C2))
    edges = (1 + np.abs(b.xyb - b.mean)) / (1 + np.abs(a.xyb - a.mean)) - 1
    parts = (np.maximum(1 - structure, 0), np.maximum(edges, 0), np.maximum(-edges, 0))
    return np.stack([_norms(part) for part in parts], -1)


class Judge:
    """Of restored pictures of one original, uint8 `[H, W, 3]` or `[H, W]`; what it needs of that is reckoned once."""

    def __init__(self, original: Pixels) -> None:
        self._scales = tuple(_scales(original))

    def raw(self, picture: Pixels) -> float:
        """The weighted sum of `codec.ssimulacra2.Ssimulacra2`, of whole pictures; 0 below `SMALLEST` pixels a side."""
        pairs = enumerate(zip(self._scales, _scales(picture), strict=True))
        return float(sum((_compared(a, b) * _WEIGHTS[:, scale]).sum() for scale, (a, b) in pairs))
