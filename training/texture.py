"""Texture as Gram matrices: which features are there together, wherever they are.

After SRNTT (arXiv 1903.00834, section 3.3), which takes a VGG's features of the reference's patches. Ours are the early
layers of what texture transfer has learned to match by, of the photo itself, which training knows.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from codec.jpeg.color import luma
from codec.transfer.bands import AROUND, box
from codec.transfer.network import Features

CONTRAST = 8.0
"""Luma less its local mean is multiplied by it: as large as the normalised luma on which features are trained, but a
washed-out texture stays weaker than a crisp one."""


def gram(features: Tensor, weight: Tensor) -> Tensor:
    """`[B, C, C]` of `[B, C, h, w]`: means over all places, each counted by `weight` `[B, 1, h, w]`, 0…1."""
    seen = (features * weight).flatten(2)
    return seen @ seen.transpose(1, 2) / seen.shape[2]


def texture_distance(features: Features, picture: Tensor, photo: Tensor, similar: Tensor) -> Tensor:
    """How far textures differ `[B]`, as a share of all texture of the photo; 0 where the reference is not `similar`.

    Pictures are `[B, 3, H, W]` in [0, 1], sides multiples of 8, `similar` is `[B, 1, H, W]`, 0…1; the gradient reaches
    `picture`.
    """
    detail = [CONTRAST * (y - box(y, AROUND)) for y in (luma(x)[:, None] for x in (picture, photo))]
    total = picture.new_zeros(len(picture))
    with torch.no_grad():
        wanted = features.early(detail[1])
    for ours, theirs in zip(features.early(detail[0]), wanted, strict=True):
        weight = F.avg_pool2d(similar, similar.shape[-1] // ours.shape[-1])
        whole = gram(theirs, torch.ones_like(weight)).square().sum((1, 2))
        total = total + (gram(ours, weight) - gram(theirs, weight)).square().sum((1, 2)) / (whole + 1e-6)
    return total
