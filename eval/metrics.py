"""Distortion of a restored picture, and what curves say when they are compared."""

import math

import numpy as np
import numpy.typing as npt
import torch
from bjontegaard import bd_rate
from pytorch_msssim import ms_ssim
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from codec.picture import Pixels

Points = npt.NDArray[np.float64]


def psnr(original: Pixels, restored: Pixels) -> float:
    """RGB jointly, 8-bit, dB."""
    return float(peak_signal_noise_ratio(original, restored, data_range=255))


def ssim(original: Pixels, restored: Pixels) -> float:
    """scikit-image's defaults (7x7 uniform window), mean over RGB."""
    return float(structural_similarity(original, restored, channel_axis=2, data_range=255))


def ms_ssim_db(original: Pixels, restored: Pixels) -> float:
    """MS-SSIM over RGB as CompressAI draws it: -10 log10(1 - MS-SSIM). Sides above 160 pixels."""
    a, b = (torch.from_numpy(p).permute(2, 0, 1)[None].float() for p in (original, restored))
    value = float(ms_ssim(a, b, data_range=255))
    return -10 * math.log10(max(1 - value, 1e-10))


def bd_rate_between(anchor: Points, ours: Points, low: float = -math.inf, high: float = math.inf) -> tuple[float, ...]:
    """Bits saved (negative) or lost against `anchor` at equal distortion: (percent, from dB, to dB).

    Curves are `[2, n]`: bpp and dB. The mean runs over the range that both cover, cut to `low`…`high`; Akima
    interpolation of log-rate, never beyond the points.
    """
    low = max(low, anchor[1].min(), ours[1].min())
    high = min(high, anchor[1].max(), ours[1].max())
    cut = [_between(curve, low, high) for curve in (anchor, ours)]
    percent = bd_rate(*cut[0], *cut[1], method="akima", require_matching_points=False, min_overlap=0)
    return float(percent), low, high


def _between(curve: Points, low: float, high: float, points: int = 33) -> Points:
    """The curve at `points` distortions from `low` to `high`, log-rate interpolated between its own points."""
    from scipy.interpolate import Akima1DInterpolator

    order = np.argsort(curve[1])
    rate = Akima1DInterpolator(curve[1][order], np.log(curve[0][order]))
    at = np.linspace(low, high, points)
    return np.stack([np.exp(rate(at)), at])
