"""What curves say when they are compared: BD-rate and BD-quality over stated ranges, and how sure one may be."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from bjontegaard import bd_psnr, bd_rate
from scipy.integrate import trapezoid
from scipy.interpolate import PchipInterpolator

Points = npt.NDArray[np.float64]
"""`[2, n]`: bits per pixel, and a quality for which higher is better (dB, SSIMULACRA2)."""
RESAMPLES = 300
_OPTIONS = {"method": "pchip", "require_matching_points": False, "min_overlap": 0}


@dataclass(frozen=True)
class Comparison:
    """One curve against another."""

    percent: float
    """BD-rate: mean difference of bits at equal quality; negative saves."""
    quality: float
    """BD-quality: mean difference of quality at equal bits."""
    low: float
    high: float
    """The range of quality that both curves cover, over which `percent` is the mean."""


def _sorted(curve: Points) -> Points:
    """Ascending in rate and strictly in quality: points that a cheaper one beats are left out."""
    curve = curve[:, np.argsort(curve[0])]
    best = np.maximum.accumulate(np.concatenate([[-math.inf], curve[1][:-1]]))
    kept: Points = curve[:, curve[1] > best]
    return kept


def _cut(curve: Points, low: float, high: float, points: int = 49) -> Points:
    """The curve between two qualities, its log-rate interpolated between its own points."""
    at = np.linspace(low, high, points)
    return np.stack([np.exp(PchipInterpolator(curve[1], np.log(curve[0]))(at)), at])


def _overlap(anchor: Points, ours: Points, low: float, high: float) -> tuple[Points, Points, float, float]:
    """Both curves, sorted, and the range of quality that they share within `low`…`high`; raises ValueError."""
    anchor, ours = _sorted(anchor), _sorted(ours)
    if min(anchor.shape[1], ours.shape[1]) < 4:
        raise ValueError("a curve has fewer than four rising points")
    low = max(low, float(anchor[1].min()), float(ours[1].min()))
    high = min(high, float(anchor[1].max()), float(ours[1].max()))
    if not low < high:
        raise ValueError("the curves share no range of quality")
    return anchor, ours, low, high


def bd_percent(anchor: Points, ours: Points, low: float = -math.inf, high: float = math.inf) -> float:
    """BD-rate of `ours` against `anchor` (Bjøntegaard, VCEG-M33; piecewise cubic), never extrapolated.

    The range is what both cover, cut to `low`…`high`. Raises ValueError if that is empty or a curve has fewer than
    four points.
    """
    anchor, ours, low, high = _overlap(anchor, ours, low, high)
    return float(bd_rate(*_cut(anchor, low, high), *_cut(ours, low, high), **_OPTIONS))


def _quick_percent(anchor: Points, ours: Points, low: float, high: float) -> float:
    """`bd_percent` to 0.01 %, in half the time: the mean of the log-rates' difference by the trapezoidal rule."""
    anchor, ours, low, high = _overlap(anchor, ours, low, high)
    apart = np.log(_cut(ours, low, high)[0] / _cut(anchor, low, high)[0])
    return 100 * math.expm1(float(trapezoid(apart) / (len(apart) - 1)))


def compare(anchor: Points, ours: Points, low: float = -math.inf, high: float = math.inf) -> Comparison:
    """`bd_percent` with its range, and BD-quality over the shared range of rate (nan if there is none)."""
    percent = bd_percent(anchor, ours, low, high)
    anchor, ours, low, high = _overlap(anchor, ours, low, high)
    shares_rate = max(anchor[0].min(), ours[0].min()) < min(anchor[0].max(), ours[0].max())
    quality = bd_psnr(*anchor, *ours, **_OPTIONS) if shares_rate else math.nan
    return Comparison(percent, float(quality), low, high)


def interval(anchor: npt.NDArray[np.float64], ours: npt.NDArray[np.float64], low: float, high: float) -> list[float]:
    """95 % bootstrap interval of the BD-rate of mean curves, over which pictures the set happens to hold.

    `anchor`, `ours`: `[pictures, 2, n]`, the same pictures in the same order.
    """
    random = np.random.default_rng(0)
    percents = []
    for _ in range(RESAMPLES):
        drawn = random.integers(0, len(ours), len(ours))
        try:
            percents.append(_quick_percent(anchor[drawn].mean(0), ours[drawn].mean(0), low, high))
        except ValueError:  # this draw's mean curves do not overlap
            continue
    return [float(p) for p in np.percentile(percents, [2.5, 97.5])] if percents else [math.nan, math.nan]


def quality_at(curve: Points, bpp: float) -> float:
    """Quality of a curve at a rate, log-rate interpolated; nan outside the curve."""
    curve = _sorted(curve)
    if curve.shape[1] < 2 or not curve[0][0] <= bpp <= curve[0][-1]:
        return math.nan
    return float(PchipInterpolator(np.log(curve[0]), curve[1])(math.log(bpp)))
