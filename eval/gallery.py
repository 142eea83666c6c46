"""The best, the median and the worst picture as crops, every version at equal bytes."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from codec.demo import at_least, busiest
from codec.picture import Pixels
from codec.ssimulacra2 import ssimulacra2
from eval.codecs import Codec, build
from eval.curves import quality_at
from eval.metrics import psnr
from eval.runner import Job

SIDE = 256
"""Pixels a side of a crop."""


def gains(summary: dict[str, Any], ours: str, anchor: str, quality: int) -> dict[str, float]:
    """Decibels by picture that our point at `quality` lies above the anchor's curve, where that curve reaches it."""
    result = {}
    for picture, points in summary["per_picture"][ours].items():
        point = next((p for p in points if p["quality"] == quality), None)
        other = summary["per_picture"].get(anchor, {}).get(picture)
        if point and other:
            curve = np.array([[p["bpp"] for p in other], [p["psnr"] for p in other]])
            gain = point["psnr"] - quality_at(curve, point["bpp"])
            if not np.isnan(gain):
                result[picture] = float(gain)
    return result


def at_bytes(codec: Codec, pixels: Pixels, size: int) -> bytes:
    """The codec's file of lowest quality that has at least `size` bytes."""
    return at_least(size, lambda quality: codec.encode(pixels, quality), highest=100)


def _png(pixels: Pixels, corner: tuple[int, int], side: int) -> str:
    out = io.BytesIO()
    top, left = corner
    Image.fromarray(pixels[top : top + side, left : left + side]).save(out, "PNG", optimize=True)
    return base64.b64encode(out.getvalue()).decode()


def crops(pixels: Pixels, ours: str, others: Sequence[str], quality: int) -> list[dict[str, Any]]:
    """Original, LR picture (enlarged by repetition), ours, and the others at no fewer bytes than ours."""
    codec, size = build(ours), (pixels.shape[1], pixels.shape[0])
    corner, side = busiest(pixels, SIDE), SIDE
    data = codec.encode(pixels, quality)
    stored = codec.stored(data)
    result: list[dict[str, Any]] = [
        {"label": "original", "png": _png(pixels, corner, side), "bytes": None, "psnr": None, "ssimulacra2": None}
    ]
    if stored is not None:
        large = np.array(Image.fromarray(stored).resize(size, Image.Resampling.NEAREST))
        label = "LR as stored, enlarged"
        entry = {"label": label, "png": _png(large, corner, side), "bytes": len(data)}
        result.append(entry | {"psnr": None, "ssimulacra2": None})
    for name in (ours, *others):
        one = build(name)
        file = data if name == ours else at_bytes(one, pixels, len(data))
        restored = one.decode(file, size)
        entry = {"label": one.name, "png": _png(restored, corner, side)}
        judged = {"psnr": psnr(pixels, restored), "ssimulacra2": ssimulacra2(pixels, restored)}
        result.append(entry | {"bytes": len(file)} | judged)
    return result


def gallery(
    summary: dict[str, Any], jobs: dict[str, Job], keys: Sequence[str], ours: str, quality: int
) -> list[dict[str, Any]]:
    """Three entries for the report, of `jobs`, one for each picture by its name.

    Fewer where there are fewer pictures, none without full-size JPEG beside ours.
    """
    anchor = build("jpeg").name
    ranked = sorted(gains(summary, build(ours).name, anchor, quality).items(), key=lambda item: item[1])
    if "jpeg" not in keys or not ranked:
        return []
    places = {"best": -1, "median": len(ranked) // 2, "worst": 0}
    others = [key for key in ("jpeg", "avif") if key in keys]
    chosen: dict[str, dict[str, Any]] = {}
    for rank, place in places.items():
        name, gain = ranked[place]
        if name not in chosen:
            shown = crops(jobs[name].original(), ours, others, quality)
            chosen[name] = {"picture": name, "rank": rank, "gain_db": gain, "crops": shown}
    return list(chosen.values())
