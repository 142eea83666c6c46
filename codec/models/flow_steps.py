"""HCFlow's flow steps on a split state: 3 low channels that become the LR picture, and all others.

Source: HCFlow (arXiv 2108.05301), "Affine3shift" in its published code: the low channels are only ever shifted, so
that they stay a picture. Steps have no permutation, for it would mix the two parts. In that code they begin with an
actnorm; here they do not: set by data, it would take the low channels out of the picture's range.

As in `codec.models.coupling`, all arithmetic outside the subnets keeps the state's precision, whatever theirs is.
"""

import torch
from torch import Tensor, nn

from codec.models.subnets import make_subnet

LOW = 3
"""Channels of the low part."""
Pair = tuple[Tensor, Tensor]
"""Low channels `[B, 3, H, W]` and the others `[B, C, H, W]`."""


def bounded(s: Tensor) -> Tensor:
    """A log-scale between -1/2 and 1/2, so that exp() can neither vanish nor explode."""
    return 0.318 * torch.atan(2 * s)


def total(log_scale: Tensor) -> Tensor:
    """Sums per sample: `[B, C, H, W]` -> `[B]`."""
    return log_scale.sum((1, 2, 3))


class ShiftStep(nn.Module):
    """low += f(high)."""

    def __init__(self, high: int, spec: str) -> None:
        super().__init__()
        self.subnet = make_subnet(spec, high, LOW, modulated=False)

    def forward(self, low: Tensor, high: Tensor) -> Pair:
        return low + self.subnet(high).to(low.dtype), high

    def inverse(self, low: Tensor, high: Tensor) -> Pair:
        """Undoes `forward`."""
        return low - self.subnet(high).to(low.dtype), high

    def log_det(self, low: Tensor) -> Tensor:
        """log|det J| `[B]` of `forward`, which gave `low`: shifts leave volumes alone."""
        return low.new_zeros(len(low))


class AffineStep(nn.Module):
    """high = high * exp(s(low)) + t(low)."""

    def __init__(self, high: int, spec: str) -> None:
        super().__init__()
        self.subnet = make_subnet(spec, LOW, 2 * high, modulated=False)

    def _shift_and_log_scale(self, low: Tensor) -> tuple[Tensor, Tensor]:
        shift, s = self.subnet(low).to(low.dtype).chunk(2, 1)
        return shift, bounded(s)

    def forward(self, low: Tensor, high: Tensor) -> Pair:
        shift, log_scale = self._shift_and_log_scale(low)
        return low, high * log_scale.exp() + shift

    def inverse(self, low: Tensor, high: Tensor) -> Pair:
        """Undoes `forward`."""
        shift, log_scale = self._shift_and_log_scale(low)
        return low, (high - shift) * (-log_scale).exp()

    def log_det(self, low: Tensor) -> Tensor:
        """log|det J| `[B]` of `forward`, which gave `low`."""
        return total(self._shift_and_log_scale(low)[1])
