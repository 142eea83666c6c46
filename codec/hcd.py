"""Hierarchical Collaborative Downscaling: the LR picture that one fixed decoder restores best, found while encoding.

HCD: Xu, Guo, Jiang, Yu, Chen, "Downscaled Representation Matters", ICCV 2023, arXiv 2211.10643.

With the network frozen, projected gradient descent on the squared error of the restored picture moves

1. the HR picture x that the network is given: x + δ, whose LR picture y restores to what is nearest to x;
2. that LR picture: y + ε, which restores to what is nearer still.

The authors' (paper and published code): the two steps and their order, 15 iterations each, gradients of length one, L2
balls around x and y, clipping to what pixels can be, patches of 128 LR pixels for large pictures. Our reading: the
8-bit rounding of the LR picture is in the loop, with a straight-through gradient. Their ball of radius 0.3 (pixels in
0…1, a picture of any size) is a fraction of a level a pixel and would mostly be rounded away: radii and steps are per
pixel here. Steps shrink and have momentum, the start is the network's own picture and not a random one in the ball,
the best state is kept and not the last. Patches are windows with something around them, so that there are no seams.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf, sqrt
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from codec.boxes import clipped, inside, scaled
from codec.distortion import Window, bfloat16_is_fast, windows
from codec.jpeg.color import luma, to_byte
from codec.models import downscalers
from codec.models.config import Downscaler, Way
from codec.networks.on_torch import TorchNetwork
from codec.rescaler import margin_of, mirrored

if TYPE_CHECKING:
    from codec.picture import Pixels

ITERATIONS = (0, 1, 3, 5, 10, 15, 22, 34, 50, 80)
"""Of each step, per effort 0…9: the paper's at 5."""
RADIUS_HR, RADIUS_LR = 3.0, 2.0
"""Of the balls: root mean square of δ and ε, in levels (0…255)."""
STRIDE, LAST = 0.5, 0.1
"""How far one gradient moves the picture in the iteration that takes it, root mean square in levels: at first, and the
share of that in the end."""
MOMENTUM = 0.5
"""Share of its motion that the next iteration repeats: gradients add up, to 0.64 levels at most in 15 iterations."""


class Iterations(NamedTuple):
    """Gradients of the two steps in each window."""

    hr: int
    lr: int


@dataclass(frozen=True)
class Start:
    """What there is before HCD."""

    network: TorchNetwork
    photo: "Pixels"
    """uint8 `[H, W, 3]` or `[H, W]`."""
    lr: "Pixels"
    """The network's own LR picture of it, uint8 `[h, w, 3]` or `[h, w]`."""
    condition: float
    downscaler: Downscaler | None = None
    """Which one's picture the network aims at."""


class Patch:
    """The error of a window of the picture as a function of its LR pixels. All tensors `[1, C, h, w]` in 0…255."""

    def __init__(self, start: Start, window: Window, precise: bool) -> None:
        network, photo, lr, self.downscaler = start.network, start.photo, start.lr, start.downscaler
        self.net, self.device, s = network.net, network.device, network.net.config.scale
        self.condition = torch.tensor([start.condition], device=self.device)
        self.autocast = not precise and bfloat16_is_fast(self.device)
        self.core, outer = clipped(window.core, lr.shape), clipped(window.outer, lr.shape)
        self.inner = inside(self.core, outer)
        measured = clipped(scaled(window.measured, s), photo.shape)
        self.shown = inside(measured, scaled(outer, s))
        self.wanted, self.around = self.tensor(photo[measured]), self.tensor(lr[outer])
        self.margin = margin_of(self.net.config)
        y, x = (slice(o.start * s, (o.stop + 2 * self.margin) * s) for o in outer)
        self.given = self.tensor(mirrored(photo, (y, x), self.margin * s))
        """What the network is given for the window."""

    def tensor(self, pixels: "Pixels") -> Tensor:
        """`[h, w, 3]` or `[h, w]` -> `[1, C, h, w]`."""
        x = torch.from_numpy(np.ascontiguousarray(pixels)).to(self.device).float()
        return (x[None] if x.ndim == 2 else x.permute(2, 0, 1))[None]

    def downscaled(self, given: Tensor) -> Tensor:
        """The network's LR pixels of the window's core, unrounded."""
        around = slice(self.margin, -self.margin)
        aimed = {}
        if self.downscaler:
            rgb = given.expand(-1, 3, -1, -1) / 255
            aimed["aim"] = downscalers.downscale(rgb, self.downscaler, self.net.config.scale)
        return self._run("downscale", given, **aimed)[..., around, around][..., *self.inner]

    def placed(self, core: Tensor) -> Tensor:
        """LR pixels of the core among those around it."""
        lr = self.around.clone()
        lr[..., *self.inner] = core
        return lr

    def distortion(self, lr: Tensor) -> Tensor:
        """Sum over HR pixels of the mean squared error of the channels, in the core and a little around it."""
        restored = self._run("upscale", lr)[..., *self.shown]
        return (restored.clamp(0, 255) - self.wanted).square().mean(1).sum()

    def error(self, core: Tensor) -> Tensor:
        """What is to be least: the distortion, of LR pixels rounded as a file has them."""
        return self.distortion(self.placed(to_byte(core)))

    def _run(self, way: Way, x: Tensor, **more: Tensor) -> Tensor:
        x = (x / 255).expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
            y: Tensor = getattr(self.net, way)(x, self.condition, **more).float() * 255
        grey = self.wanted.shape[1] == 1
        return luma(y)[:, None] if grey else y


def to_pixels(x: Tensor) -> "Pixels":
    """`[1, C, h, w]` -> uint8 `[h, w, 3]` or `[h, w]`."""
    pixels: Pixels = x[0].detach().round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy()
    return pixels if pixels.shape[2] == 3 else pixels[..., 0]


def within(moved: Tensor, start: Tensor, radius: float) -> Tensor:
    """`start + moved`, brought into the ball of a `radius` (root mean square) around `start`, and into 0…255."""
    length = float(moved.norm()) / sqrt(moved.numel())
    ball = moved * (radius / length) if length > radius else moved
    return (start + ball).clamp(0, 255)  # start is in 0…255, so that clipping only shortens


def descend(
    error: Callable[[Tensor], Tensor], start: Tensor, radius: float, iterations: int, bar: "tqdm[NoReturn]"
) -> Tensor:
    """The best of the points that projected gradient descent comes by, `start` among them."""
    now = best = start
    least, velocity = inf, torch.zeros_like(start)
    for i in range(iterations):
        with torch.enable_grad():
            here = now.detach().requires_grad_()
            value = error(here)
            (gradient,) = torch.autograd.grad(value, here)
        if float(value.detach()) < least:
            best, least = now, float(value.detach())
        velocity = MOMENTUM * velocity + gradient / gradient.norm().clamp(min=1e-12)
        stride = STRIDE * LAST ** (i / max(1, iterations - 1)) * sqrt(start.numel())
        now = within(now - stride * velocity - start, start, radius)
        bar.update()
    return now if iterations and float(error(now)) < least else best


def collaborative(
    start: Start,
    iterations: Iterations,
    progress: bool = False,
    patch: Callable[[Start, Window, bool], Patch] = Patch,
) -> "Pixels":
    """A better LR picture than that of `start`, of the same shape.

    A window whose error would not fall, measured with rounded pixels in single precision, stays as it is. An
    iteration of step 1 takes some four times as long as restoring the picture does, one of step 2 three times.
    `patch`: what a window's error is.
    """
    lr = start.lr.copy()  # changed in place: a window sees what those before it have become
    now, all_windows = replace(start, lr=lr), list(windows((lr.shape[1], lr.shape[0]), start.network.net.config.grain))
    total, quiet = sum(iterations) * len(all_windows), None if progress else True
    with torch.no_grad(), tqdm(total=total, unit="round", disable=quiet, leave=False) as bar:
        for window in all_windows:
            fast, precise = (patch(now, window, each) for each in (False, True))

            def through_both(given: Tensor, fast: Patch = fast) -> Tensor:
                return fast.error(fast.downscaled(given))

            given = descend(through_both, fast.given, RADIUS_HR, iterations.hr, bar)
            core = precise.downscaled(given).clamp(0, 255)
            core = descend(fast.error, core, RADIUS_LR, iterations.lr, bar).round()
            if precise.error(core) < precise.error(precise.tensor(lr[precise.core])):
                lr[precise.core] = to_pixels(core)
    return lr
