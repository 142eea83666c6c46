"""Invertible coupling blocks on a split state (x1: the low band that becomes the LR picture, x2: the rest).

Source: SAIN (arXiv 2303.02353), section 3.2; the vanilla block is IRN's (arXiv 2005.05650, equation 3). All
arithmetic outside the subnets is float32, whatever precision they run in, or the inverse would not be one.
"""

from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from codec.models.subnets import make_subnet

Pair = tuple[Tensor, Tensor]


class VanillaBlock(nn.Module):
    """IRN's block:  y1 = x1 + F(x2);  y2 = x2 * exp(s(y1)) + G(y1)  with  s = 2 sigmoid(H) - 1.

    `specs` names the subnets by role; a role left out is the zero function (`codec.models.blocks` makes blocks).
    """

    subnets: ClassVar[dict[str, tuple[str, str]]] = {"F": ("h", "l"), "G": ("l", "h"), "H": ("l", "h")}
    """Role -> the part of the state from which it computes, and the one for which."""

    def __init__(self, low: int, high: int, specs: dict[str, str], modulated: bool) -> None:
        super().__init__()
        channels = self.parts(low, high)
        for role, (source, target) in self.subnets.items():
            subnet = make_subnet(specs.get(role, "none"), channels[source], channels[target], modulated)
            self.add_module(role, subnet)
        self.specs = dict(specs)

    def parts(self, low: int, high: int) -> dict[str, int]:
        """Channels of each part of the state."""
        return {"l": low, "h": high}

    def _call(self, role: str, x: Tensor, embedding: Tensor | None) -> Tensor:
        y = getattr(self, role)(x, embedding)
        return cast(Tensor, y.float() if isinstance(y, Tensor) else y)

    def _shift(self, y1: Tensor, embedding: Tensor | None) -> Tensor:
        return self._call("G", y1, embedding)

    def _log_scale(self, y1: Tensor, embedding: Tensor | None) -> Tensor | None:
        """Between -1 and 1, so that exp() can neither vanish nor explode; None where the block only shifts."""
        # 2 sigmoid(h) - 1 = tanh(h / 2)
        return torch.tanh(self._call("H", y1, embedding) / 2) if "H" in self.specs else None

    def _couple(self, y1: Tensor, x2: Tensor, embedding: Tensor | None) -> Tensor:
        scale = self._log_scale(y1, embedding)
        return (x2 if scale is None else x2 * scale.exp()) + self._shift(y1, embedding)

    def _uncouple(self, y1: Tensor, y2: Tensor, embedding: Tensor | None) -> Tensor:
        scale, x2 = self._log_scale(y1, embedding), y2 - self._shift(y1, embedding)
        return x2 if scale is None else x2 * (-scale).exp()

    def log_det(self, y1: Tensor, embedding: Tensor | None = None) -> Tensor:
        """Log |det J| `[B]` of `forward`, which gave `y1`: shifts leave volumes alone."""
        scale = self._log_scale(y1, embedding)
        return y1.new_zeros(len(y1)) if scale is None else scale.flatten(1).sum(1)

    def forward(self, x1: Tensor, x2: Tensor, embedding: Tensor | None = None) -> Pair:
        """`[B, low, H, W]`, `[B, high, H, W]` -> the same shapes."""
        y1 = x1 + self._call("F", x2, embedding)
        return y1, self._couple(y1, x2, embedding)

    def inverse(self, y1: Tensor, y2: Tensor, embedding: Tensor | None = None) -> Pair:
        """Undoes `forward`."""
        x2 = self._uncouple(y1, y2, embedding)
        return y1 - self._call("F", x2, embedding), x2


class EnhancedBlock(VanillaBlock):
    """SAIN's self-asymmetric block:  lr = x1 + E(x2);  y1 = lr - F(x2);  y2 as in the vanilla block.

    The LR picture is read in the middle, before F models what the codec takes from it.
    """

    subnets: ClassVar[dict[str, tuple[str, str]]] = {"E": ("h", "l"), **VanillaBlock.subnets}

    def enhancement(self, x2: Tensor, embedding: Tensor | None = None) -> Tensor:
        """E(x2): what the LR picture tells of the high band."""
        return self._call("E", x2, embedding)

    def downscale(self, x1: Tensor, x2: Tensor, embedding: Tensor | None = None) -> Tensor:
        """The LR picture alone: all that an encoder needs of the last enhanced block."""
        return x1 + self.enhancement(x2, embedding)

    def uncompress(self, y1: Tensor, y2: Tensor, embedding: Tensor | None = None) -> Pair:
        """Half of the inverse: the LR picture and x2."""
        x2 = self._uncouple(y1, y2, embedding)
        return y1 + self._call("F", x2, embedding), x2

    def forward(self, x1: Tensor, x2: Tensor, embedding: Tensor | None = None) -> Pair:
        y1 = self.downscale(x1, x2, embedding) - self._call("F", x2, embedding)
        return y1, self._couple(y1, x2, embedding)

    def inverse(self, y1: Tensor, y2: Tensor, embedding: Tensor | None = None) -> Pair:
        lr, x2 = self.uncompress(y1, y2, embedding)
        return lr - self.enhancement(x2, embedding), x2
