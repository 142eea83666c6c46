"""SAIN: a self-asymmetric invertible network for compression-aware rescaling (Yang et al., AAAI 2023, 2303.02353).

    x ──► Haar ──► blocks … last enhanced block ──► blocks … ──► latent ──► z
                              └──► LR picture          └──► compressed LR

The paper's network, IRN and our light one are configurations of one class; `codec.models.configs` names them.
"""

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from codec.models import downscalers, haar
from codec.models.blocks import make_block
from codec.models.config import SAINConfig
from codec.models.coupling import EnhancedBlock, VanillaBlock
from codec.models.latent import make_latent
from codec.models.modulation import ConditionEmbedding, embedded


class Rescaled(NamedTuple):
    """What `SAINet.forward` returns."""

    lr: Tensor
    """`[B, 3, H/s, W/s]`, nominally in [0, 1]: the picture to store."""
    compressed: Tensor
    """The same shape: the network's own idea of `lr` after the codec; `inverse` starts from it."""
    latent: Tensor
    """`[B, C, H/s, W/s]`: all that the LR picture does not hold."""


class SAINet(nn.Module):
    """`[B, 3, H, W]` sRGB in [0, 1] to its LR picture and back; H and W multiples of `config.scale`.

    Law: `inverse(*forward(x, c)[1:], c) == x` up to float32 rounding. `downscale` and `upscale` are what a codec
    uses: forward as far as the LR picture, and inverse from a decoded one with the latent at its mode.
    `condition` `[B]` is `codec.jpeg.tables.condition` of each sample (ignored by unmodulated networks).

    With `config.dual` there is a second latent, after DLV-IRN (Zhang et al., ACM MM 2022, arXiv 2207.11844). The
    paper's: one photo has many LR pictures, as it has many HR ones, so a latent for the downscaling stands beside
    that for the upscaling. Our reading, for no code is known: three channels enter the last level, what `aim`, the LR
    picture `[B, 3, H/s, W/s]` of a downscaler of one's choice, has that the low band has not; what the blocks leave of
    them is the latent, drawn to N(0, 1) in training and 0 in decoding: a decoder need not know which downscaler it was.
    """

    def __init__(self, config: SAINConfig) -> None:
        super().__init__()
        self.config = config
        channels = 3
        self.levels = nn.ModuleList()
        for i, blocks in enumerate(config.levels, 1):
            channels *= 4
            if config.dual and i == len(config.levels):
                channels += 3
            self.levels.append(nn.ModuleList(make_block(3, channels - 3, specs, config.modulated) for specs in blocks))
        self.high = channels - 3
        self.latent = make_latent(config.latent, 3, self.high, config.modulated)
        self.embedding = ConditionEmbedding() if config.told else None

    def _embed(self, condition: Tensor | None) -> Tensor | None:
        return embedded(self.embedding, condition)

    def _blocks(self, level: nn.Module) -> list[VanillaBlock]:
        return list(cast(nn.ModuleList, level))  # type: ignore[arg-type]

    @property
    def _last_enhanced(self) -> EnhancedBlock | None:
        blocks = [block for level in self.levels for block in self._blocks(level)]
        return next((block for block in reversed(blocks) if isinstance(block, EnhancedBlock)), None)

    def _split(self, i: int, x: Tensor, aim: Tensor | None) -> tuple[Tensor, Tensor]:
        """The Haar bands on entering level `i`; with a second latent also what `aim` has that the average has not."""
        bands = haar.split(x)
        low, high = bands[:, :3], bands[:, 3:]
        if aim is None or i != len(self.levels) - 1:
            return low, high
        return low, torch.cat([high, aim - low], 1)

    def _aim(self, x: Tensor, aim: Tensor | None) -> Tensor | None:
        """What the second latent is told of; bicubic unless something else is given."""
        if not self.config.dual:
            return None
        return downscalers.downscale(x, "bicubic", self.config.scale) if aim is None else aim

    def _run(
        self, x: Tensor, embedding: Tensor | None, lr_only: bool, aim: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The LR picture, and the low and high bands behind all blocks (if `lr_only`, where the LR picture was)."""
        last, lr = self._last_enhanced, None
        aim = self._aim(x, aim)
        for i, level in enumerate(self.levels):
            low, high = self._split(i, x, aim)
            for block in self._blocks(level):
                if block is last:
                    lr = last.downscale(low, high, embedding)
                    if lr_only:
                        return lr, low, high
                low, high = block(low, high, embedding)
            x = torch.cat([low, high], 1)
        return low if lr is None else lr, low, high

    def downscale(self, x: Tensor, condition: Tensor | None = None, aim: Tensor | None = None) -> Tensor:
        """The LR picture `[B, 3, H/s, W/s]` of `x`; nothing behind it is computed."""
        return self._run(x, self._embed(condition), True, aim)[0]

    def forward(self, x: Tensor, condition: Tensor | None = None, aim: Tensor | None = None) -> Rescaled:
        """All outputs, for the losses that need them and for the law of invertibility."""
        embedding = self._embed(condition)
        lr, low, high = self._run(x, embedding, False, aim)
        return Rescaled(lr, low, self.latent.encode(low, high, embedding))

    def log_det(self, x: Tensor, condition: Tensor | None = None, aim: Tensor | None = None) -> Tensor:
        """Log |det J| `[B]` of the map from a picture to LR picture and latent.

        Where a latent has channels of its own, they count as inputs too: shifted, they leave the determinant alone.
        """
        embedding, aim = self._embed(condition), self._aim(x, aim)
        total = x.new_zeros(len(x))
        for i, level in enumerate(self.levels):
            total = total + haar.log_det(x)
            low, high = self._split(i, x, aim)
            for block in self._blocks(level):
                low, high = block(low, high, embedding)
                total = total + block.log_det(low, embedding)
            x = torch.cat([low, high], 1)
        return total

    def inverse_with_lr(
        self, compressed: Tensor, latent: Tensor, condition: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """`inverse`, and the LR picture that it comes by in the last enhanced block (one of the paper's losses)."""
        embedding, last = self._embed(condition), self._last_enhanced
        low, high = self.latent.decode(compressed, latent, embedding)
        lr = low
        for i, level in reversed(list(enumerate(self.levels))):
            for block in reversed(self._blocks(level)):
                if block is last:
                    lr, high = last.uncompress(low, high, embedding)
                    low = lr - last.enhancement(high, embedding)
                else:
                    low, high = block.inverse(low, high, embedding)
            if self.config.dual and i == len(self.levels) - 1:
                high = high[:, :-3]
            x = haar.merge(torch.cat([low, high], 1))
            low, high = x[:, :3], x[:, 3:]
        return x, lr

    def inverse(self, compressed: Tensor, latent: Tensor, condition: Tensor | None = None) -> Tensor:
        """`[B, 3, h, w]` and its latent -> `[B, 3, h * s, w * s]`."""
        return self.inverse_with_lr(compressed, latent, condition)[0]

    def upscale(self, lr: Tensor, condition: Tensor | None = None) -> Tensor:
        """The restored picture of a decoded LR picture `[B, 3, h, w]` -> `[B, 3, h * s, w * s]`. Deterministic."""
        return self.inverse(lr, self.latent.mode(lr, self.high), condition)
