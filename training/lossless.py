"""What rescalers without a codec are trained for: the LR picture is stored to the last level, as a PNG."""

import torch
from torch import Tensor

from codec.jpeg.color import round_through
from codec.models import downscalers
from codec.models.config import Downscaler
from codec.models.sain import SAINet
from training.losses import Losses, Objective, luma_chroma_difference, mean_square

DOWNSCALERS: tuple[Downscaler, ...] = ("bicubic", "lanczos", "area")


def as_stored(lr: Tensor) -> Tensor:
    """The LR picture in 8 bits; the gradient passes the rounding as if it were not there (straight through)."""
    return round_through(lr.clamp(0, 1) * 255) / 255


class Lossless(Objective):
    """IRN's losses (arXiv 2005.05650, section 3.4): L1 of the restored photo, L2 of the LR picture, z under N(0, 1).

    The published weights 1, scale² and 1 are of sums over a sample's values; ours are of means of values in [0, 1],
    which makes them 1, 1 (an LR picture has a scale²-th of the values) and 1 - 1/scale² (so does z have its share).
    The squared z is what is left of its cross-entropy. z is 0 on the way back, as in decoding, unless it is to be
    `sampled` as published: that teaches the network to ignore it, which takes longer.

    With a second latent, each sample aims at a downscaler of its own, if `downscalers` asks for it.
    """

    model: SAINet

    def __init__(
        self,
        model: SAINet,
        margin: int,
        guidance: float,
        latent: float,
        several: bool = False,
        sampled: bool = False,
    ) -> None:
        super().__init__(model, margin)
        self.guidance, self.latent, self.several, self.sampled = guidance, latent, several, sampled
        self.keep_standard_tables()

    def _aim(self, x: Tensor, bicubic: Tensor) -> Tensor:
        """The LR pictures `[B, 3, h, w]` that the samples are to look like."""
        if not self.several:
            return bicubic
        scale = self.model.config.scale
        aims = torch.stack([downscalers.downscale(x, name, scale) for name in DOWNSCALERS])
        chosen = torch.randint(len(DOWNSCALERS), (len(x),), device=x.device)
        return aims[chosen, torch.arange(len(x), device=x.device)]

    def forward(self, x: Tensor, reference: Tensor, percent: Tensor) -> Losses:
        """As `RateDistortion.forward`; `percent` is ignored, and no bits are counted."""
        aim = self._aim(x, reference)
        out = self.model(x, aim=aim)
        lr, latent = self.crop(out.lr), self.crop(out.latent)
        stored = as_stored(lr)
        restored = self.model.inverse(stored, torch.randn_like(latent)) if self.sampled else self.model.upscale(stored)
        x, aim = self.crop_hr(x), self.crop(aim)
        error = restored - x
        charbonnier = (error.square() + 1e-6).sqrt().mean()
        guidance = (lr - aim).square().mean()
        total = charbonnier + self.guidance * guidance + self.latent * latent.square().mean()
        luma, chroma = map(mean_square, luma_chroma_difference(lr, aim))
        return Losses(total, mean_square(error), torch.zeros_like(total), luma, chroma)
