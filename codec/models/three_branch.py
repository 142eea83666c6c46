"""A coupling block whose low band is two branches, luma and chroma: T-InvBlocks (AAAI 2025, arXiv 2412.13508)."""

from typing import ClassVar

import torch
from torch import Tensor

from codec.models.coupling import Pair, VanillaBlock

_RED, _GREEN, _BLUE = 0.299, 0.587, 0.114


def to_luma_chroma(rgb: Tensor) -> Pair:
    """`[B, 3, H, W]` -> Y `[B, 1, H, W]` (BT.601), and B - Y and R - Y `[B, 2, H, W]`.

    Written out, not as a matrix product, which autocast would round.
    """
    red, green, blue = rgb.unbind(1)
    y = _RED * red + _GREEN * green + _BLUE * blue
    return y[:, None], torch.stack([blue - y, red - y], 1)


def to_rgb(luma: Tensor, chroma: Tensor) -> Tensor:
    """Undoes `to_luma_chroma`."""
    y = luma[:, 0]
    blue, red = chroma[:, 0] + y, chroma[:, 1] + y
    return torch.stack([red, (y - _RED * red - _BLUE * blue) / _GREEN, blue], 1)


class ThreeBranchBlock(VanillaBlock):
    """c' = c + E(y) + F(h);  y' = y + K(c') + L(h);  h' = h exp(s) + G(c') + I(y'),  s = tanh((H(c') + J(y')) / 2).

    y and c are the low band's luma and chroma, h the high band. From outside it is a block on RGB like the others.
    Where no enhanced block follows, its low band is the LR picture.
    """

    subnets: ClassVar[dict[str, tuple[str, str]]] = {
        "E": ("y", "c"),
        "F": ("h", "c"),
        "K": ("c", "y"),
        "L": ("h", "y"),
        "G": ("c", "h"),
        "I": ("y", "h"),
        "H": ("c", "h"),
        "J": ("y", "h"),
    }

    def parts(self, low: int, high: int) -> dict[str, int]:
        if low != 3:
            raise ValueError(f"luma and chroma are of three channels, not {low}")
        return {"y": 1, "c": 2, "h": high}

    def _shift(self, y1: Tensor, embedding: Tensor | None) -> Tensor:
        luma, chroma = to_luma_chroma(y1)
        return self._call("G", chroma, embedding) + self._call("I", luma, embedding)

    def _log_scale(self, y1: Tensor, embedding: Tensor | None) -> Tensor | None:
        if not {"H", "J"} & set(self.specs):
            return None
        luma, chroma = to_luma_chroma(y1)
        return torch.tanh((self._call("H", chroma, embedding) + self._call("J", luma, embedding)) / 2)

    def forward(self, x1: Tensor, x2: Tensor, embedding: Tensor | None = None) -> Pair:
        luma, chroma = to_luma_chroma(x1)
        chroma = chroma + self._call("E", luma, embedding) + self._call("F", x2, embedding)
        luma = luma + self._call("K", chroma, embedding) + self._call("L", x2, embedding)
        y1 = to_rgb(luma, chroma)
        return y1, self._couple(y1, x2, embedding)

    def inverse(self, y1: Tensor, y2: Tensor, embedding: Tensor | None = None) -> Pair:
        x2 = self._uncouple(y1, y2, embedding)
        luma, chroma = to_luma_chroma(y1)
        luma = luma - self._call("K", chroma, embedding) - self._call("L", x2, embedding)
        chroma = chroma - self._call("E", luma, embedding) - self._call("F", x2, embedding)
        return to_rgb(luma, chroma), x2
