"""Random crops cut on the GPU, from photos that lie there as bytes: no copying, no waiting, and it can be captured."""

from collections.abc import Sequence

import torch
from torch import Tensor


class DeviceCrops:
    """Call it for a batch `[B, 3, crop, crop]` in [0, 1] of random crops, flipped and transposed at random.

    A photo is drawn as `training.data.Crops` draws it. Random numbers come from the device's own generator.
    """

    def __init__(self, pictures: Sequence[Tensor], crop: int, batch: int, device: torch.device) -> None:
        """`pictures`: uint8 `[3, H, W]`, on any device."""
        self.crop, self.batch, self.device = crop, batch, device
        self.values = torch.cat([p.permute(1, 2, 0).reshape(-1) for p in pictures]).to(device)
        sizes = torch.tensor([p.shape[1:] for p in pictures])
        starts = 3 * torch.cat([torch.zeros(1, dtype=torch.long), sizes.prod(1).cumsum(0)[:-1]])
        share = sizes.prod(1).double().sqrt().cumsum(0)
        self.cumulated = (share / share[-1]).float().to(device)
        self.starts, self.heights, self.widths = (t.to(device) for t in (starts, *sizes.unbind(1)))
        self.line, self.channels = torch.arange(crop, device=device), torch.arange(3, device=device)

    def __call__(self) -> Tensor:
        drawn = torch.rand(self.batch, 3, device=self.device)
        which = torch.searchsorted(self.cumulated, drawn[:, 0].contiguous()).clamp_max(len(self.starts) - 1)
        width = self.widths[which]
        top = (drawn[:, 1] * (self.heights[which] - self.crop + 1)).long()
        left = (drawn[:, 2] * (width - self.crop + 1)).long()
        flips = torch.rand(self.batch, 3, device=self.device) < 0.5
        backwards = self.crop - 1 - self.line
        first, second = (torch.where(flip[:, None], backwards, self.line) for flip in flips[:, :2].unbind(1))
        rows, columns = first[:, :, None], second[:, None, :]
        transposed = flips[:, 2, None, None]
        y, x = torch.where(transposed, columns, rows), torch.where(transposed, rows, columns)
        place = (top[:, None, None] + y) * width[:, None, None] + left[:, None, None] + x
        index = self.starts[which][:, None, None, None] + 3 * place[..., None] + self.channels
        return (self.values[index].float() / 255).permute(0, 3, 1, 2)  # channels last, as it lies
