"""SSIMULACRA 2.1: how far two pictures differ to the eye; the metric and, as its raw sum, a loss.

Sneyers, "SSIMULACRA 2" (github.com/cloudinary/ssimulacra2): in the perceptual colours XYB, at six scales, structural
similarity, edges that are new and edges that are lost, each as a mean and as a fourth-power mean, summed with 108
weights that were fitted to people's opinions. Differentiable: its gradient is finite everywhere, on flat and on equal
pictures too.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codec.picture import Pixels
from codec.ssimulacra2_constants import ABSORBANCE, BIAS, C2, RADIUS, SCALES, SIGMA, SMALLEST, SUM, TINY, WEIGHTS

STRIP = 256
"""Rows of a large picture that are blurred in one matrix product."""
Borders = Literal["picture", "crop"]
"""What lies beyond the left and right border: nothing, as the usual package has it of whole pictures, or a mirror
image, as above and below: crops have more border than pictures, and "nothing" hides errors there."""


def to_linear(srgb: Tensor) -> Tensor:
    """Light of sRGB values, both in [0, 1] (IEC 61966-2-1)."""
    return torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055).clamp_min(0.05) ** 2.4)


def to_xyb(light: Tensor, absorbance: Tensor) -> Tensor:
    """Linear RGB `[B, 3, H, W]` -> JPEG XL's XYB, shifted and scaled to about [0, 1], as the metric takes it."""
    mixed = torch.einsum("ij,bjhw->bihw", absorbance, light)
    long, middle, short = ((mixed + BIAS) ** (1 / 3) - BIAS ** (1 / 3)).unbind(1)
    x, y = (long - middle) / 2, (long + middle) / 2
    return torch.stack([14 * x + 0.42, y + 0.01, short - y + 0.55], 1)


def _window(first: int, last: int, length: int, mirrored: bool, like: Tensor) -> tuple[slice, Tensor]:
    """Places `first` to `last` of `length` blurred: which values they are made of, and the matrix that makes them."""
    seen = slice(max(0, first - RADIUS), min(length, last + RADIUS))
    place = torch.arange(first, last, device=like.device)[:, None]
    value = torch.arange(seen.start, seen.stop, device=like.device)[None]

    def weight(distance: Tensor) -> Tensor:
        return torch.where(distance.abs() <= RADIUS, torch.exp(-0.5 * (distance / SIGMA).square()), 0.0) / SUM

    matrix = weight(value - place)
    if mirrored:
        matrix = matrix + weight(value + place + 1) + weight(2 * length - 1 - value - place)
    return seen, matrix.to(like.dtype)


def _blurred_rows(x: Tensor, mirrored: bool) -> Tensor:
    """`[..., H, W]` blurred along H. Products with matrices: what processors of all kinds do fastest."""
    height, strips = x.shape[-2], []
    for first in range(0, height, STRIP):
        seen, matrix = _window(first, min(first + STRIP, height), height, mirrored, x)
        strips.append(matrix @ x[..., seen, :])
    return strips[0] if len(strips) == 1 else torch.cat(strips, -2)


def _blurred(x: Tensor, borders: Borders) -> Tensor:
    rows = _blurred_rows(x, True)
    return _blurred_rows(rows.transpose(-1, -2), borders == "crop").transpose(-1, -2)


def _norms(x: Tensor) -> Tensor:
    """Mean and fourth-power mean of non-negative `[B, 3, H, W]`: `[B, 3, 2]`."""
    fourth = x.square().square().mean((2, 3))
    root = torch.where(fourth > TINY, fourth.clamp_min(TINY) ** 0.25, 0)
    return torch.stack([x.mean((2, 3)), root], -1)


def _compared(a: Tensor, b: Tensor, borders: Borders) -> Tensor:
    """What one scale says of the original `a` and `b` `[B, 3, H, W]` in XYB: `[B, channel, norm, kind]`."""
    products = torch.cat([a, b, a * a, b * b, a * b], 1)
    mean_a, mean_b, aa, bb, ab = _blurred(products, borders).chunk(5, 1)
    luminance = 1 - (mean_a - mean_b).square()
    variance_a, variance_b, covariance = aa - mean_a.square(), bb - mean_b.square(), ab - mean_a * mean_b
    structure = luminance * (2 * covariance + C2) / (variance_a + variance_b + C2)
    edges = (1 + (b - mean_b).abs()) / (1 + (a - mean_a).abs()) - 1
    return torch.stack([_norms(F.relu(1 - structure)), _norms(F.relu(edges)), _norms(F.relu(-edges))], -1)


class Ssimulacra2(nn.Module):
    """The weighted sum `[B]` behind the score: 0 for equal pictures; about 1 at a score of 83, 3 at 67, 9 at 35.

    A module for its constants, which lie where it is moved to. It has nothing to train or to save.
    """

    absorbance: Tensor
    weights: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("absorbance", torch.tensor(ABSORBANCE), persistent=False)
        self.register_buffer("weights", torch.tensor(WEIGHTS).view(3, SCALES, 2, 3), persistent=False)

    def forward(self, original: Tensor, picture: Tensor, borders: Borders = "crop") -> Tensor:
        """`[B, 3, H, W]` sRGB each, clipped to [0, 1]; the gradient reaches both.

        A picture too small for all six scales loses the coarse ones, and nothing else. Computes in float32, under
        autocast too.
        """
        with torch.autocast(original.device.type, enabled=False):
            a, b = to_linear(original.float().clamp(0, 1)), to_linear(picture.float().clamp(0, 1))
            total = a.new_zeros(len(a))
            for scale in range(SCALES):
                if scale:
                    a, b = F.avg_pool2d(a, 2, ceil_mode=True), F.avg_pool2d(b, 2, ceil_mode=True)
                if min(a.shape[-2:]) < SMALLEST:
                    break
                said = _compared(to_xyb(a, self.absorbance), to_xyb(b, self.absorbance), borders)
                total = total + (said * self.weights[:, scale]).sum((1, 2, 3))
            return total


def score_of(raw: float) -> float:
    """The metric's scale of `Ssimulacra2`: 100 for equal pictures, 90 visually lossless, 70 high quality, 30 low."""
    x = 0.9562382616834844 * raw
    x = 2.326765642916932 * x - 0.020884521182843837 * x**2 + 6.248496625763138e-05 * x**3
    return 100 - 10 * x**0.6276336467831387 if x > 0 else 100.0


@torch.no_grad()  # not inference mode: the windows kept from here serve training too
def ssimulacra2(original: Pixels, picture: Pixels) -> float:
    """Of two pictures `[H, W, 3]` of 8 bits, as `score_of`; nan below 8 pixels a side."""
    if min(original.shape[:2]) < SMALLEST:
        return math.nan
    a, b = (torch.from_numpy(p.copy()).permute(2, 0, 1)[None].float() / 255 for p in (original, picture))
    return score_of(float(Ssimulacra2()(a, b, "picture")))
