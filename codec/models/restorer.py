"""Scale 1: an ordinary full-size picture, whose decoder restores more than viewers show. Ours.

    x ──► Haar ──► bands + E(bands) ──► picture to store ··· codec ··· Haar ──► bands + prediction(bands) ──► x̂
                                                                                        └─ latent: x less that

In the family's form: one Haar level, but the high bands are kept and written. E is the enhancement of SAIN's
self-asymmetric block, here of all twelve bands at once: it leaves out what costs bits and can be restored, and no
decoder runs it. What E and the codec take is the latent's to predict.
"""

from torch import Tensor, nn

from codec.models import haar
from codec.models.config import SAINConfig
from codec.models.latent import make_latent
from codec.models.modulation import ConditionEmbedding, embedded
from codec.models.sain import Rescaled
from codec.models.subnets import even, make_subnet

BANDS = 12
"""Of one Haar level of RGB."""


class FullSizeNet(nn.Module):
    """`[B, 3, H, W]` sRGB in [0, 1] to the picture to store, of the same size, and back; any H and W.

    Law: `inverse(*forward(x, c)[1:], c) == x` up to float32 rounding. `condition` `[B]` is
    `codec.jpeg.tables.condition` of each sample.
    """

    def __init__(self, config: SAINConfig) -> None:
        super().__init__()
        if len(config.levels) != 1 or not config.latent.startswith("conditional:"):
            raise ValueError("a network of scale 1 has one Haar level and a conditional latent")
        specs = {role: spec for block in config.levels[0] for role, spec in block.items()}
        if len(config.levels[0]) > 1 or set(specs) - {"E"}:
            raise ValueError(f"a network of scale 1 has at most the subnet E, not {sorted(specs)}")
        self.config = config
        self.enhance = make_subnet(specs["E"], BANDS, BANDS, config.modulated) if specs else None
        self.latent = make_latent(config.latent, BANDS, 0, config.modulated)
        self.embedding = ConditionEmbedding() if config.told else None

    def downscale(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """The picture to store, `[B, 3, H, W]`; `x` itself where there is no E."""
        if self.enhance is None:
            return x
        height, width = x.shape[-2:]
        bands = haar.split(even(x))
        enhanced = bands + self.enhance(bands, embedded(self.embedding, condition)).float()
        return haar.merge(enhanced)[..., :height, :width]

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Rescaled:
        """All outputs; `compressed` is the stored picture itself, which a codec changes as little as it can.

        The latent is `[B, 12, H/2, W/2]`, sides rounded up.
        """
        lr = self.downscale(x, condition)
        bands = haar.split(even(lr))
        taken = haar.split(even(x)) - bands
        embedding = embedded(self.embedding, condition)
        return Rescaled(lr, lr, taken + self.latent.encode(bands, bands[:, :0], embedding))

    def inverse(self, compressed: Tensor, latent: Tensor, condition: Tensor | None = None) -> Tensor:
        """A decoded picture and its latent -> the restored picture, both `[B, 3, H, W]`."""
        height, width = compressed.shape[-2:]
        bands, _ = self.latent.decode(haar.split(even(compressed)), latent, embedded(self.embedding, condition))
        return haar.merge(bands)[..., :height, :width]

    def upscale(self, lr: Tensor, condition: Tensor | None = None) -> Tensor:
        """The restored picture of a decoded one, `[B, 3, H, W]`. Deterministic."""
        latent = self.latent.mode(haar.split(even(lr)), 0)
        return self.inverse(lr, latent, condition)

    def log_det(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Log |det J| `[B]` of the map from (picture, what is stored) to (stored, latent): shifts alone, so zero."""
        return x.new_zeros(len(x))
