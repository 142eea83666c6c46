"""Crops of several pictures at equal bits per pixel, ours beside what one would use instead: to be looked at.

python -m eval.crops ../shared/data/kodak --pictures kodim05 kodim08 --out docs/crops.png
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from codec.demo import busiest
from codec.picture import Pixels
from codec.ssimulacra2 import ssimulacra2
from eval.codecs import build
from eval.gallery import at_bytes
from eval.metrics import psnr

LABEL = 30
"""Pixels of a caption's height."""


def least_above(name: str, pixels: Pixels, size: int, scales: Sequence[str]) -> tuple[str, bytes]:
    """Our best file of at most about `size` bytes by SSIMULACRA2, over `scales`, and the scale's name."""
    tried = []
    for scale in scales:
        codec = build(f"{name}+{scale}")
        data = at_bytes(codec, pixels, size)
        shown = codec.decode(data, (pixels.shape[1], pixels.shape[0]))
        tried.append((len(data) <= 1.06 * size, ssimulacra2(pixels, shown), scale, data))
    _, _, scale, data = max(tried, key=lambda each: each[:2])
    return scale, data


def captioned(pixels: Pixels, text: str) -> Image.Image:
    """A crop with its caption below."""
    image = Image.new("RGB", (pixels.shape[1], pixels.shape[0] + LABEL), "white")
    image.paste(Image.fromarray(pixels))
    ImageDraw.Draw(image).multiline_text((4, pixels.shape[0] + 2), text, "black", spacing=2)
    return image


def row(pixels: Pixels, bpp: float, names: Sequence[str], side: int, zoom: int) -> list[Image.Image]:
    """The original, and every codec at `bpp`."""
    height, width = pixels.shape[:2]
    size, (top, left) = round(bpp * height * width / 8), busiest(pixels, side)

    def cut(picture: Pixels) -> Pixels:
        return picture[top : top + side, left : left + side].repeat(zoom, 0).repeat(zoom, 1)

    cells = [captioned(cut(pixels), f"original\n{bpp} bpp")]
    for name in names:
        label = name
        if name == "ours":
            scale, data = least_above(name, pixels, size, ("scale1", "scale2"))
            codec, label = build(f"{name}+{scale}"), f"ours, {scale}"
        else:
            codec = build(name)
            data = at_bytes(codec, pixels, size)
        shown = codec.decode(data, (width, height))
        rate, score = 8 * len(data) / (height * width), ssimulacra2(pixels, shown)
        text = f"{label} {rate:.2f} bpp\nSSIMULACRA2 {score:.0f}, {psnr(pixels, shown):.1f} dB"
        cells.append(captioned(cut(shown), text))
    return cells


def sheet(rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """All cells in a grid."""
    width, height = rows[0][0].size
    page = Image.new("RGB", (width * len(rows[0]), height * len(rows)), "white")
    for y, cells in enumerate(rows):
        for x, cell in enumerate(cells):
            page.paste(cell, (x * width, y * height))
    return page


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Crops at equal bits per pixel, as one picture.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", nargs="+", default=["kodim05", "kodim08"], help="names without suffix")
    parser.add_argument("--bpp", nargs="+", type=float, default=[0.35, 0.5, 1.0])
    parser.add_argument("--codecs", nargs="+", default=["ours", "jpeg", "mozjpeg", "webp", "avif"])
    parser.add_argument("--side", type=int, default=192, help="pixels a side of a crop")
    parser.add_argument("--zoom", type=int, default=2, help="times enlarged, by repetition")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    rows = []
    for name in options.pictures:
        pixels = np.array(Image.open(options.folder / f"{name}.png").convert("RGB"))
        rows += [row(pixels, bpp, options.codecs, options.side, options.zoom) for bpp in options.bpp]
    sheet(rows).save(options.out)


if __name__ == "__main__":
    main()
