"""Networks that give a conditional flow its features. They are evaluated both ways, and never inverted.

* `"rrdb-64x3-16"`: 64 channels, 3 residual-in-residual dense blocks with growth 16 (ESRGAN, arXiv 1809.00219,
  section 3.1, as HCFlow uses them); gives 64 features;
* `"folded-64x4-32"`: ours, the folded subnet of `codec.models.subnets`, 64 channels and 4 convolutions; 32 features.
"""

import re

from torch import Tensor, nn

from codec.models.subnets import DenseSubnet, FoldedSubnet

RESIDUAL = 0.2
"""Factor on what a block adds."""


def _dense(width: int, growth: int) -> DenseSubnet:
    block = DenseSubnet(width, width, growth, modulated=False)
    nn.init.xavier_normal_(block.conv5.weight, 0.1)  # a coupling's subnet starts at zero, this one must not
    return block


class RRDB(nn.Module):
    """Three dense blocks, each and all of them residual."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_dense(width, growth) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        h = x
        for block in self.blocks:
            h = h + RESIDUAL * block(h)
        return x + RESIDUAL * h


class RRDBFeatures(nn.Module):
    """A convolution, blocks, another convolution, and a sum around the latter two."""

    def __init__(self, inputs: int, width: int, blocks: int, growth: int) -> None:
        super().__init__()
        self.head = nn.Conv2d(inputs, width, 3, padding=1)
        self.trunk = nn.Sequential(*(RRDB(width, growth) for _ in range(blocks)))
        self.tail = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.head(x)
        features: Tensor = h + self.tail(self.trunk(h))
        return features


def make_features(spec: str, inputs: int) -> tuple[nn.Module, int]:
    """The network that `spec` names, `[B, inputs, H, W]` -> `[B, F, H, W]`, and F; raises `ValueError`."""
    if match := re.fullmatch(r"rrdb-(\d+)x(\d+)-(\d+)", spec):
        width, blocks, growth = map(int, match.groups())
        return RRDBFeatures(inputs, width, blocks, growth), width
    if match := re.fullmatch(r"folded-(\d+)x(\d+)-(\d+)", spec):
        width, depth, outputs = map(int, match.groups())
        net = FoldedSubnet(inputs, outputs, width, depth, modulated=False)
        nn.init.xavier_normal_(net.tail.weight)
        return net, outputs
    raise ValueError(f"unknown features {spec!r}: choose rrdb-WIDTHxBLOCKS-GROWTH or folded-WIDTHxDEPTH-FEATURES")
