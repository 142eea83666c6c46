"""HCFlow: a hierarchical conditional flow for rescaling (Liang et al., ICCV 2021, arXiv 2108.05301).

    x ─► Haar ─► flow steps ─┬─► y1 ─► Haar ─► flow steps ─┬─► y2, the LR picture
                             │                             └─► a2 ─► conditional flow (features of y2) ─► z2
                             └─► a1 ─► conditional flow (features of y1, and of y2 enlarged) ─► z1

The latents are standard normal. The paper samples them; we decode with z = 0, so that a file always decodes to the
same picture.
"""

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from codec.models import haar
from codec.models.conditional_flow import ActNorm, ConditionalFlow
from codec.models.flow_steps import LOW, AffineStep, Pair, ShiftStep
from codec.models.hcflow_config import FlowLevel, HCFlowConfig


class Flowed(NamedTuple):
    """What `HCFlow.forward` returns."""

    lr: Tensor
    """`[B, 3, H/s, W/s]`, nominally in [0, 1]: the picture to store."""
    latents: tuple[Tensor, ...]
    """Of each level, the finest first: all that the LR picture does not hold."""


class Level(nn.Module):
    """A Haar split, flow steps, and the conditional flow of what they split off."""

    def __init__(self, channels: int, level: FlowLevel, coarser: int) -> None:
        super().__init__()
        self.kept = level.kept
        kinds = (AffineStep, ShiftStep)
        self.steps = nn.ModuleList(kinds[i % 2](4 * channels - LOW, level.subnet) for i in range(level.steps))
        self.conditional = ConditionalFlow(4 * channels - level.kept, level.kept + coarser, level)

    def _steps(self) -> list[AffineStep | ShiftStep]:
        return cast(list[AffineStep | ShiftStep], list(self.steps))

    def split(self, x: Tensor) -> Pair:
        """`[B, C, H, W]` -> y `[B, kept, H/2, W/2]` and a `[B, 4C - kept, H/2, W/2]`."""
        bands = haar.split(x)
        low, high = bands[:, :LOW], bands[:, LOW:]
        for step in self._steps():
            low, high = step(low, high)
        also = self.kept - LOW
        return torch.cat([low, high[:, :also]], 1), high[:, also:]

    def log_det(self, x: Tensor) -> Tensor:
        """log|det J| `[B]` of `split`."""
        bands = haar.split(x)
        low, high = bands[:, :LOW], bands[:, LOW:]
        log_det = bands.new_full((len(bands),), haar.log_det(x))
        for step in self._steps():
            low, high = step(low, high)
            log_det = log_det + step.log_det(low)
        return log_det

    def merge(self, y: Tensor, a: Tensor) -> Tensor:
        """Undoes `split`."""
        low, high = y[:, :LOW], torch.cat([y[:, LOW:], a], 1)
        for step in reversed(self._steps()):
            low, high = step.inverse(low, high)
        return haar.merge(torch.cat([low, high], 1))


class HCFlow(nn.Module):
    """`[B, 3, H, W]` sRGB in [0, 1] to its LR picture and back; H and W multiples of `config.scale`.

    Law: `inverse(*forward(x)) == x` up to float32 rounding. `downscale` and `upscale` are what a codec uses.
    `condition`, what a network is told of the quality elsewhere, is ignored.

    The first forward in training mode sets the actnorms by its data; the buffer `normalised` says whether that was.
    """

    normalised: Tensor

    def __init__(self, config: HCFlowConfig) -> None:
        super().__init__()
        self.config, self.embedding = config, None
        if config.levels[-1].kept != LOW:
            raise ValueError(f"the last level keeps the LR picture's {LOW} channels, not {config.levels[-1].kept}")
        entering = [LOW, *(level.kept for level in config.levels)]
        levels: list[Level] = []
        coarser = 0
        for channels, level in reversed(list(zip(entering, config.levels, strict=False))):
            levels.insert(0, Level(channels, level, coarser))
            coarser = levels[0].conditional.width
        self.levels = nn.ModuleList(levels)
        self.register_buffer("normalised", torch.tensor([False]))

    def _levels(self) -> list[Level]:
        return cast(list[Level], list(self.levels))

    def downscale(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """The LR picture `[B, 3, H/s, W/s]` of `x`; no conditional flow is computed."""
        for level in self._levels():
            x = level.split(x)[0]
        return x

    def _split(self, x: Tensor) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """The LR picture; of each level, the finest first, what it takes off, and the features that go with it."""
        parts = []
        for level in self._levels():
            x, a = level.split(x)
            parts.append((x, a))
        told: list[tuple[Tensor, Tensor]] = []
        features = None
        for level, (y, a) in reversed(list(zip(self._levels(), parts, strict=True))):
            features = level.conditional.features(y, features)
            told.insert(0, (a, features))
        return x, told

    def flow(self, x: Tensor) -> Flowed:
        """As `forward`, but never sets the actnorms: a compiler gets through it in one piece."""
        lr, told = self._split(x)
        return Flowed(lr, tuple(level.conditional.encode(*of) for level, of in zip(self._levels(), told, strict=True)))

    def log_det(self, x: Tensor) -> Tensor:
        """Log |det J| `[B]` of the map from a picture to LR picture and latents."""
        total = x.new_zeros(len(x))
        for level, of in zip(self._levels(), self._split(x)[1], strict=True):
            total = total + level.log_det(x) + level.conditional.log_det(*of)
            x = level.split(x)[0]
        return total

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    @torch.no_grad()
    def normalise(self, x: Tensor) -> None:
        """Set all actnorms so that what they give for `x` has mean 0 and variance 1; nothing if that was done before.

        Processes that train together take the first one's. Never compiled: it does something once only.
        """
        if self.normalised:
            return
        norms = [module for module in self.modules() if isinstance(module, ActNorm)]
        for norm in norms:
            norm.measuring = True
        self.flow(x)
        for norm in norms:
            norm.measuring = False
            if torch.distributed.is_initialized():
                for parameter in norm.parameters():
                    torch.distributed.broadcast(parameter, 0)
        self.normalised.fill_(True)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Flowed:
        """All outputs, for the losses that need them and for the law of invertibility."""
        if self.training:
            self.normalise(x)
        return self.flow(x)

    def _undo(self, lr: Tensor, latents: tuple[Tensor | None, ...]) -> Tensor:
        y, features = lr, None
        for level, z in reversed(list(zip(self._levels(), latents, strict=True))):
            features = level.conditional.features(y, features)
            y = level.merge(y, level.conditional.decode(z, features, y.dtype))
        return y

    def inverse(self, lr: Tensor, latents: tuple[Tensor, ...], condition: Tensor | None = None) -> Tensor:
        """`[B, 3, h, w]` and its latents -> `[B, 3, h * s, w * s]`."""
        return self._undo(lr, latents)

    def upscale(self, lr: Tensor, condition: Tensor | None = None) -> Tensor:
        """The restored picture of a decoded LR picture `[B, 3, h, w]` -> `[B, 3, h * s, w * s]`, z = 0."""
        return self._undo(lr, (None,) * len(self.levels))
