"""Real encoders in training: what AVIF, HEIF, WebP and JPEG XL make of an LR picture, where JPEG has a simulator.

A custom operator, so that `torch.compile` neither looks into it nor breaks its graph there.
"""

from functools import cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from codec import carriers
from codec.carriers import Options
from codec.errors import CodecError
from codec.picture import Pixels

FORMATS = ("avif", "heif", "webp", "jxl")


@cache
def installed() -> tuple[str, ...]:
    """Those of `FORMATS` whose encoder is here; raises `CodecError` if none is."""
    found = []
    for name in FORMATS:
        try:
            carriers.get(name).check(Options())
        except CodecError:
            continue
        found.append(name)
    if not found:
        raise CodecError(f"training with real carriers takes an encoder of {', '.join(FORMATS)}: none is installed")
    return tuple(found)


@cache
def _conditions(name: str) -> tuple[float, ...]:
    """What the calibration says of the qualities 1…100."""
    return tuple(carriers.get(name).condition(Options(quality)) for quality in range(1, 101))


def quality_at(name: str, condition: float) -> int:
    """The quality 1…100 of a format whose calibrated condition is nearest; where several are, towards the middle.

    Beyond what the calibration covers, its end: encoders reach no further, or nobody measured it.
    """
    told = _conditions(name)
    return min(range(1, 101), key=lambda quality: (abs(told[quality - 1] - condition), abs(quality - 50)))


def coded(name: str, pixels: Pixels, condition: float) -> Pixels:
    """`[H, W, 3]` as a decoder of a format shows it, coded as coarsely as `condition` says."""
    carrier = carriers.get(name)
    data = carrier.save(Image.fromarray(pixels), Options(quality_at(name, condition)), {})
    return carrier.reopened(data).picture().rgb


@torch.library.custom_op("sain::code_really", mutates_args=())
def _code_really(lr: Tensor, condition: Tensor, drawn: Tensor) -> Tensor:
    pictures = (lr.float().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    names = [installed()[int(number * len(installed()))] for number in drawn.tolist()]
    each = zip(names, pictures, condition.tolist(), strict=True)
    shown = np.stack([coded(name, np.ascontiguousarray(pixels), told) for name, pixels, told in each])
    return torch.from_numpy(shown).to(lr.device).permute(0, 3, 1, 2).to(lr.dtype).contiguous() / 255


@_code_really.register_fake
def _(lr: Tensor, condition: Tensor, drawn: Tensor) -> Tensor:  # noqa: ARG001 - of the same signature
    return lr.new_empty(lr.shape)


def code_really(lr: Tensor, condition: Tensor) -> Tensor:
    """LR pictures `[B, 3, H, W]` in [0, 1] through an installed encoder each, drawn by torch's generator.

    `condition` `[B]`: how coarsely. Returns what decoders show; the gradient passes unchanged. Costs 1-6 ms a picture
    of 64x64 on a CPU core, and waits for a GPU.
    """
    drawn = torch.rand(len(lr), device=lr.device, dtype=torch.float32)
    real: Tensor = _code_really(lr.detach(), condition, drawn)
    return lr + (real - lr).detach()
