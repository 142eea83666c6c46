"""What the share of SSIMULACRA2 in the objective gives and costs: variants at equal time, by metrics of both kinds.

    python -m training.objectives --minutes 10                     # what is not there yet, then the table and the chart
    python -m training.objectives --minutes 1.6 --device cuda --batch 48 --crop 208

Networks begin with the weights of `--half-size` and `--full-size` where these are given. The first two metrics are what
was trained for, the other two nobody trained for.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from PIL import Image

from codec.networks import Engine
from codec.networks.on_torch import load
from codec.picture import Pixels
from codec.rescaler import Rescaler
from codec.ssimulacra2 import ssimulacra2
from eval.codecs import build
from eval.curves import bd_percent
from eval.metrics import gmsd_db, ms_ssim_db, psnr
from training.config import RECIPES, TrainConfig
from training.data import find_pictures
from training.export import load_run
from training.train import train
from training.validate import bpp_of, coded

PICTURES = ("kodim05", "kodim08", "kodim15", "kodim23")
QUALITIES = {1: (12, 20, 32, 48, 66, 82, 92), 2: (8, 14, 24, 40, 58, 75, 88, 95)}
METRICS = {"PSNR": psnr, "SSIMULACRA2": ssimulacra2, "MS-SSIM": ms_ssim_db, "GMSD": gmsd_db}
ANCHOR = "jpeg"

X1, X2 = RECIPES["sain-x1-lite"][1], RECIPES["sain-x2-lite"][1]
VARIANTS: dict[str, TrainConfig] = {
    **{f"scale 2, eye {share}": replace(X2, eye=share) for share in (0.0, 0.5, 0.75, 0.85, 0.9)},
    **{f"scale 1, eye {share}": replace(X1, eye=share) for share in (0.0, 0.5, 0.75, 0.9)},
    "scale 1, eye 0.75, no encoder": replace(X1, eye=0.75, model="sain-x1-modern"),
    "scale 1, eye 0.75, flat tables": replace(X1, eye=0.75, flat=True),
    "scale 1, eye 0.75, what viewers show 0.2": replace(X1, eye=0.75, shown=0.2),
}
"""By the name that the table gives them."""

Curve = npt.NDArray[np.float64]
"""`[1 + metrics, points]`: bits per pixel, then each of `METRICS`."""


def judged(size: int, photo: Pixels, restored: Pixels) -> list[float]:
    """Bits per pixel of a file of so many bytes, and `METRICS` of what it restores to."""
    return [bpp_of(size, photo), *(metric(photo, restored) for metric in METRICS.values())]


def curve_of(run: Path, photos: list[Pixels]) -> Curve:
    """Of a finished run's averaged weights, in bfloat16."""
    weights = load_run(run)
    rescaler = Rescaler(load(weights, Engine("cpu", None, "bfloat16")), weights.config, weights.tables)
    qualities = QUALITIES[rescaler.scale]
    points = [[judged(n, photo, x) for photo in photos for n, x, _ in [coded(rescaler, photo, q)]] for q in qualities]
    curve: Curve = np.array(points).mean(1).T
    return curve


def anchor_of(photos: list[Pixels]) -> Curve:
    """Of full-size JPEG."""
    codec, points = build(ANCHOR), []
    for quality in codec.qualities:
        files = [codec.encode(photo, quality) for photo in photos]
        shown = [codec.decode(f, (p.shape[1], p.shape[0])) for f, p in zip(files, photos, strict=True)]
        points.append([judged(len(f), p, s) for f, p, s in zip(files, photos, shown, strict=True)])
    curve: Curve = np.array(points).mean(1).T
    return curve


def gains(anchor: Curve, curve: Curve) -> list[float]:
    """BD-rate in percent by each of `METRICS`, over what both share."""
    return [bd_percent(anchor[[0, i]], curve[[0, i]]) for i in range(1, len(METRICS) + 1)]


def chart(rows: dict[str, list[float]], path: Path) -> None:
    """The Pareto chart: BD-rate by SSIMULACRA2 over that by PSNR; better is to the lower left."""
    figure, axes = plt.subplots(figsize=(7, 5))
    for name, values in rows.items():
        axes.scatter(values[0], values[1], marker="o" if "scale 2" in name else "s")
        axes.annotate(name, (values[0], values[1]), fontsize=7, xytext=(4, 3), textcoords="offset points")
    axes.set(xlabel="BD-rate by PSNR, % of JPEG", ylabel="BD-rate by SSIMULACRA2, % of JPEG")
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Train variants of the objective, each for the same time.")
    parser.add_argument("names", nargs="*", default=list(VARIANTS), help="default: all")
    parser.add_argument("--minutes", type=float, default=10.0, help="of training each")
    parser.add_argument("--out", type=Path, default=Path("runs/objectives"), help="folder of their runs")
    parser.add_argument("--photos", type=Path, default=Path("../shared/data/kodak"), help="folder with the Kodak PNGs")
    parser.add_argument("--half-size", type=Path, help="weights that scale 2 begins with: trained for squared error")
    parser.add_argument("--full-size", type=Path, help="weights that scale 1 begins with; none: from scratch")
    for flag, kind in (("device", str), ("batch", int), ("crop", int)):
        parser.add_argument(f"--{flag}", type=kind)
    args = parser.parse_args()
    given: dict[str, Any] = {k: v for k, v in vars(args).items() if k in ("device", "batch", "crop") and v}
    paths = [path for path in find_pictures([args.photos]) if path.stem in PICTURES]
    photos = [np.array(Image.open(path).convert("RGB")) for path in paths]
    anchor, rows = anchor_of(photos), {}
    for name in args.names:
        init = args.full_size if "scale 1" in name else args.half_size
        out = args.out / name.replace(" ", "-").replace(",", "")
        config = replace(VARIANTS[name], minutes=args.minutes, out=out, init=init, validation_pictures=0, **given)
        train(config)  # nothing left to do where it has reached its end
        rows[name] = gains(anchor, curve_of(out, photos))
        print(f"| {name} | " + " | ".join(f"{value:+.1f} %" for value in rows[name]) + " |", flush=True)
    chart(rows, args.out / "pareto.png")


if __name__ == "__main__":
    main()
