"""The error of a restored picture as a function of what its LR file holds, window by window."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from codec.boxes import Box, clipped, inside, scaled
from codec.jpeg.blocks import from_blocks, idct
from codec.jpeg.coefficients import NATURAL, ZIGZAG, Coefficients, Levels
from codec.jpeg.color import double, to_byte, ycbcr_to_rgb
from codec.networks.on_torch import TorchNetwork

if TYPE_CHECKING:
    from codec.picture import Pixels

PROBED = 0.1
"""Share of coefficients that are moved at once to measure curvature."""
CORE, CONTEXT = 256, 32
"""Pixels of the last Haar level a side of a window, and of what is restored around it; multiples of 16. Errors are
counted in half of the context: beyond, the window's own border disturbs the picture more than a coefficient does."""

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Window:
    """A part of the LR picture, in LR pixels: what is refined (core) and what is restored for it (outer)."""

    core: Box
    outer: Box
    measured: Box


def windows(size: tuple[int, int], grain: int = 1) -> Iterator[Window]:
    """Of an LR picture of `size` (width, height); one for a picture not much larger than a window.

    `grain`: LR pixels a side of a pixel of the network's last Haar level.
    """
    core, context = CORE * grain, CONTEXT * grain

    def spans(length: int) -> list[tuple[slice, slice, slice]]:
        padded = -(-length // 16) * 16
        step = core if padded > core * 3 // 2 else padded
        cores = [(start, min(start + step, padded)) for start in range(0, padded, step)]

        def around(start: int, stop: int, by: int) -> slice:
            return slice(max(0, start - by), min(padded, stop + by))

        return [(slice(a, b), around(a, b, context), around(a, b, context // 2)) for a, b in cores]

    for y in spans(size[1]):
        for x in spans(size[0]):
            yield Window((y[0], x[0]), (y[1], x[1]), (y[2], x[2]))


class Distortion:
    """D of a window as a function of its levels: sum over HR pixels of the mean squared RGB error, 0…255 scale."""

    def __init__(self, network: TorchNetwork, photo: "Pixels", coefficients: Coefficients, condition: float) -> None:
        self.net, self.device, self.photo, self.coefficients = network.net, network.device, photo, coefficients
        self.condition = torch.tensor([condition], device=self.device)
        self.steps = [torch.from_numpy(s[NATURAL]).to(self.device) for s in coefficients.steps]
        self.autocast = bfloat16_is_fast(self.device)

    def part(self, plane: int, box: Box) -> Box:
        """The blocks of a plane in a box given in LR pixels."""
        by = 8 * (self.coefficients.sampled if plane else 1)
        y, x = (slice(s.start // by, -(-s.stop // by)) for s in box)
        return y, x

    def gradient(self, levels: tuple[Levels, ...], window: Window) -> tuple[float, list[Array]]:
        """D, and its gradient with respect to the levels of the core."""
        inputs = [x.requires_grad_() for x in self._inputs(levels, window)]
        with torch.enable_grad():
            d = self._distortion(inputs, window)
            gradients = torch.autograd.grad(d, inputs)
        return float(d.detach()), [_zigzag(g)[self._inner(i, window)] for i, g in enumerate(gradients)]

    def value(self, levels: tuple[Levels, ...], window: Window) -> float:
        """D alone, in a third of the time."""
        with torch.no_grad():
            return float(self._distortion(self._inputs(levels, window), window))

    def _inputs(self, levels: tuple[Levels, ...], window: Window) -> list[Tensor]:
        outer = [array[self.part(i, window.outer)] for i, array in enumerate(levels)]
        return [torch.from_numpy(o[..., NATURAL].astype(np.float32)).to(self.device) for o in outer]

    def _inner(self, plane: int, window: Window) -> Box:
        """The core's blocks within the outer ones."""
        return inside(self.part(plane, window.core), self.part(plane, window.outer))

    def _distortion(self, levels: list[Tensor], window: Window) -> Tensor:
        s, (width, height) = self.net.config.scale, self.coefficients.size
        outer = clipped(window.outer, (height, width))
        y, x = outer
        lr = self._picture(levels, (y.stop - y.start, x.stop - x.start))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
            restored = self.net.upscale(lr, self.condition).float()
        measured = clipped(scaled(window.measured, s), self.photo.shape)
        wanted = torch.from_numpy(np.ascontiguousarray(self.photo[measured])).to(lr.device).float()
        wanted = wanted[None] if wanted.ndim == 2 else wanted.permute(2, 0, 1)
        shown = restored[0][..., *inside(measured, scaled(outer, s))]
        d: Tensor = (shown * 255 - wanted).square().mean(0).sum()
        return d

    def _picture(self, levels: list[Tensor], shape: tuple[int, int]) -> Tensor:
        """What a decoder shows of levels (natural order): `[1, 3, h, w]` in [0, 1]."""
        planes = []
        for x, steps in zip(levels, self.steps, strict=True):
            rows, columns = x.shape[:2]
            pixels = from_blocks(idct(x.reshape(1, -1, 64) * steps), 8 * rows, 8 * columns)
            planes.append(to_byte(pixels + 128))
        height, width = shape
        if len(planes) == 1:
            return planes[0][:, None, :height, :width].expand(-1, 3, -1, -1) / 255
        if self.coefficients.sampled == 2:
            small = -(-height // 2), -(-width // 2)
            planes[1:] = [double(p[:, : small[0], : small[1]]) for p in planes[1:]]
        rgb = ycbcr_to_rgb(*(p[:, :height, :width] for p in planes))
        return (rgb / 255).contiguous(memory_format=torch.channels_last)

    def curvature(self, levels: tuple[Levels, ...], window: Window, gradient: list[Array]) -> list[Array]:
        """The mean second derivative of D by the levels of each plane and frequency, `[64]` each, positive.

        A random step ±1 in a tenth of all places at once: the cross terms of Hutchinson's estimate average out.
        """
        random = np.random.default_rng(0)
        probes, moved = [], list(levels)
        for i, array in enumerate(levels):
            part = self.part(i, window.core)
            signs = random.choice(np.array([-1, 1], np.int32), array[part].shape)
            probes.append(signs * (random.random(array[part].shape) < PROBED))
            moved[i] = array.copy()
            moved[i][part] += probes[-1]
        _, there = self.gradient(tuple(moved), window)
        result = []
        for here, then, probe in zip(gradient, there, probes, strict=True):
            change = ((then - here) * probe).sum((0, 1)) / np.maximum(np.abs(probe).sum((0, 1)), 1)
            result.append(np.maximum(change, 1e-3 * max(float(change.max()), 1e-3)).astype(np.float32))
        return result


def _zigzag(x: Tensor) -> Array:
    result: Array = x.float().cpu().numpy()[..., ZIGZAG]
    return result


def bfloat16_is_fast(device: torch.device) -> bool:
    """Whether to take gradients in bfloat16: they need no more digits, but some processors only emulate it."""
    return device.type == "cuda" or bool(torch.cpu.get_capabilities().get("avx512_bf16"))
