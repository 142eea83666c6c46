"""The systems beside SAIN at equal bytes: the table of `docs/family.md`.

    python -m eval.family sain-x2-lite irn-x2 … --out results/family.json

measures models by name (those of the folder that `SAIN_CODEC_WEIGHTS` names, too) through the public API. With the LR
picture as JPEG: bits, PSNR of RGB and of luma at a list of qualities on Kodak pictures, BD-rate against the first model
of the same scale. Without loss, as PNG: PSNR-Y on Set14 as the papers give it.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

import codec
from codec.files import write_whole
from codec.models import registry
from codec.models.description import describe
from codec.models.weights import read_weights
from codec.picture import Pixels
from eval import metrics
from eval.curves import bd_percent
from eval.kept import kept
from eval.runner import load_picture
from training.data import find_pictures

QUALITIES = (10, 20, 35, 55, 75, 90)
HEADER = (
    "| model | parameters | minutes | s/MP down, up | JPEG 20: bpp, PSNR, PSNR-Y | JPEG 75 | bits at equal PSNR "
    "| PNG: PSNR-Y, Set14 |",
    "|---|---|---|---|---|---|---|---|",
)


def _jpeg(model: str, photos: Sequence[Pixels]) -> list[dict[str, float]]:
    """A point per quality: bpp, PSNR, and PSNR-Y without the border that the papers cut; means over `photos`."""
    points, border = [], describe(registry.resolve(model)).scale
    for quality in QUALITIES:
        rows = []
        for photo in photos:
            data = codec.encode(photo, quality, model=model)
            restored = codec.decode(data, to="numpy")
            bpp = 8 * len(data) / photo[..., 0].size
            rows.append((bpp, metrics.psnr(photo, restored), metrics.psnr_y(photo, restored, border)))
        means = np.mean(rows, 0).round(4).tolist()
        points.append(dict(zip(("quality", "bpp", "psnr", "psnr_y"), (quality, *means), strict=True)))
    return points


def _lossless(model: str, paths: Sequence[Path]) -> float:
    """PSNR-Y in dB, mean over pictures cut to multiples of the scale; the LR picture is a PNG."""
    scale = describe(registry.resolve(model)).scale
    values = []
    for path in paths:
        photo = load_picture(path, scale)
        restored = codec.decode(codec.encode(photo, format="png", model=model), to="numpy")
        values.append(metrics.psnr_y(photo, restored, scale))
    return round(float(np.mean(values)), 3)


def _seconds(model: str, photo: Pixels) -> tuple[float, float]:
    """For a megapixel, of one thread's work: encoding and decoding a JPEG, the best of three after a first."""
    megapixels, times = photo[..., 0].size / 1e6, []
    for _ in range(4):
        start = time.thread_time()
        data = codec.encode(photo, 75, model=model)
        middle = time.thread_time()
        codec.decode(data)
        times.append((middle - start, time.thread_time() - middle))
    encode, decode = (min(column) / megapixels for column in zip(*times[1:], strict=True))
    return round(encode, 3), round(decode, 3)


def measure(model: str, kodak: Sequence[Path], set14: Sequence[Path]) -> dict[str, Any]:
    """A model's record."""
    photos = [load_picture(path) for path in kodak]
    weights = read_weights(registry.path_of(model))
    return {
        "model": registry.resolve(model),
        "scale": weights.config.scale,
        "parameters": sum(value.size for value in weights.tensors.values()),
        "minutes": weights.minutes,
        "seconds": _seconds(model, photos[0]),
        "jpeg": _jpeg(model, photos),
        "psnr_y_png": _lossless(model, set14),
    }


def table(records: Sequence[dict[str, Any]]) -> str:
    """Markdown, by scale; the bits are against those of the first record of the same scale."""
    lines, first = list(HEADER), dict[int, dict[str, Any]]()
    for record in sorted(records, key=lambda r: r["scale"]):
        anchor = first.setdefault(record["scale"], record)
        low, high = (next(_point(p) for p in record["jpeg"] if p["quality"] == q) for q in (20, 75))
        bits = "–" if record is anchor else _bits(anchor, record)
        down, up = record["seconds"]
        lines.append(
            f"| {record['model']} | {record['parameters']:,} | {record['minutes']} | {down:.2f}, {up:.2f} "
            f"| {low} | {high} | {bits} | {record['psnr_y_png']:.2f} |"
        )
    return "\n".join(lines)


def _point(point: dict[str, float]) -> str:
    return f"{point['bpp']:.3f}, {point['psnr']:.2f}, {point['psnr_y']:.2f}"


def _bits(anchor: dict[str, Any], ours: dict[str, Any]) -> str:
    """In percent over the PSNR that both reach."""
    one, other = (np.array([[p["bpp"], p["psnr"]] for p in record["jpeg"]]).T for record in (anchor, ours))
    if other[1].max() <= one[1].min():
        return f"never reaches {one[1].min():.1f} dB"
    if one[1].max() <= other[1].min():
        return f"never below {one[1].max():.1f} dB"
    try:
        return f"{bd_percent(one, other):+.0f} %"
    except ValueError as error:
        return str(error)


def main() -> None:
    """Command line: models that are in the file already are not measured again."""
    parser = argparse.ArgumentParser(description="Models side by side, through a JPEG and without loss.")
    parser.add_argument("models", nargs="+", help="by name; bits are against those of the first one of its scale")
    parser.add_argument("--kodak", type=Path, default=Path("../shared/data/kodak"), help="pictures for the JPEG")
    parser.add_argument("--set14", type=Path, default=Path("../shared/data/set14"), help="pictures for the PNG")
    parser.add_argument("--limit", type=int, default=6, help="how many of the first (default: 6)")
    parser.add_argument("--out", type=Path, default=Path("results/family.json"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    kodak, set14 = find_pictures([args.kodak])[: args.limit], find_pictures([args.set14])
    about = {"qualities": QUALITIES, "jpeg": [p.name for p in kodak], "png": [p.name for p in set14]}
    done = {record["model"]: record for record in kept(args.out, about)}
    for name in tqdm(args.models, unit="model", disable=None):
        model = registry.resolve(name)
        if model not in done:
            done[model] = measure(model, kodak, set14)
            text = json.dumps({"about": about, "results": list(done.values())}, indent=1)
            write_whole(args.out, text.encode() + b"\n", force=True)
    print(table([done[registry.resolve(name)] for name in args.models]))


if __name__ == "__main__":
    main()
