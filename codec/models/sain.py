"""SAIN: a self-asymmetric invertible network for compression-aware rescaling (Yang et al., AAAI 2023, 2303.02353).

    x ──► Haar ──► blocks … last enhanced block ──► blocks … ──► latent ──► z
                              └──► LR picture          └──► compressed LR

The paper's network, IRN and our light one are configurations of one class; `codec.models.configs` names them.
"""

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from codec.models import haar
from codec.models.blocks import make_block
from codec.models.config import SAINConfig
from codec.models.coupling import EnhancedBlock, VanillaBlock
from codec.models.latent import make_latent
from codec.models.modulation import ConditionEmbedding


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
    """

    def __init__(self, config: SAINConfig) -> None:
        super().__init__()
        self.config = config
        channels = 3
        self.levels = nn.ModuleList()
        for blocks in config.levels:
            channels *= 4
            self.levels.append(nn.ModuleList(make_block(3, channels - 3, specs, config.modulated) for specs in blocks))
        self.high = channels - 3
        self.latent = make_latent(config.latent, 3, self.high, config.modulated)
        self.embedding = ConditionEmbedding() if config.modulated else None

    def _embed(self, condition: Tensor | None) -> Tensor | None:
        if self.embedding is None:
            return None
        if condition is None:
            raise ValueError("this network is modulated by quality: give it a condition")
        embedding: Tensor = self.embedding(condition)
        return embedding

    def _blocks(self, level: nn.Module) -> list[VanillaBlock]:
        return list(cast(nn.ModuleList, level))  # type: ignore[arg-type]

    @property
    def _last_enhanced(self) -> EnhancedBlock | None:
        blocks = [block for level in self.levels for block in self._blocks(level)]
        return next((block for block in reversed(blocks) if isinstance(block, EnhancedBlock)), None)

    def _run(self, x: Tensor, embedding: Tensor | None, lr_only: bool) -> tuple[Tensor, Tensor, Tensor]:
        """The LR picture, and the low and high bands behind all blocks (if `lr_only`, where the LR picture was)."""
        last, lr = self._last_enhanced, None
        for level in self.levels:
            bands = haar.split(x)
            low, high = bands[:, :3], bands[:, 3:]
            for block in self._blocks(level):
                if block is last:
                    lr = last.downscale(low, high, embedding)
                    if lr_only:
                        return lr, low, high
                low, high = block(low, high, embedding)
            x = torch.cat([low, high], 1)
        return low if lr is None else lr, low, high

    def downscale(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """The LR picture `[B, 3, H/s, W/s]` of `x`; nothing behind it is computed."""
        return self._run(x, self._embed(condition), lr_only=True)[0]

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Rescaled:
        """All outputs, for the losses that need them and for the law of invertibility."""
        embedding = self._embed(condition)
        lr, low, high = self._run(x, embedding, lr_only=False)
        return Rescaled(lr, low, self.latent.encode(low, high, embedding))

    def inverse_with_lr(
        self, compressed: Tensor, latent: Tensor, condition: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """`inverse`, and the LR picture that it comes by in the last enhanced block (one of the paper's losses)."""
        embedding, last = self._embed(condition), self._last_enhanced
        low, high = self.latent.decode(compressed, latent, embedding)
        lr = low
        for level in reversed(self.levels):
            for block in reversed(self._blocks(level)):
                if block is last:
                    lr, high = last.uncompress(low, high, embedding)
                    low = lr - last.enhancement(high, embedding)
                else:
                    low, high = block.inverse(low, high, embedding)
            x = haar.merge(torch.cat([low, high], 1))
            low, high = x[:, :3], x[:, 3:]
        return x, lr

    def inverse(self, compressed: Tensor, latent: Tensor, condition: Tensor | None = None) -> Tensor:
        """`[B, 3, h, w]` and its latent -> `[B, 3, h * s, w * s]`."""
        return self.inverse_with_lr(compressed, latent, condition)[0]

    def upscale(self, lr: Tensor, condition: Tensor | None = None) -> Tensor:
        """The restored picture of a decoded LR picture `[B, 3, h, w]` -> `[B, 3, h * s, w * s]`. Deterministic."""
        return self.inverse(lr, self.latent.mode(lr, self.high), condition)
