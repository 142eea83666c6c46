"""HCD for lossy formats: the format's own encoder and decoder are in the loop, and its bits are paid for.

The paper knows no codec. Here the network sees the LR pixels as the format gives them back, with an identity gradient,
and what is to be least is D + λ R: R is the size of the coded window, its gradient that of an estimate made for JPEG
(`codec.jpeg.rate`) with a flat step, which knows at least that detail costs bits.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from codec.distortion import Window
from codec.hcd import Patch, Start, to_pixels
from codec.jpeg.blocks import dct, to_blocks
from codec.jpeg.color import pad_edge, rgb_to_ycbcr
from codec.jpeg.rate import estimate_bits
from codec.tradeoff import rate_weight

if TYPE_CHECKING:
    from codec.picture import Pixels

Code = Callable[["Pixels"], tuple["Pixels", int]]
"""LR pixels, uint8 `[h, w, 3]` or `[h, w]` -> what a decoder shows of them, and the bytes that they take."""


class CodedPatch(Patch):
    """A `Patch` whose LR pixels go through a lossy format, and whose error is D + λ R."""

    def __init__(self, start: Start, window: Window, precise: bool, *, code: Code) -> None:
        super().__init__(start, window, precise)
        self.code, self.step = code, 2**start.condition
        self.weight = rate_weight(start.condition, self.net.config.scale)

    def error(self, core: Tensor) -> Tensor:
        lr = self.placed(core)
        decoded, size = self.code(to_pixels(lr))
        estimate = _estimated_bits(lr, self.step)
        bits = 8 * size + estimate - estimate.detach()
        # a format without grey shows three channels
        return self.distortion(lr + (self.tensor(decoded) - lr).detach()) + self.weight * bits


def _estimated_bits(lr: Tensor, step: float) -> Tensor:
    """Of a JPEG with steps that are all the same; `lr` `[1, 3 or 1, h, w]`."""
    height, width = (-(-n // 16) * 16 for n in lr.shape[-2:])
    planes = rgb_to_ycbcr(lr) if lr.shape[1] == 3 else (lr[:, 0],)
    bits = torch.zeros((), device=lr.device)
    for i, plane in enumerate(planes):
        plane = pad_edge(plane, height, width)
        plane = F.avg_pool2d(plane[:, None], 2)[:, 0] if i else plane
        bits = bits + estimate_bits(dct(to_blocks(plane - 128)) / step, chroma=i > 0).sum()
    return bits
