"""A summary as files: CompressAI's JSON, CSV by picture, and a drawing."""

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

from eval.metrics import SPANS
from eval.runner import Record


def file_name(name: str) -> str:
    """A codec's name as a file name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def write_compressai(summary: dict[str, Any], folder: Path) -> None:
    """One JSON per codec that `python -m compressai.utils.plot` draws unchanged: means, one entry per quality."""
    for codec in summary["codecs"]:
        curve = summary["curves"][codec["name"]]
        names = {"psnr": "psnr-rgb", "psnr_y": "psnr-y", "encode_s": "encoding_time", "decode_s": "decoding_time"}
        results = {names.get(key, key): [point[key] for point in curve] for key in curve[0]}
        if "ms_ssim_db" in results:
            results["ms-ssim-rgb"] = [1 - 10 ** (-value / 10) for value in results.pop("ms_ssim_db")]
        record = {"name": codec["name"], "description": codec["description"], "results": results}
        (folder / f"{file_name(codec['name'])}.json").write_text(json.dumps(record, indent=2) + "\n")


def write_csv(records: Sequence[Record], path: Path) -> None:
    """One line per codec, picture and quality."""
    columns = list(dict.fromkeys(key for record in records for key in record))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(records)


def draw(summary: dict[str, Any], published: dict[str, Any], path: Path, largest: float = 1.5) -> None:
    """Curves of all metrics with a BD-rate up to `largest` bpp, published ones dashed."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    shown = [m for m in summary["metrics"] if m["key"] in SPANS]
    figure, grid = plt.subplots(2, -(-len(shown) // 2), figsize=(12, 11), layout="constrained", squeeze=False)
    axes = grid.ravel()
    colors = mpl.colormaps["tab20"].colors  # type: ignore[attr-defined]
    for axis, metric in zip(axes, shown, strict=False):
        axis.set_prop_cycle(color=[*colors[::2], *colors[1::2]])
        for codec in summary["codecs"]:
            points = [p for p in summary["curves"][codec["name"]] if metric["key"] in p and p["bpp"] <= largest]
            width = 2.4 if codec["ours"] else 1.2
            axis.plot(
                [p["bpp"] for p in points],
                [p[metric["key"]] for p in points],
                "o-",
                ms=3,
                lw=width,
                label=codec["name"],
            )
        for name, curve in published.items():
            if metric["key"] in curve:
                points = [p for p in zip(curve["bpp"], curve[metric["key"]], strict=True) if p[0] <= largest]
                axis.plot(*zip(*points, strict=True), "--", lw=1, color="gray", label=f"{name} (published)")
        unit = f" ({metric['unit']})" if metric["unit"] else ""
        axis.set(xlabel="bits per pixel, whole file", ylabel=metric["label"] + unit)
        axis.grid(alpha=0.3)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=8)
    figure.savefig(path, dpi=100)
    plt.close(figure)
