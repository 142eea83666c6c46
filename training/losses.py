"""One training step's forward pass: photo -> LR picture -> simulated JPEG -> restored photo -> losses."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codec import tradeoff
from codec.jpeg.color import luma as luma_of
from codec.jpeg.simulator import scale_steps, simulate
from codec.jpeg.tables import STANDARD, scale_tables
from codec.models.latent import MixtureLatent
from codec.models.making import Net
from codec.models.restorer import FullSizeNet
from codec.models.sain import SAINet
from codec.ssimulacra2 import Ssimulacra2
from training.carriers import code_really, installed

BYTE = 255.0**2
"""Turns a mean squared error of [0, 1] values into one of 0…255 values."""
BOX_CHROMA = 0.15
"""Share of samples that a decoder shows with repeated instead of interpolated chroma, as some browsers' do."""
RESAVED = 8
"""One sample in so many is saved again by somebody else's encoder before it is restored."""
CARRIED = 8
"""One sample in so many, another one, goes through a real encoder of another format instead of the simulated JPEG."""
PEAK = 12 / 255
"""Difference of the LR picture to the bicubic one from which on it shows as a dot."""


class Losses(NamedTuple):
    """Means over the batch; errors are mean squares on the 0…255 scale."""

    total: Tensor
    distortion: Tensor
    """Of the restored photo."""
    bpp: Tensor
    """Estimated bits of the LR file per HR pixel, without what every file costs."""
    luma: Tensor
    """Between the LR picture and the antialiased bicubic one, in Y."""
    chroma: Tensor
    """The same in Cb and Cr, mean of both."""


def percent_of(quality: Tensor) -> Tensor:
    """Libjpeg's scale factor in percent, `[B]` -> `[B]`, of real-valued quality in 1…100."""
    return torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)


def rate_weight(percent: Tensor, scale: int) -> Tensor:
    """λ: what a bit per HR pixel is worth in squared error at a quantiser scaled by `percent`.

    That of `codec.tradeoff`, for tables of 16 at 100 %: they start flat at that, and learned ones end near it.
    """
    return tradeoff.rate_weight(4 + torch.log2(percent / 100), scale)


def twice_coded(first: Tensor, second: Tensor) -> Tensor:
    """The condition `[B]` of pictures that two encoders quantised one after the other: squared errors add up."""
    return torch.logaddexp2(2 * first, 2 * second) / 2


class Objective(nn.Module):
    """A network, its quantisation tables and what they are trained for.

    `tables` are the logarithms of the base tables `[2, 8, 8]` (luma, chroma), trained with the network where the
    objective has a rate. `margin` LR pixels are cut off behind the encoder: a codec pads its input by that much, so
    that the LR picture's border never feels the convolutions' zero padding.
    """

    def __init__(self, model: Net, margin: int) -> None:
        super().__init__()
        self.model, self.margin = model, margin
        self.tables = nn.Parameter(torch.full((2, 8, 8), 16.0).log())  # flat: learned ones end near that

    @torch.no_grad()
    def start_from_standard_tables(self) -> None:
        """Those that everybody writes, of Annex K."""
        self.tables.copy_(torch.from_numpy(STANDARD).float().log())

    def keep_standard_tables(self) -> None:
        """For a network that knows of no tables: its files have those that everybody writes."""
        self.start_from_standard_tables()
        self.tables.requires_grad_(False)

    def base_tables(self) -> Tensor:
        """The tables as a file states them at quality 50: whole numbers `[2, 8, 8]` in 1…255."""
        return self.tables.detach().exp().round().clamp(1, 255).long()

    def crop(self, lr: Tensor) -> Tensor:
        """Without the margin, `[B, 3, h, w]` -> `[B, 3, h - 2 m, w - 2 m]`."""
        return lr[..., self.margin : -self.margin, self.margin : -self.margin]

    def crop_hr(self, x: Tensor) -> Tensor:
        """The part of an HR picture that belongs to a cropped LR one."""
        m = self.margin * self.model.config.scale
        return x[..., m:-m, m:-m]


def luma_chroma_difference(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The difference of two RGB pictures `[B, 3, H, W]` in Y `[B, 1, H, W]`, and in Cb and Cr `[B, 2, H, W]`."""
    difference = a - b
    y = luma_of(difference)
    return y[:, None], torch.stack([0.564 * (difference[:, 2] - y), 0.713 * (difference[:, 0] - y)], 1)


def mean_square(difference: Tensor) -> Tensor:
    """On the 0…255 scale."""
    return difference.square().mean() * BYTE


def visible(difference: Tensor) -> Tensor:
    """How much the eye minds a difference `[B, C, H, W]`: `[B]`, a mean square on the 0…255 scale plus a fourth power.

    The network likes to write what it hides as a few strong dots along an edge, which a mean square hardly counts;
    beyond `PEAK` the fourth power does.
    """
    square = difference.square()
    return (square * (1 + square / PEAK**2)).sum(1).mean((1, 2)) * BYTE


def as_absolute(error: Tensor) -> Tensor:
    """Mean absolute errors `[B]` of `[B, C, H, W]` times what makes them weigh as much as their squares, which is a
    constant to the gradient; on the 0…255 scale squared.
    """
    mean = error.abs().mean((1, 2, 3))
    return mean * (2 * error.square().mean((1, 2, 3)) / mean.clamp_min(1e-6)).detach() * BYTE


class RateDistortion(Objective):
    """D + λ R + guidance, for quantisers of every coarseness.

    `guidance` and `chroma_guidance` weigh what is visible of the LR picture's distance to the bicubic one in luma and
    in chroma: the eye takes a luma pattern for texture, but sees a chroma pattern as green and magenta dots.
    `carriers`: whether some samples go through real encoders of other formats; raises `CodecError` if there are none.
    `rate` is a factor on λ. The buffer `absolute` says whether D is of absolute instead of squared errors.

    What is fitted is `codec.tradeoff.seen` of D and SSIMULACRA2's raw sum, with the share `eye`. `shown` weighs the
    same of the file as viewers show it, which matters at scale 1.
    """

    model: SAINet | FullSizeNet
    absolute: Tensor

    def __init__(
        self,
        model: SAINet | FullSizeNet,
        margin: int,
        guidance: float,
        chroma_guidance: float,
        carriers: bool = False,
        rate: float = 1.0,
        eye: float = 0.0,
        shown: float = 0.0,
    ) -> None:
        super().__init__(model, margin)
        self.rate, self.eye, self.shown = rate, eye, shown
        self.seen = Ssimulacra2()
        self.guidance, self.chroma_guidance, self.carriers = guidance, chroma_guidance, carriers and bool(installed())
        self.register_buffer("standard", torch.from_numpy(STANDARD).float(), persistent=False)
        self.register_buffer("absolute", torch.tensor(False), persistent=False)  # a tensor: switched without compiling

    def _resaved(self, picture: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Some samples as an ordinary encoder saves them once more, and what the decoder is told of them."""
        n = len(picture) // RESAVED
        if n == 0:
            return picture, condition
        percent = percent_of(torch.empty(n, device=picture.device).uniform_(50, 96))
        steps = scale_steps(self.standard, percent)  # type: ignore[arg-type]
        again = simulate(picture[:n], steps).picture
        told = twice_coded(condition[:n], steps[:, 0].log2().mean((1, 2)))
        return torch.cat([again, picture[n:]]), torch.cat([told, condition[n:]])

    def _carried(self, picture: Tensor, lr: Tensor, condition: Tensor) -> Tensor:
        """`picture`, what a JPEG decoder shows of `lr`, with the last samples as another format's decoder shows them.

        The first ones are those saved again. Rate stays that of the JPEG: no encoder tells the gradient of its bits.
        """
        n = len(picture) // CARRIED
        if n == 0 or not self.carriers:
            return picture
        return torch.cat([picture[:-n], code_really(lr[-n:].to(picture.dtype), condition[-n:])])

    def _fitted(self, picture: Tensor, x: Tensor, distortion: Tensor) -> Tensor:
        """What is to be small of `picture`, whose mean squared errors are `distortion`: `[B]`."""
        squared = torch.where(self.absolute, as_absolute(picture - x), distortion)
        if not self.eye:
            return squared
        raw: Tensor = self.seen(x, picture)
        return tradeoff.seen(squared, raw, self.eye)

    def forward(self, x: Tensor, reference: Tensor, percent: Tensor) -> Losses:
        """`x` `[B, 3, H, W]` in [0, 1]; `reference`: its bicubic LR picture; `percent` `[B]`: the quantisers."""
        steps = scale_steps(self.tables.exp(), percent)
        condition = steps[:, 0].detach().log2().mean((1, 2))
        lr = self.crop(self.model.downscale(x, condition))
        fancy = torch.rand(len(x), device=x.device) >= BOX_CHROMA
        decoded = simulate(lr, steps, fancy=fancy)
        shown = self._carried(decoded.picture, lr, condition)
        restored = self.model.upscale(*self._resaved(shown, condition))
        x, reference = self.crop_hr(x), self.crop(reference)

        distortion = (restored - x).square().mean((1, 2, 3)) * BYTE
        fitted = self._fitted(restored, x, distortion)
        bpp = decoded.bits / x[0, 0].numel()
        luma, chroma = luma_chroma_difference(lr, reference)
        near = self.guidance * visible(luma) + self.chroma_guidance * visible(chroma)
        outside = (F.relu(-lr) + F.relu(lr - 1)).square().mean((1, 2, 3)) * BYTE
        priced = self.rate * rate_weight(percent, self.model.config.scale) * bpp
        loss = fitted + priced + near + outside
        if self.shown:
            error = (decoded.picture - x).square().mean((1, 2, 3)) * BYTE
            loss = loss + self.shown * self._fitted(decoded.picture, x, error)
        # low qualities have tenfold losses: divide, or they drown the rest
        total = (loss / (20 * (percent / 100) ** 0.6 + 20)).mean()
        return Losses(total, distortion.mean(), bpp.mean(), mean_square(luma), mean_square(chroma))


class Published(Objective):
    """SAIN's own losses at quality 75 (arXiv 2303.02353, section 3.4): no rate, standard tables, z sampled.

    L = Charbonnier(x, x̂) + λ/4 (|LR - bicubic|² + |y - JPEG(bicubic)|² + |LR - LR'|² + |y - JPEG(LR)|²), sums over
    a sample's values, means over the batch; y is the network's compressed LR picture, LR' the one that the inverse
    pass comes by on its way back, λ = scale².
    """

    model: SAINet

    def __init__(self, model: SAINet, margin: int) -> None:
        super().__init__(model, margin)
        self.keep_standard_tables()
        self.register_buffer("steps", torch.from_numpy(scale_tables(STANDARD, 75)).float()[None], persistent=False)

    def _jpeg(self, lr: Tensor) -> tuple[Tensor, Tensor]:
        return simulate(lr, self.steps.expand(len(lr), -1, -1, -1))  # type: ignore[operator]

    def forward(self, x: Tensor, reference: Tensor, percent: Tensor) -> Losses:
        """As `RateDistortion.forward`; `percent` is ignored."""
        model, latent = self.model, self.model.latent
        out = model(x)
        lr, compressed = self.crop(out.lr), self.crop(out.compressed)
        x, reference = self.crop_hr(x), self.crop(reference)
        decoded, bits = self._jpeg(lr)
        sampled = isinstance(latent, MixtureLatent)
        z = latent.sample(decoded, model.high) if sampled else latent.mode(decoded, model.high)  # type: ignore[operator]
        restored, lr_again = model.inverse_with_lr(decoded, z)
        with torch.no_grad():
            real, real_reference = self._jpeg(lr)[0], self._jpeg(reference)[0]

        charbonnier = ((restored - x).square() + 1e-6).sqrt().sum((1, 2, 3)).mean()
        pairs = ((lr, reference), (compressed, real_reference), (lr, lr_again), (compressed, real))
        fits = [(a - b).square().sum((1, 2, 3)).mean() for a, b in pairs]
        total = charbonnier + model.config.scale**2 / 4 * torch.stack(fits).sum()
        distortion = (restored - x).square().mean() * BYTE
        luma, chroma = map(mean_square, luma_chroma_difference(lr, reference))
        return Losses(total, distortion, (bits / x[0, 0].numel()).mean(), luma, chroma)
