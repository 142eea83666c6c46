"""What the default model is judged by: its curve on Kodak beside full-size JPEG, and the LR picture's fidelity.

    python -m eval.bars ../shared/data/kodak --out docs/kodak

writes docs/kodak.json (every point, per picture) and docs/kodak.png (the curves), and prints the table. All bytes
of every file are counted. Full-size and half-size JPEGs are optimised and progressive.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image
from tqdm import tqdm

from codec import rescaler
from codec.jpeg.tables import condition, scale_tables
from codec.models import registry
from codec.picture import Pixels
from eval.codecs import Codec, FullSizeJPEG, HalfSizeJPEG, Ours
from eval.metrics import Points, bd_rate_between, ms_ssim_db, psnr, ssim

QUALITIES: dict[str, Sequence[int]] = {
    "sain-x2-lite": (5, 10, 20, 30, 40, 50, 60, 70, 75, 80, 90, 95),
    "JPEG": (3, 5, 7, 10, 14, 18, 23, 30, 40, 50, 60, 70, 80, 90, 95),
    "Lanczos x2 + JPEG": (5, 10, 20, 35, 50, 65, 80, 90, 95, 98, 100),
}
METRICS = ("bpp", "psnr", "ms_ssim_db")


def points_of(peer: Codec, photo: Pixels, quality: int) -> list[float]:
    """[bpp, PSNR in dB, MS-SSIM in dB] of one picture at one quality."""
    data = peer.encode(photo, quality)
    restored = peer.decode(data)
    bpp = 8 * len(data) / (photo.shape[0] * photo.shape[1])
    return [bpp, psnr(photo, restored), ms_ssim_db(photo, restored)]


def lr_fidelity(photo: Pixels, quality: int) -> list[float]:
    """[PSNR, SSIM] of the LR picture before compression to the antialiased bicubic one."""
    ours = rescaler.load(registry.DEFAULT)
    lr = ours.downscale(photo, condition(scale_tables(ours.tables, quality)[0]))
    size = ours.lr_size((photo.shape[1], photo.shape[0]))
    bicubic = np.array(Image.fromarray(photo).resize(size, Image.Resampling.BICUBIC))
    return [psnr(bicubic, lr), ssim(bicubic, lr)]


def gain_at_equal_bytes(ours: Points, peer: Points) -> float:
    """Decibels of one picture's point `ours` `[2]` over the peer's curve `[2, n]` (log-rate, held at its ends)."""
    order = np.argsort(peer[0])
    return float(ours[1] - np.interp(np.log(ours[0]), np.log(peer[0][order]), peer[1][order]))


def draw(curves: dict[str, Points], path: Path) -> None:
    """PSNR and MS-SSIM against bits per pixel."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    for axis, column, label in zip(axes, (1, 2), ("PSNR RGB (dB)", "MS-SSIM (dB)"), strict=True):
        for name, curve in curves.items():
            shown = curve[0] < 1.4
            axis.plot(curve[0][shown], curve[column][shown], "o-", ms=3.5, lw=1.4, label=name)
        axis.set(xlabel="bits per full-size pixel, whole file", ylabel=label)
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measure the default model's curve and bars.")
    parser.add_argument("pictures", type=Path, help="folder of PNG pictures")
    parser.add_argument("--out", type=Path, help="write OUT.json and OUT.png")
    arguments = parser.parse_args()
    paths = sorted(arguments.pictures.glob("*.png"))
    photos = [np.array(Image.open(path).convert("RGB")) for path in paths]
    peers: list[Codec] = [Ours(), FullSizeJPEG(), HalfSizeJPEG()]
    total = len(photos) * sum(map(len, QUALITIES.values()))
    with tqdm(total=total, disable=None, unit="file") as bar:

        def measured(peer: Codec, photo: Pixels, quality: int) -> list[float]:
            bar.update()
            return points_of(peer, photo, quality)

        # (pictures, qualities, metrics) each
        every = {p.name: np.array([[measured(p, x, q) for q in QUALITIES[p.name]] for x in photos]) for p in peers}
    curves = {name: values.mean(0).T for name, values in every.items()}
    ours, lanczos = every[peers[0].name], every[peers[2].name]
    at75 = QUALITIES["sain-x2-lite"].index(75)
    gains = [gain_at_equal_bytes(ours[i, at75, :2], lanczos[i, :, :2].T) for i in range(len(photos))]
    fidelity = np.mean([lr_fidelity(photo, 75) for photo in photos], 0)
    bd_psnr = bd_rate_between(curves["JPEG"][:2], curves["sain-x2-lite"][:2], 26, 31)
    bd_msssim = bd_rate_between(curves["JPEG"][[0, 2]], curves["sain-x2-lite"][[0, 2]])
    bars = {
        "model": registry.resolve("sain-x2-lite"),
        "pictures": len(photos),
        f"BD-rate to JPEG, PSNR {bd_psnr[1]:.1f}-{bd_psnr[2]:.1f} dB (%)": bd_psnr[0],
        f"BD-rate to JPEG, MS-SSIM {bd_msssim[1]:.1f}-{bd_msssim[2]:.1f} dB (%)": bd_msssim[0],
        "PSNR over Lanczos x2 + JPEG at quality 75 and equal bytes (dB)": float(np.mean(gains)),
        "LR PSNR to bicubic at quality 75 (dB)": float(fidelity[0]),
        "LR SSIM to bicubic at quality 75": float(fidelity[1]),
    }
    for name, curve in curves.items():
        print(f"\n{name}\nquality  " + "  ".join(METRICS))
        for quality, point in zip(QUALITIES[name], curve.T, strict=True):
            print(f"{quality:7d}  " + "  ".join(f"{value:.3f}" for value in point))
    print()
    for key, value in bars.items():
        print(f"{key}: {value:.4g}" if isinstance(value, float) else f"{key}: {value}")
    if arguments.out:
        record = {
            "bars": bars,
            "metrics": METRICS,
            "qualities": QUALITIES,
            "mean": {name: curve.T.round(4).tolist() for name, curve in curves.items()},
            "per_picture": {
                name: {path.stem: values[i].round(4).tolist() for i, path in enumerate(paths)}
                for name, values in every.items()
            },
        }
        arguments.out.with_suffix(".json").write_text(json.dumps(record) + "\n")
        draw(curves, arguments.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
