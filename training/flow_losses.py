"""HCFlow's own losses (arXiv 2108.05301), for rescaling through a lossless LR picture."""

import torch
from torch import Tensor

from codec.models.hcflow import HCFlow
from training.losses import BYTE, Losses, Objective, luma_chroma_difference, mean_square
from training.lossless import as_stored

MEASURED = 4
"""One sample in so many has its latents computed: their term weighs next to nothing, and all took 10 % longer."""


class HCFlowObjective(Objective):
    """L = |x - x̂| + 0.05 (LR - bicubic)² + 1e-5 z²: no rate, no tables; each term is a mean over all its values.

    These are the weights and means of the paper's published code (values in [0, 1]; the latents of all levels count
    as one). x̂ is restored from the LR picture in 8 bits, with z = 0. The published training draws z from N(0, 1) there,
    and the network must learn to ignore it; we decode with z = 0 only, so that this is what is trained: nothing is
    spent on noise that no decoder sees. The term in z² keeps the latents near that 0.
    """

    model: HCFlow

    def __init__(self, model: HCFlow, margin: int, guidance: float = 0.05, latent: float = 1e-5) -> None:
        super().__init__(model, margin)
        self.guidance, self.latent = guidance, latent
        self.keep_standard_tables()

    def forward(self, x: Tensor, reference: Tensor, percent: Tensor) -> Losses:
        """`x` `[B, 3, H, W]` in [0, 1]; `reference`: its bicubic LR picture; `percent` is ignored, bpp is 0."""
        if self.training:
            self.model.normalise(x)
        lr = self.crop(self.model.downscale(x))
        restored = self.model.upscale(as_stored(lr))
        latents = self.model.flow(x[: -(-len(x) // MEASURED)]).latents
        x, reference = self.crop_hr(x), self.crop(reference)
        latent = torch.cat([z.flatten() for z in latents]).square().mean()
        total = (restored - x).abs().mean() + self.guidance * (lr - reference).square().mean() + self.latent * latent
        distortion = (restored - x).square().mean() * BYTE
        luma, chroma = map(mean_square, luma_chroma_difference(lr, reference))
        return Losses(total, distortion, torch.zeros_like(total), luma, chroma)
