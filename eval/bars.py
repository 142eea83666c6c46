"""What the default model is judged by, of a finished run on Kodak:

python -m eval run --dataset kodak --out results/kodak
python -m eval.bars results/kodak ../shared/data/kodak
"""

import argparse
import json
from pathlib import Path
from typing import Any

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
    return np.array([[p["bpp"] for p in points], [p[metric] for p in points]])


def bars(summary: dict[str, Any], folder: Path) -> dict[str, float]:
    """Each bar's name and what was measured; `folder` holds the run's pictures."""
    mean, each, name = summary["curves"], summary["per_picture"], registry.DEFAULT
    anchor, lanczos = mean["JPEG"], each["Lanczos x2 + JPEG"]
    psnr_bd = compare(_curve(anchor, "psnr"), _curve(mean[name], "psnr"), 26, 31)
    ms_ssim_bd = compare(_curve(anchor, "ms_ssim_db"), _curve(mean[name], "ms_ssim_db"))
    at75 = {p: next(x for x in points if x["quality"] == 75) for p, points in each[name].items()}
    gains = [gain_at_equal_bytes(np.array([x["bpp"], x["psnr"]]), _curve(lanczos[p], "psnr")) for p, x in at75.items()]
    photos = [load_picture(path) for path in sorted(folder.glob("*.png"))]
    fidelity = np.mean([lr_fidelity(photo, 75) for photo in photos], 0)
    return {
        f"BD-rate to JPEG, PSNR {psnr_bd.low:.1f}-{psnr_bd.high:.1f} dB (%)": psnr_bd.percent,
        f"BD-rate to JPEG, MS-SSIM {ms_ssim_bd.low:.1f}-{ms_ssim_bd.high:.1f} dB (%)": ms_ssim_bd.percent,
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
    for name, value in bars(json.loads((args.results / "summary.json").read_text()), args.pictures).items():
        print(f"{name}: {value:.4g}")


if __name__ == "__main__":
    main()
