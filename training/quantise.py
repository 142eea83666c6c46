"""Weights of few bits, trained as such: for files that a browser fetches.

The networks that ship are trained a last time with their convolutions and linear layers on a grid, one for each output
channel; the gradient goes to weights that are not (straight through). The grid's values have so few digits that half
precision, in which weight files are kept, holds them exactly: what runs from them is what was trained.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

STEP_DIGITS = 6
"""Binary digits of a grid's step; with the five of a magnitude no more than half precision has."""
SMALLEST = 2.0**-18
"""Step: below, half precision runs out of digits."""


def quantised(weight: Tensor, bits: int) -> Tensor:
    """`[out, …]` on its grid of 2**bits - 1 values, symmetric, as wide as each output channel's largest weight.

    What has one dimension only, biases, stays as it is.
    """
    if weight.ndim < 2:
        return weight.clone()
    largest = 2 ** (bits - 1) - 1
    rows = weight.flatten(1)
    mantissa, exponent = torch.frexp((rows.abs().amax(1, keepdim=True) / largest).clamp_min(SMALLEST))
    step = torch.ldexp((mantissa * 2**STEP_DIGITS).ceil() / 2**STEP_DIGITS, exponent)
    return ((rows / step).round() * step).view_as(weight)


class OnGrid:
    """Puts parameters on their grids for forward and backward, and takes them off for the optimiser's step."""

    def __init__(self, parameters: Iterable[Tensor], bits: int) -> None:
        self.bits = bits
        self.parameters = [p for p in parameters if p.ndim >= 2 and bits]
        self.free: list[Tensor] = []

    @torch.no_grad()
    def put(self) -> None:
        """From here on, parameters have grid values."""
        self.free = [p.clone() for p in self.parameters]
        for parameter in self.parameters:
            parameter.copy_(quantised(parameter, self.bits))

    @torch.no_grad()
    def take(self) -> None:
        """They have their own again."""
        for parameter, free in zip(self.parameters, self.free, strict=True):
            parameter.copy_(free)
