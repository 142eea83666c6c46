"""The convolutional functions inside coupling blocks. Any function will do there; invertibility never rests on them.

A subnet is named by a short spec, so that a model's hyper-parameters are plain JSON:

* `"dense-32"`: the paper's five-convolution DenseBlock with growth 32;
* `"folded-64x4"`: ours, 64 channels and 4 residual convolutions on 2x2-folded pixels;
* `"pointwise-64"`: Glow's and HCFlow's three convolutions, 3x3, 1x1 and 3x3, 64 channels between them;
* `"none"`: the zero function.

Every subnet is called as `subnet(x, embedding)`: `[B, in, H, W]`, `[B, 32]` or None -> `[B, out, H, W]`, any size.
"""

import re
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codec.models.modulation import Modulation

SLOPE = 0.1
"""Of a folded subnet's leaky ReLUs."""


def _conv(inputs: int, outputs: int, gain: float, side: int = 3) -> nn.Conv2d:
    conv = nn.Conv2d(inputs, outputs, side, padding=side // 2)
    if gain:
        nn.init.xavier_normal_(conv.weight, gain)
    else:
        nn.init.zeros_(conv.weight)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv


class DenseSubnet(nn.Module):
    """IRN's and SAIN's DenseBlock: each of five convolutions sees the input and all outputs before it."""

    def __init__(self, inputs: int, outputs: int, growth: int, modulated: bool) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3, self.conv4 = (_conv(inputs + i * growth, growth, 0.1) for i in range(4))
        self.conv5 = _conv(inputs + 4 * growth, outputs, 0)
        self.modulation = Modulation(growth) if modulated else None

    def forward(self, x: Tensor, embedding: Tensor | None = None) -> Tensor:
        seen = x
        for i, conv in enumerate((self.conv1, self.conv2, self.conv3, self.conv4)):
            h = conv(seen)
            if i == 0 and self.modulation is not None and embedding is not None:
                h = self.modulation(h, embedding)
            seen = torch.cat([seen, F.leaky_relu(h, 0.2)], 1)
        y: Tensor = self.conv5(seen)
        return y


def even(x: Tensor) -> Tensor:
    """`x` with its last row and column repeated where there is an odd number of them."""
    height, width = x.shape[-2:]
    if torch.compiler.is_exporting():  # a graph serves all sizes, so it cannot ask which one this is
        x = torch.cat([x, x[..., -1:]], -1)[..., : width + width % 2]
        return torch.cat([x, x[..., -1:, :]], -2)[..., : height + height % 2, :]
    return F.pad(x, (0, width % 2, 0, height % 2), mode="replicate") if height % 2 or width % 2 else x


class FoldedSubnet(nn.Module):
    """Residual convolutions at half resolution, where 2x2 pixels are folded into channels.

    Folding makes wide layers as cheap as narrow ones at full resolution: memory traffic, which bounds narrow
    convolutions on a CPU, falls by four, and the receptive field doubles.
    """

    def __init__(self, inputs: int, outputs: int, width: int, depth: int, modulated: bool) -> None:
        super().__init__()
        if depth % 2:
            raise ValueError(f"a folded subnet's depth must be even (pairs of convolutions), not {depth}")
        self.head = _conv(4 * inputs, width, 1.0)
        self.pairs = nn.ModuleList(
            nn.ModuleList([_conv(width, width, 1.4), _conv(width, width, 0.1)]) for _ in range(depth // 2)
        )
        self.tail = _conv(width, 4 * outputs, 0)
        self.modulations = nn.ModuleList(Modulation(width) for _ in range(1 + depth // 2)) if modulated else None

    def _modulate(self, i: int, h: Tensor, embedding: Tensor | None) -> Tensor:
        if self.modulations is None or embedding is None:
            return h
        modulated: Tensor = self.modulations[i](h, embedding)
        return modulated

    def forward(self, x: Tensor, embedding: Tensor | None = None) -> Tensor:
        height, width = x.shape[-2:]
        x = even(x)
        h = F.leaky_relu(self._modulate(0, self.head(F.pixel_unshuffle(x, 2)), embedding), SLOPE)
        for i, pair in enumerate(self.pairs, 1):
            first, second = cast(nn.ModuleList, pair)
            h = h + second(F.leaky_relu(self._modulate(i, first(h), embedding), SLOPE))
        return F.pixel_shuffle(self.tail(h), 2)[..., :height, :width]


class PointwiseSubnet(nn.Module):
    """Three convolutions, the middle one 1x1 (Glow, arXiv 1807.03039, section 3.3)."""

    def __init__(self, inputs: int, outputs: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _conv(inputs, width, 1.0), nn.ReLU(), _conv(width, width, 1.4, 1), nn.ReLU(), _conv(width, outputs, 0)
        )

    def forward(self, x: Tensor, embedding: Tensor | None = None) -> Tensor:
        y: Tensor = self.layers(x)
        return y


class ZeroSubnet(nn.Module):
    """The function that is zero everywhere: leaves its part out of a coupling block."""

    def forward(self, x: Tensor, embedding: Tensor | None = None) -> float:
        return 0.0


def make_subnet(spec: str, inputs: int, outputs: int, modulated: bool) -> nn.Module:
    """The subnet that `spec` names, from `inputs` to `outputs` channels; its last layer starts at zero."""
    if spec == "none":
        return ZeroSubnet()
    if match := re.fullmatch(r"dense-(\d+)", spec):
        return DenseSubnet(inputs, outputs, int(match[1]), modulated)
    if match := re.fullmatch(r"folded-(\d+)x(\d+)", spec):
        return FoldedSubnet(inputs, outputs, int(match[1]), int(match[2]), modulated)
    if (match := re.fullmatch(r"pointwise-(\d+)", spec)) and not modulated:
        return PointwiseSubnet(inputs, outputs, int(match[1]))
    raise ValueError(
        f"unknown subnet {spec!r}: choose dense-GROWTH, folded-WIDTHxDEPTH, pointwise-WIDTH (unmodulated) or none"
    )
