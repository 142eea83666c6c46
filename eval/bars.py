"""What the default model is judged by, of a finished run on Kodak:

python -m eval run --dataset kodak --out results/kodak
python -m eval.bars results/kodak ../shared/data/kodak
"""

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from codec import rescaler
from codec.jpeg.tables import condition, scale_tables
from codec.models import registry
from codec.picture import Pixels
from eval.curves import Points, compare
from eval.metrics import psnr, ssim
from eval.runner import load_picture


def lr_fidelity(photo: Pixels, quality: int) -> tuple[float, float]:
    """PSNR and SSIM of the LR picture before compression to the antialiased bicubic one."""
    ours = rescaler.load(registry.DEFAULT)
    lr = ours.downscale(photo, condition(scale_tables(ours.tables, quality)[0]))
    size = ours.lr_size((photo.shape[1], photo.shape[0]))
    bicubic = np.array(Image.fromarray(photo).resize(size, Image.Resampling.BICUBIC))
    return psnr(bicubic, lr), ssim(bicubic, lr)


def gain_at_equal_bytes(ours: Points, peer: Points) -> float:
    """Decibels of one picture's point `ours` `[2]` over the peer's curve `[2, n]`, log-rate, held at its ends."""
    order = np.argsort(peer[0])
    return float(ours[1] - np.interp(np.log(ours[0]), np.log(peer[0][order]), peer[1][order]))


def _curve(points: list[dict[str, Any]], metric: str) -> Points:
    return np.array([[p["bpp"], p[metric]] for p in points]).T


OURS, SQUARED, BASE = registry.DEFAULT, "sain, tune psnr", "sain-x2-base"
BEST, TUNED = "sain, scale auto", "sain, scale auto, tune psnr"
"""The best scale for each picture, with the weights that are taken unless told otherwise, and with those for PSNR."""
ALL = (-math.inf, math.inf)
BARS: tuple[tuple[str, str, str, tuple[float, float], float], ...] = (
    # ours, the other, metric, range of quality, percent of bits to reach
    (BEST, "JPEG", "psnr", (26, 31), -36),
    (TUNED, "JPEG", "psnr", (26, 31), -45),
    (BEST, "JPEG", "psnr", (31, 40), -22),
    (TUNED, "JPEG", "psnr", (31, 40), -28),
    (BEST, "JPEG", "ssimulacra2", (30, 85), -36),
    (BEST, "JPEG", "ms_ssim_db", ALL, -40),
    (BEST, "JPEG", "gmsd_db", ALL, -30),
    ("sain, scale 1, as shown", "JPEG", "ssimulacra2", (30, 85), -18),
    (BEST, "mozjpeg", "ssimulacra2", (30, 85), -15),
    (BEST, "WebP", "ssimulacra2", (30, 80), -18),
    (BEST, "AVIF", "ssimulacra2", (30, 65), 5),
    (BEST, "Lanczos x2 + JPEG", "ssimulacra2", (30, math.inf), -30),  # as far as it reaches
    *((f"sain, scale 1, {name.lower()}", name, "ssimulacra2", (30, 85), -3) for name in ("WebP", "AVIF", "HEIF")),
    *((f"sain, scale 1, {name.lower()}, tune psnr", name, "psnr", (26, 40), -3) for name in ("WebP", "AVIF", "HEIF")),
    (OURS, f"{OURS}, SR only", "psnr", (26, 31), -15),
    (f"{OURS}, avif", "AVIF", "psnr", (-math.inf, 28.5), 0),
    (f"{OURS}, heif", "HEIF", "psnr", (-math.inf, 28.5), 0),
    (f"{OURS}, heif, compact header", "HEIF", "psnr", (-math.inf, 28.5), 0),
)
"""What the networks are judged by on Kodak's 24 pictures."""
VARIANTS = (OURS, f"{OURS}, compact header", f"{OURS}, effort 5", BASE, f"{BASE}, effort 5")
"""Beside these, held against JPEG without a bar."""
OTHERS = (("psnr", (26, 31)), ("ms_ssim_db", ALL), ("ssimulacra2", ALL))


class Difference(NamedTuple):
    """A BD-rate."""

    curves: tuple[str, str, str]
    """Ours, the other, and the metric."""
    span: tuple[float, float]
    """The range of the metric that is asked for."""
    low: float
    high: float
    """The part of it that both curves reach."""
    percent: float
    """nan where they share nothing."""
    bar: float | None
    """What is asked for."""

    def __str__(self) -> str:
        ours, other, metric = self.curves
        said = f"{ours} against {other}, {metric} {self.low:.1f}-{self.high:.1f}: BD-rate {self.percent:+.2f} %"
        if self.bar is None:
            return said
        return f"{said}, asked {self.bar:+g}: {'held' if self.percent <= self.bar else 'missed'}"


def difference(mean: dict[str, Any], ours: str, other: str, metric: str, span: tuple[float, float]) -> Difference:
    """Of two of a run's mean curves."""
    try:
        bd = compare(_curve(mean[other], metric), _curve(mean[ours], metric), *span)
    except ValueError:  # no range in common
        return Difference((ours, other, metric), span, *span, math.nan, None)
    return Difference((ours, other, metric), span, bd.low, bd.high, bd.percent, None)


def differences(mean: dict[str, Any]) -> Iterator[Difference]:
    """All that a run's mean curves hold; those with a bar first."""

    def has(name: str, metric: str) -> bool:
        return all(metric in point for point in mean.get(name, [{}]))

    for ours, other, metric, span, bar in BARS:
        if has(ours, metric) and has(other, metric):
            yield difference(mean, ours, other, metric, span)._replace(bar=bar)
    for ours in VARIANTS:
        for metric, span in OTHERS:
            if has(ours, metric) and has("JPEG", metric):
                yield difference(mean, ours, "JPEG", metric, span)


def bars(summary: dict[str, Any], folder: Path) -> dict[str, float]:
    """What the default model is held to on each picture; `folder` holds the run's pictures."""
    each = summary["per_picture"]
    lanczos = each["Lanczos x2 + JPEG"]
    at75 = {p: next(x for x in points if x["quality"] == 75) for p, points in each[SQUARED].items()}
    gains = [gain_at_equal_bytes(np.array([x["bpp"], x["psnr"]]), _curve(lanczos[p], "psnr")) for p, x in at75.items()]
    photos = [load_picture(path) for path in sorted(folder.glob("*.png"))]
    fidelity = np.mean([lr_fidelity(photo, 75) for photo in photos], 0)
    return {
        "PSNR over Lanczos x2 + JPEG at quality 75 and equal bytes, tune psnr (dB)": float(np.mean(gains)),
        "LR PSNR to bicubic at quality 75, before compression (dB)": float(fidelity[0]),
        "LR SSIM to bicubic at quality 75, before compression": float(fidelity[1]),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="The figures that the default model is judged by.")
    parser.add_argument("results", type=Path, help="folder of a run with ours, jpeg and lanczos-x2-jpeg")
    parser.add_argument("pictures", type=Path, help="the run's pictures")
    args = parser.parse_args()
    summary = json.loads((args.results / "summary.json").read_text())
    for found in differences(summary["curves"]):
        print(found)
    for ours, other, metric, span, bar in BARS:
        if not {ours, other} <= set(summary["curves"]):
            print(f"{ours} against {other}, {metric} {span[0]:g}-{span[1]:g}: not in this run, asked {bar:+g}")
    for name, value in bars(summary, args.pictures).items():
        print(f"{name}: {value:.4g}")


if __name__ == "__main__":
    main()
