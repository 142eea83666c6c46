"""Distortion of a restored picture. All take and compare 8-bit pixels, `[H, W, 3]`."""

import io
import math

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from pytorch_msssim import ms_ssim
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from ssimulacra2 import compute_ssimulacra2

from codec.picture import Pixels

VERSION = 1
"""Part of every cached result's key: raise it when a metric changes."""
LABELS = {
    "psnr": ("PSNR RGB", "dB"),
    "psnr_y": ("PSNR-Y", "dB"),
    "ssim": ("SSIM", ""),
    "ms_ssim_db": ("MS-SSIM", "dB"),
    "ssimulacra2": ("SSIMULACRA2", ""),
}
"""Key -> label and unit; higher is better in all."""
MS_SSIM_SIDE = 161
"""Smallest side for five scales of an 11-pixel window."""


def psnr(original: Pixels, restored: Pixels) -> float:
    """RGB jointly, dB; 100 for equal pictures."""
    if np.array_equal(original, restored):
        return 100.0
    return float(peak_signal_noise_ratio(original, restored, data_range=255))


def luma(pixels: Pixels) -> npt.NDArray[np.float64]:
    """Y of BT.601 in studio range (16…235), unrounded, as the rescaling papers' MATLAB code computes it."""
    weighted: npt.NDArray[np.float64] = pixels.astype(np.float64) @ np.array([65.481, 128.553, 24.966]) / 255 + 16
    return weighted


def psnr_y(original: Pixels, restored: Pixels, border: int = 0) -> float:
    """PSNR of `luma`, without `border` pixels on each side (the papers cut `scale`)."""
    inner = slice(border, -border or None)
    error = float(np.mean((luma(original)[inner, inner] - luma(restored)[inner, inner]) ** 2))
    return 10 * math.log10(255**2 / error) if error else 100.0


def ssim(original: Pixels, restored: Pixels) -> float:
    """scikit-image's defaults (7x7 uniform window), mean over RGB; nan below 7 pixels a side."""
    if min(original.shape[:2]) < 7:
        return math.nan
    return float(structural_similarity(original, restored, channel_axis=2, data_range=255))


def ms_ssim_db(original: Pixels, restored: Pixels) -> float:
    """MS-SSIM over RGB as CompressAI draws it: -10 log10(1 - MS-SSIM); nan below `MS_SSIM_SIDE`."""
    if min(original.shape[:2]) < MS_SSIM_SIDE:
        return math.nan
    a, b = (torch.from_numpy(p.copy()).permute(2, 0, 1)[None].float() for p in (original, restored))
    return -10 * math.log10(max(1 - float(ms_ssim(a, b, data_range=255)), 1e-10))


def ssimulacra2(original: Pixels, restored: Pixels) -> float:
    """SSIMULACRA 2.1; 100 for equal pictures, 70 high quality, 30 low; nan below 8 pixels a side."""
    if min(original.shape[:2]) < 8:
        return math.nan
    files = [io.BytesIO(), io.BytesIO()]
    for file, pixels in zip(files, (original, restored), strict=True):
        Image.fromarray(pixels).save(file, "BMP")
    return float(compute_ssimulacra2(*files))


def all_of(original: Pixels, restored: Pixels, border: int = 0) -> dict[str, float]:
    """Every metric by its key in `LABELS`."""
    return {
        "psnr": psnr(original, restored),
        "psnr_y": psnr_y(original, restored, border),
        "ssim": ssim(original, restored),
        "ms_ssim_db": ms_ssim_db(original, restored),
        "ssimulacra2": ssimulacra2(original, restored),
    }


def lr_fidelity(original: Pixels, stored: Pixels) -> dict[str, float]:
    """How close the stored picture is to the antialiased bicubic one of its size."""
    size = stored.shape[1], stored.shape[0]
    bicubic = np.array(Image.fromarray(original).resize(size, Image.Resampling.BICUBIC))
    return {
        "lr_psnr": psnr(bicubic, stored),
        "lr_ssim": ssim(bicubic, stored),
        "lr_ssimulacra2": ssimulacra2(bicubic, stored),
    }
