"""What texture transfer learns: features by which two photos of a scene are matched, and what to take of the other.

The idea is SRNTT's (Zhang et al., CVPR 2019, arXiv 1903.00834); TTSR (2006.04139) learns the features, MASA-SR
(2106.02299) matches from coarse to fine. Where those swap patches of features, we align pixels and weigh their bands.
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codec.models.config import receptive_field
from codec.models.subnets import make_subnet

STRIDE = 8
"""Pixels of one step of the features' grid."""
BANDS = ("fine", "middle")
"""Of detail that is taken: above half and above a quarter of the picture's resolution."""
EVIDENCE = 17
"""Channels that the fusion sees, see `codec.transfer.bands.Evidence`."""


@dataclass(frozen=True)
class TransferConfig:
    """Everything that makes a `TransferNet`; plain JSON through `to_json`."""

    width: int = 48
    """Of the features' convolutions."""
    dimensions: int = 32
    """Of a feature."""
    fusion: str = "folded-48x4"
    """A subnet's spec, see `codec.models.subnets`."""

    @property
    def reach(self) -> int:
        """Pixels to each side by which the fusion looks around."""
        return receptive_field(self.fusion)

    def to_json(self) -> dict[str, Any]:
        """Strings and numbers only."""
        return asdict(self)


class Features(nn.Module):
    """Locally normalised luma `[B, 1, H, W]` -> unit features `[B, dimensions, H/8, W/8]`; H and W multiples of 8."""

    def __init__(self, width: int, dimensions: int) -> None:
        super().__init__()
        self.head = nn.Conv2d(16, width, 3, padding=1)
        self.down = nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.body = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(3))
        self.tail = nn.Conv2d(width, dimensions, 1)

    def early(self, luma: Tensor) -> tuple[Tensor, Tensor]:
        """What is seen of a few pixels: `[B, width, H/4, W/4]` and `[B, width, H/8, W/8]`."""
        fine = F.leaky_relu(self.head(F.pixel_unshuffle(luma, 4)), 0.1)
        return fine, F.leaky_relu(self.down(fine), 0.1)

    def forward(self, luma: Tensor) -> Tensor:
        h = self.early(luma)[1]
        for conv in self.body:
            h = h + F.leaky_relu(conv(h), 0.1)
        return F.normalize(self.tail(h), dim=1)


class TransferNet(nn.Module):
    """`features` for matching; `forward` for fusion.

    Per pixel and band a share 0…1 of the difference to the aligned reference is taken, and a learned correction, shared
    by the bands, goes with it: where no share is taken, nothing changes.
    """

    def __init__(self, config: TransferConfig) -> None:
        super().__init__()
        self.config = config
        self.features = Features(config.width, config.dimensions)
        self.fusion = make_subnet(config.fusion, EVIDENCE, len(BANDS) + 3, modulated=False)

    def forward(self, evidence: Tensor, bands: Tensor, threshold: float = 0.0) -> tuple[Tensor, Tensor]:
        """What to add, and the shares.

        `evidence` `[B, EVIDENCE, H, W]`, `bands` `[B, 2, 3, H, W]` of `BANDS` -> `[B, 3, H, W]`, `[B, 2, H, W]`.
        Shares below `threshold` become zero.
        """
        y = self.fusion(evidence)
        shares = torch.sigmoid(y[:, : len(BANDS)] - 2) * evidence[:, -1:]  # none where the reference does not reach
        shares = torch.where(shares < threshold, torch.zeros_like(shares), shares)
        taken = (shares[:, :, None] * bands).sum(1) + shares.amax(1, keepdim=True) * y[:, len(BANDS) :]
        return taken, shares
