"""HCFlow's conditional flow: from what a level splits off to a latent that is standard normal, given features of y.

Source: HCFlow (arXiv 2108.05301); actnorm and the invertible 1x1 convolution are Glow's (arXiv
1807.03039, sections 3.1 and 3.2). The state keeps its precision, whatever the subnets' is.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codec.models.flow_steps import LOW, bounded, total
from codec.models.hcflow_config import FlowLevel
from codec.models.rrdb import make_features
from codec.models.subnets import make_subnet

MIDDLE, CONTRAST = 0.5, 4.0
"""Bring a picture in [0, 1] to about zero mean and unit variance, as what it tells of has. Ours, not the paper's."""
GAIN = 3
"""Factor on the logarithm of a zero-initialised convolution's output gain, as Glow's have it."""


class ActNorm(nn.Module):
    """(x - mean) * exp(log-scale), per channel. While `measuring`, mean and scale are first set by the data."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(channels))
        self.log_scale = nn.Parameter(torch.zeros(channels))
        self.measuring = False

    def _measure(self, x: Tensor) -> None:
        self.mean.copy_(x.mean((0, 2, 3)))
        self.log_scale.copy_(-x.std((0, 2, 3), correction=0).clamp_min(1e-4).log())

    def _per_channel(self) -> tuple[Tensor, Tensor]:
        return self.mean[:, None, None], self.log_scale[:, None, None]

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> the same shape."""
        if self.measuring:
            self._measure(x)
        mean, log_scale = self._per_channel()
        return (x - mean) * log_scale.exp()

    def log_det(self, x: Tensor) -> Tensor:
        """log|det J| of `forward`, for each sample of `x` `[B, C, H, W]`."""
        return self.log_scale.sum() * x[0, 0].numel()

    def inverse(self, y: Tensor) -> Tensor:
        """Undoes `forward`."""
        mean, log_scale = self._per_channel()
        return y * (-log_scale).exp() + mean


class InvertibleConvolution(nn.Module):
    """1x1, at first a random rotation."""

    inverted: Tensor | None

    def __init__(self, channels: int) -> None:
        super().__init__()
        # a matrix, not [C, C, 1, 1]: optimizers for convolutions would take it for one of theirs
        self.matrix = nn.Parameter(nn.init.orthogonal_(torch.empty(channels, channels)))
        self.register_buffer("inverted", None, persistent=False)

    def settle(self) -> None:
        """Invert the matrix for good, for it will not change any more; graphs, too, could not invert it."""
        self.inverted = self._invert().detach().to(self.matrix.dtype)

    def _invert(self) -> Tensor:
        inverted: Tensor = torch.linalg.inv(self.matrix.double())
        return inverted

    def _apply_matrix(self, matrix: Tensor, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            # not as a convolution, which a GPU might round to TF32
            return (x.permute(0, 2, 3, 1) @ matrix.to(x.dtype).T).permute(0, 3, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> the same shape."""
        return self._apply_matrix(self.matrix, x)

    def log_det(self, x: Tensor) -> Tensor:
        """log|det J| of `forward`, for each sample of `x` `[B, C, H, W]`."""
        log_det: Tensor = torch.linalg.slogdet(self.matrix)[1] * x[0, 0].numel()
        return log_det

    def inverse(self, y: Tensor) -> Tensor:
        """Undoes `forward`."""
        return self._apply_matrix(self._invert() if self.inverted is None else self.inverted, y)


class ConditionalStep(nn.Module):
    """Actnorm, 1x1 convolution, and an affine coupling whose subnet sees half of the channels and the features."""

    def __init__(self, channels: int, features: int, spec: str) -> None:
        super().__init__()
        self.norm, self.mix = ActNorm(channels), InvertibleConvolution(channels)
        self.seen = channels // 2
        self.subnet = make_subnet(spec, self.seen + features, 2 * (channels - self.seen), modulated=False)

    def _shift_and_log_scale(self, seen: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        shift, s = self.subnet(torch.cat([seen.to(features.dtype), features], 1)).to(seen.dtype).chunk(2, 1)
        return shift, bounded(s)

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        """`[B, C, H, W]` -> the same shape."""
        x = self.mix(self.norm(x))
        seen, other = x[:, : self.seen], x[:, self.seen :]
        shift, log_scale = self._shift_and_log_scale(seen, features)
        return torch.cat([seen, other * log_scale.exp() + shift], 1)

    def log_det(self, y: Tensor, features: Tensor) -> Tensor:
        """log|det J| `[B]` of `forward`, which gave `y`."""
        log_scale = self._shift_and_log_scale(y[:, : self.seen], features)[1]
        of_parts: Tensor = self.norm.log_det(y) + self.mix.log_det(y)
        return total(log_scale) + of_parts

    def inverse(self, y: Tensor, features: Tensor) -> Tensor:
        """Undoes `forward`."""
        seen, other = y[:, : self.seen], y[:, self.seen :]
        shift, log_scale = self._shift_and_log_scale(seen, features)
        x = torch.cat([seen, (other - shift) * (-log_scale).exp()], 1)
        undone: Tensor = self.norm.inverse(self.mix.inverse(x))
        return undone


class ConditionalFlow(nn.Module):
    """Of one level: its features, its steps, and mean and log-scale of their base distribution, given the features."""

    def __init__(self, channels: int, seen: int, level: FlowLevel) -> None:
        super().__init__()
        self.extract, self.width = make_features(level.features, seen)
        self.steps = nn.ModuleList(
            ConditionalStep(channels, self.width, level.conditional_subnet) for _ in range(level.conditional_steps)
        )
        self.base = nn.Conv2d(self.width, 2 * channels, 3, padding=1)
        nn.init.zeros_(self.base.weight)
        nn.init.zeros_(self.base.bias)  # type: ignore[arg-type]
        self.gain = nn.Parameter(torch.zeros(2 * channels, 1, 1))

    def features(self, y: Tensor, coarser: Tensor | None) -> Tensor:
        """Of y `[B, kept, H, W]` and, where there is one, of the coarser level's features, `[B, F, H/2, W/2]`."""
        y = torch.cat([y[:, :LOW] - MIDDLE, y[:, LOW:]], 1) * CONTRAST  # the others are differences: their mean is 0
        if coarser is not None:
            y = torch.cat([y.to(coarser.dtype), F.interpolate(coarser, scale_factor=2.0)], 1)
        features: Tensor = self.extract(y)
        return features

    def _mean_and_log_scale(self, features: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        mean, s = (self.base(features).to(dtype) * (GAIN * self.gain).exp()).chunk(2, 1)
        return mean, bounded(s)

    def _steps(self) -> list[ConditionalStep]:
        return cast(list[ConditionalStep], list(self.steps))

    def encode(self, a: Tensor, features: Tensor) -> Tensor:
        """`[B, C, H, W]` -> its latent, of the same shape."""
        for step in self._steps():
            a = step(a, features)
        mean, log_scale = self._mean_and_log_scale(features, a.dtype)
        return (a - mean) * (-log_scale).exp()

    def log_det(self, a: Tensor, features: Tensor) -> Tensor:
        """log|det J| `[B]` of `encode`."""
        log_det = -total(self._mean_and_log_scale(features, a.dtype)[1])
        for step in self._steps():
            a = step(a, features)
            log_det = log_det + step.log_det(a, features)
        return log_det

    def decode(self, z: Tensor | None, features: Tensor, dtype: torch.dtype) -> Tensor:
        """Undoes `encode`; None stands for z = 0, the mode."""
        mean, log_scale = self._mean_and_log_scale(features, dtype)
        a = mean if z is None else z * log_scale.exp() + mean
        for step in reversed(self._steps()):
            a = step.inverse(a, features)
        return a
