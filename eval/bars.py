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


OURS, BASE = registry.DEFAULT, "sain-x2-base"
BARS: tuple[tuple[str, str, str, float, float, float], ...] = (
    # ours, the other, metric, range of quality, percent of bits to reach
    (OURS, "JPEG", "psnr", 26, 31, -50),
    (f"{OURS}, effort 5", "JPEG", "psnr", 26, 31, -55),
    (OURS, "WebP", "psnr", 26, 31, -15),
    (OURS, "AVIF", "psnr", 26, 31, 10),
    (f"{OURS}, effort 5", "AVIF", "psnr", 26, 31, 5),
    (OURS, "JPEG", "ms_ssim_db", -math.inf, math.inf, -42),
    (OURS, "JPEG", "ssimulacra2", -math.inf, math.inf, -35),
    (OURS, f"{OURS}, SR only", "psnr", 26, 31, -15),
    (f"{OURS}, avif", "AVIF", "psnr", -math.inf, 28.5, 0),
    (f"{OURS}, heif", "HEIF", "psnr", -math.inf, 28.5, 0),
    (f"{OURS}, heif, compact header", "HEIF", "psnr", -math.inf, 28.5, 0),
)
"""What the networks are judged by on Kodak's 24 pictures."""
VARIANTS = (OURS, f"{OURS}, compact header", f"{OURS}, effort 5", BASE, f"{BASE}, effort 5")


class Difference(NamedTuple):
    """A BD-rate."""

    curves: tuple[str, str, str]
    """Ours, the other, and the metric."""
    low: float
    high: float
    """The range of the metric."""
    percent: float
    bar: float | None
    """What is asked for."""


def differences(mean: dict[str, Any]) -> Iterator[Difference]:
    """All that a run's mean curves hold."""
    names = [(ours, other, *rest) for ours, other, *rest in BARS if {ours, other} <= set(mean)]
    asked = {tuple(name[:3]) for name in names}
    more = [
        (ours, "JPEG", metric, *span, None)
        for ours in VARIANTS
        for metric, *span in (
            ("psnr", 26, 31),
            ("ms_ssim_db", -math.inf, math.inf),
            ("ssimulacra2", -math.inf, math.inf),
        )
        if ours in mean and (ours, "JPEG", metric) not in asked
    ]
    for ours, other, metric, low, high, bar in (*names, *more):
        bd = compare(_curve(mean[other], metric), _curve(mean[ours], metric), low, high)
        yield Difference((ours, other, metric), bd.low, bd.high, bd.percent, bar)


def bars(summary: dict[str, Any], folder: Path) -> dict[str, float]:
    """What the default model is held to on each picture; `folder` holds the run's pictures."""
    each = summary["per_picture"]
    lanczos = each["Lanczos x2 + JPEG"]
    at75 = {p: next(x for x in points if x["quality"] == 75) for p, points in each[OURS].items()}
    gains = [gain_at_equal_bytes(np.array([x["bpp"], x["psnr"]]), _curve(lanczos[p], "psnr")) for p, x in at75.items()]
    photos = [load_picture(path) for path in sorted(folder.glob("*.png"))]
    fidelity = np.mean([lr_fidelity(photo, 75) for photo in photos], 0)
    return {
        "PSNR over Lanczos x2 + JPEG at quality 75 and equal bytes (dB)": float(np.mean(gains)),
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
    for (ours, other, metric), low, high, percent, bar in differences(summary["curves"]):
        asked = "" if bar is None else f", asked {bar:+g}"
        print(f"{ours} against {other}, {metric} {low:.1f}-{high:.1f}: BD-rate {percent:+.2f} %{asked}")
    for name, value in bars(summary, args.pictures).items():
        print(f"{name}: {value:.4g}")


if __name__ == "__main__":
    main()
