"""Scale 1: an ordinary full-size picture, whose decoder restores more than viewers show. Ours.

    x ──► Haar ──► blocks ──► merged ──► picture to store ··· codec ··· Haar ──► latent's prediction ──► blocks⁻¹ ──► x̂

In the family's form: one Haar level, but the high bands are kept and written, so the latent is only what the codec
will take from the twelve bands. Without blocks, encoding is the format's own encoder with learned tables.
"""

from typing import cast

import torch
from torch import Tensor, nn

from codec.models import haar
from codec.models.blocks import make_block
from codec.models.config import SAINConfig
from codec.models.coupling import VanillaBlock
from codec.models.latent import make_latent
from codec.models.modulation import ConditionEmbedding
from codec.models.sain import Rescaled
from codec.models.subnets import even

LOW, HIGH = 3, 9


class FullSizeNet(nn.Module):
    """`[B, 3, H, W]` sRGB in [0, 1] to the picture to store, of the same size, and back; any H and W.

    Law: `inverse(*forward(x, c)[1:], c) == x` up to float32 rounding, for even sides. `condition` `[B]` is
    `codec.jpeg.tables.condition` of each sample.
    """

    def __init__(self, config: SAINConfig) -> None:
        super().__init__()
        if len(config.levels) != 1 or not config.latent.startswith("conditional:"):
            raise ValueError("a network of scale 1 has one Haar level and a conditional latent")
        self.config, self.high = config, 0
        self.blocks = nn.ModuleList(make_block(LOW, HIGH, specs, config.modulated) for specs in config.levels[0])
        self.latent = make_latent(config.latent, LOW + HIGH, 0, config.modulated)
        self.embedding = ConditionEmbedding() if config.told else None

    def _embed(self, condition: Tensor | None) -> Tensor | None:
        if self.embedding is None:
            return None
        if condition is None:
            raise ValueError("this network is modulated by quality: give it a condition")
        return cast(Tensor, self.embedding(condition))

    def _each(self) -> list[VanillaBlock]:
        return [cast(VanillaBlock, block) for block in self.blocks]

    def downscale(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """The picture to store, `[B, 3, H, W]`; `x` itself where there are no blocks."""
        if not len(self.blocks):
            return x
        embedding, (height, width) = self._embed(condition), x.shape[-2:]
        bands = haar.split(even(x))
        low, high = bands[:, :LOW], bands[:, LOW:]
        for block in self._each():
            low, high = block(low, high, embedding)
        return haar.merge(torch.cat([low, high], 1))[..., :height, :width]

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Rescaled:
        """All outputs; `compressed` is the stored picture itself, which a codec changes as little as it can."""
        lr = self.downscale(x, condition)
        bands = haar.split(lr)
        return Rescaled(lr, lr, self.latent.encode(bands, bands[:, :0], self._embed(condition)))

    def inverse(self, compressed: Tensor, latent: Tensor, condition: Tensor | None = None) -> Tensor:
        """A decoded picture and its latent -> the restored picture, both `[B, 3, H, W]`."""
        embedding, (height, width) = self._embed(condition), compressed.shape[-2:]
        bands, _ = self.latent.decode(haar.split(even(compressed)), latent, embedding)
        low, high = bands[:, :LOW], bands[:, LOW:]
        for block in reversed(self._each()):
            low, high = block.inverse(low, high, embedding)
        return haar.merge(torch.cat([low, high], 1))[..., :height, :width]

    def upscale(self, lr: Tensor, condition: Tensor | None = None) -> Tensor:
        """The restored picture of a decoded one, `[B, 3, H, W]`. Deterministic."""
        bands = haar.split(even(lr))
        return self.inverse(lr, self.latent.mode(bands, 0), condition)

    def log_det(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Log |det J| `[B]` of the map from a picture to the stored one; the latent only shifts."""
        total = x.new_zeros(len(x))
        embedding, bands = self._embed(condition), haar.split(x)
        low, high = bands[:, :LOW], bands[:, LOW:]
        for block in self._each():
            low, high = block(low, high, embedding)
            total = total + block.log_det(low, embedding)
        return total
