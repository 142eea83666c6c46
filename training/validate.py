"""The validation curve: a fixed set of pictures through real files at a fixed list of qualities."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from bjontegaard import bd_rate
from PIL import Image

from codec import carriers
from codec.carriers import UNBOUND, Options
from codec.header import Header
from codec.jpeg.tables import STANDARD
from codec.networks.on_torch import TorchNetwork
from codec.picture import Picture, Pixels
from codec.rescaler import Rescaler
from eval.metrics import psnr, psnr_y
from training.data import find_pictures
from training.losses import Objective

QUALITIES = (10, 20, 35, 55, 75, 90)
JPEG_QUALITIES = (5, 8, 12, 18, 25, 35, 50, 65, 75, 85, 92)
Curve = npt.NDArray[np.float64]
"""`[columns, points]`: bpp, PSNR in dB, and for ours the LR picture's PSNR to the bicubic one."""


def bpp_of(size: int, photo: Pixels) -> float:
    """Bits per pixel of a file of so many bytes."""
    height, width = photo.shape[:2]
    return float(8 * size / (height * width))


def bd(anchor: Any, ours: Any) -> float:
    """Percent of bits that `ours` takes more at equal PSNR, over what both cover; each is bpp and PSNR, `[2, n]`."""
    return float(bd_rate(*anchor, *ours, method="pchip", require_matching_points=False, min_overlap=0))


def bicubic(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """The antialiased bicubic picture of `size` (width, height)."""
    return np.array(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


def coded(rescaler: Rescaler, photo: Pixels, quality: int) -> tuple[int, Pixels, Pixels]:
    """Bytes of the JPEG that `codec.encode` would write, header counted; the restored picture, and the LR one."""
    full = photo.shape[1], photo.shape[0]
    carrier, options = carriers.get("jpeg"), Options(quality, tables=rescaler.tables)
    told = carrier.condition(options)
    lr = rescaler.downscale(photo, told)
    header = Header("sain-xN-name-01234567", full, rescaler.lr_size(full), UNBOUND)
    data, _ = carrier.write(Picture(lr), header, options)
    return len(data), rescaler.upscale(carrier.reopened(data).picture().rgb, told, full), lr


class LosslessValidation:
    """Call it with an objective: PSNR-Y as the rescaling papers give it, with an LR picture of 8 bits and no codec."""

    def __init__(self, folder: Path, count: int) -> None:
        self.photos = [np.array(Image.open(p).convert("RGB")) for p in find_pictures([folder])[:count]]

    def __call__(self, objective: Objective) -> dict[str, Any]:
        config = objective.model.config
        rescaler = Rescaler(TorchNetwork(objective.model, objective.tables.device), config, STANDARD)
        means = np.mean([self._one(rescaler, photo) for photo in self.photos], 0)
        return dict(zip(("psnr_y", "lr_psnr"), means.round(3).tolist(), strict=True))

    @staticmethod
    def _one(rescaler: Rescaler, photo: Pixels) -> tuple[float, float]:
        s = rescaler.scale
        photo = photo[: photo.shape[0] // s * s, : photo.shape[1] // s * s]
        full = photo.shape[1], photo.shape[0]
        lr = rescaler.downscale(photo, 0.0)
        return psnr_y(photo, rescaler.upscale(lr, 0.0, full), s), psnr(lr, bicubic(photo, rescaler.lr_size(full)))


class Validation:
    """Call it with an objective: its weights' curve, header counted, and BD-rate against full-size JPEG."""

    def __init__(self, folder: Path, count: int) -> None:
        self.photos = [np.array(Image.open(p).convert("RGB")) for p in find_pictures([folder])[:count]]
        self.jpeg = self._mean([[self._plain(photo, q) for photo in self.photos] for q in JPEG_QUALITIES])

    @staticmethod
    def _mean(points: list[list[tuple[float, ...]]]) -> Curve:
        curve: Curve = np.array(points).mean(1).T
        return curve

    @staticmethod
    def _plain(photo: Pixels, quality: int) -> tuple[float, float]:
        out = io.BytesIO()
        Image.fromarray(photo).save(out, "JPEG", quality=quality, optimize=True, progressive=True)
        return bpp_of(out.tell(), photo), psnr(photo, np.array(Image.open(out)))

    @staticmethod
    def _ours(rescaler: Rescaler, photo: Pixels, quality: int) -> tuple[float, float, float]:
        size, restored, lr = coded(rescaler, photo, quality)
        faithful = psnr(lr, bicubic(photo, (lr.shape[1], lr.shape[0])))
        return bpp_of(size, photo), psnr(photo, restored), faithful

    def __call__(self, objective: Objective) -> dict[str, Any]:
        device = objective.tables.device
        network = TorchNetwork(objective.model, device, "bfloat16")
        rescaler = Rescaler(network, objective.model.config, objective.base_tables().cpu().numpy())
        curve = self._mean([[self._ours(rescaler, photo, q) for photo in self.photos] for q in QUALITIES])
        bpp, quality, faithful = curve.round(4).tolist()
        return {
            "quality": list(QUALITIES),
            "bpp": bpp,
            "psnr": quality,
            "lr_psnr": faithful,
            "bd_rate": round(bd(self.jpeg, curve[:2]), 2),
        }
