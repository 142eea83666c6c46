"""Pixel by pixel: the reference sampled where a motion and a small displacement say, and that displacement found.

Coarse to fine: correlation of locally normalised luma over a few whole steps at an eighth and a quarter of the size,
then Lucas and Kanade's least squares (1981) up to half the size. Displacements are averaged between all steps: two
photos of a scene differ smoothly, and detail that is a quarter of a pixel out of place is worth nothing.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from codec.jpeg.color import luma
from codec.transfer.bands import box, low, normalised
from codec.transfer.matching import Motion

SEARCHES = ((8, 3), (4, 2))
"""Size is divided by, and whole steps searched to each side: 32 pixels in all."""
REFINEMENTS = ((8, 9), (4, 15), (4, 15), (4, 15), (2, 21), (2, 21))
"""What size is divided by in each step of least squares, and the side of its windows."""
SMOOTHED = 19
"""Side of the windows in which displacements are averaged after each of them."""
PENALTY = 0.15
"""Correlation by which a step to the side must be better."""
DAMPING = 0.02
"""Of least squares: mean square gradient, of luma normalised to a deviation of 1, that is none."""
PRIOR = 1e-4
"""Weight of the displacement zero in averages."""
REACH = 32
"""Pixels beyond a motion at which the reference is still looked for; what tiles must see of their surroundings."""


def grid(motion: Motion, top: int, left: int, height: int, width: int) -> Tensor:
    """Where the pixels of a window of the picture lie in the reference: `[1, H, W, 2]`, x and y in pixels."""
    y, x = torch.meshgrid(
        torch.arange(top, top + height, dtype=torch.float64),
        torch.arange(left, left + width, dtype=torch.float64),
        indexing="ij",
    )
    points = torch.stack([x, y, torch.ones_like(x)], -1)
    return (points @ torch.from_numpy(motion).T)[None].float()


def sample(picture: Tensor, at: Tensor, mode: str = "bicubic") -> Tensor:
    """`[1, C, h, w]` at `[1, H, W, 2]` pixel coordinates -> `[1, C, H, W]`; beyond the border, its last pixels."""
    size = at.new_tensor([picture.shape[3], picture.shape[2]])
    return F.grid_sample(picture, (2 * at + 1) / size - 1, mode=mode, padding_mode="border", align_corners=False)


def inside(at: Tensor, height: int, width: int) -> Tensor:
    """1 where coordinates lie in a picture, else 0: `[1, 1, H, W]`."""
    x, y = at.unbind(-1)
    return ((x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)).float()[:, None]


def _shift(at: Tensor, displacement: Tensor) -> Tensor:
    return at + displacement.permute(0, 2, 3, 1)


def _pixels(like: Tensor) -> Tensor:
    """Coordinates of the pixels themselves, `[1, H, W, 2]`."""
    height, width = like.shape[-2:]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([x, y], -1)[None].float()


def _enlarged(displacement: Tensor, like: Tensor, factor: float) -> Tensor:
    return factor * F.interpolate(displacement, like.shape[-2:], mode="bilinear")


def _smooth(displacement: Tensor, weight: Tensor, side: int) -> Tensor:
    """Weighted means over a window; zero where there is nothing to go by."""
    return box(displacement * weight, side) / (box(weight, side) + PRIOR)


def _search(picture: Tensor, reference: Tensor, valid: Tensor, displacement: Tensor, radius: int) -> Tensor:
    """The displacement `[1, 2, h, w]` with the best of the whole steps around it, smoothed."""
    height, width = picture.shape[-2:]
    at = _shift(_pixels(picture), displacement)
    moved = normalised(sample(reference, at, "bilinear"), 9) * sample(valid, at, "bilinear")
    padded, mine = F.pad(moved, [radius] * 4), normalised(picture, 9)
    steps = [(x, y) for y in range(-radius, radius + 1) for x in range(-radius, radius + 1)]
    shifted = [padded[..., radius + y : radius + y + height, radius + x : radius + x + width] for x, y in steps]
    volume = box(torch.cat([mine * other for other in shifted], 1), 7)
    table = torch.tensor(steps, dtype=torch.float32)
    score, best = (volume - PENALTY * table.abs().sum(1)[:, None, None]).max(1)
    weight = (score[:, None] - 0.3).clamp_min(0).square()
    return _smooth(displacement + table[best].permute(0, 3, 1, 2), weight, 9)


def _refine(picture: Tensor, reference: Tensor, valid: Tensor, displacement: Tensor, side: int) -> Tensor:
    """One step of least squares on locally normalised luma in windows of `side`, smoothed by how well it is posed."""
    at = _shift(_pixels(picture), displacement)
    mine, moved = normalised(picture, 2 * side - 1), normalised(sample(reference, at), 2 * side - 1)
    weight = sample(valid, at, "bilinear") * (box(mine * moved, side) - 0.2).clamp_min(0)
    both = F.pad((mine + moved) / 2, (1, 1, 1, 1), mode="replicate")
    dx = (both[..., 1:-1, 2:] - both[..., 1:-1, :-2]) / 2
    dy = (both[..., 2:, 1:-1] - both[..., :-2, 1:-1]) / 2
    dt = mine - moved
    products = torch.cat([dx * dx, dx * dy, dy * dy, dx * dt, dy * dt], 1) * weight
    xx, xy, yy, xt, yt = box(products, side).unbind(1)
    posed = torch.minimum(xx, yy)[:, None]
    xx, yy = xx + DAMPING, yy + DAMPING
    determinant = xx * yy - xy * xy
    step = torch.stack([yy * xt - xy * yt, xx * yt - xy * xt], 1) / determinant[:, None]
    return _smooth(displacement + step.clamp(-1, 1), posed, SMOOTHED)


def displacement_of(picture: Tensor, reference: Tensor, valid: Tensor) -> Tensor:
    """How far, in pixels, the reference is out of place: `[1, 2, H, W]`, x and y.

    `picture`, `reference` `[1, 3, H, W]` in [0, 1], the latter moved already; `valid` `[1, 1, H, W]`, where it reaches.
    Sides are multiples of 8.
    """
    full = luma(picture)[:, None], low(luma(reference)[:, None], 2), valid
    found, at = torch.zeros(1, 2, *(n // SEARCHES[0][0] for n in picture.shape[-2:])), SEARCHES[0][0]
    for factor, size, step in (*((*s, _search) for s in SEARCHES), *((*r, _refine) for r in REFINEMENTS)):
        mine, other, there = (F.avg_pool2d(x, factor) for x in full)
        found, at = (found if at == factor else _enlarged(found, mine, at / factor)), factor
        found = step(mine, other, there, found, size)
    return _enlarged(found, picture, at)
