"""Distortion of a restored picture. All take and compare 8-bit pixels, `[H, W, 3]`; higher is better in all."""

import math

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from pytorch_msssim import ms_ssim
from scipy.ndimage import prewitt, uniform_filter
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from codec.picture import Pixels
from codec.ssimulacra2 import ssimulacra2

VERSION = 2
"""Part of every cached result's key: raise it when a metric changes."""
LABELS = {
    "psnr": ("PSNR RGB", "dB"),
    "ssimulacra2": ("SSIMULACRA2", ""),
    "ms_ssim_db": ("MS-SSIM", "dB"),
    "gmsd_db": ("GMSD", "dB"),
    "psnr_y": ("PSNR-Y", "dB"),
    "ssim": ("SSIM", ""),
}
"""Key -> label and unit, in the order of the report: the first two are what networks are trained for and judged by
alike, GMSD is what none was trained for."""
SPANS: dict[str, tuple[tuple[float, float], ...]] = {
    "psnr": ((26, 31), (31, 40)),
    "ssimulacra2": ((30, 85),),
    "ms_ssim_db": (),
    "gmsd_db": (),
}
"""Metrics with a BD-rate over all that both curves cover, and over these ranges: of poor and of good pictures (dB), and
from low quality to visually lossless. A gain in one of them alone is no gain."""
MS_SSIM_SIDE = 161
"""Smallest side for five scales of an 11-pixel window."""
GMSD_C = 170.0
"""What keeps GMSD's quotient stable, of gradients of 0…255."""


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


def _gradient(y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Magnitude of the Prewitt gradient, zeros beyond the borders."""
    magnitude: npt.NDArray[np.float64] = np.hypot(prewitt(y, 0, mode="constant"), prewitt(y, 1, mode="constant")) / 3
    return magnitude


def gmsd(original: Pixels, restored: Pixels) -> float:
    """Gradient magnitude similarity deviation of luma: 0 for equal pictures, about 0.1 where damage is plain.

    Xue, Zhang, Mou and Bovik, "Gradient Magnitude Similarity Deviation" (IEEE TIP 2014), as the authors' MATLAB code
    has it: luma in 0…255, means of 2x2 pixels, and a deviation over the picture, for people judge by the worst places.
    nan below 4 pixels a side.
    """
    if min(original.shape[:2]) < 4:
        return math.nan
    grey = (pixels.astype(np.float64) @ np.array([0.2989, 0.587, 0.114]) for pixels in (original, restored))
    one, other = (_gradient(uniform_filter(y, 2, mode="constant", origin=-1)[::2, ::2]) for y in grey)
    similarity = (2 * one * other + GMSD_C) / (one**2 + other**2 + GMSD_C)
    return float(np.std(similarity, ddof=1))


def gmsd_db(original: Pixels, restored: Pixels) -> float:
    """-20 log10(GMSD), so that curves rise; 100 for equal pictures."""
    return -20 * math.log10(max(gmsd(original, restored), 1e-5))


def all_of(original: Pixels, restored: Pixels, border: int = 0) -> dict[str, float]:
    """Every metric by its key in `LABELS`."""
    return {
        "psnr": psnr(original, restored),
        "ssimulacra2": ssimulacra2(original, restored),
        "ms_ssim_db": ms_ssim_db(original, restored),
        "gmsd_db": gmsd_db(original, restored),
        "psnr_y": psnr_y(original, restored, border),
        "ssim": ssim(original, restored),
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
