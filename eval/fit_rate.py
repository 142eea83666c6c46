"""Fit the constants of `codec.jpeg.rate` to real files.

    python -m eval.fit_rate ../shared/data/kodak

Every second picture, at full and half size, with standard and flat tables, at eight qualities: least squares of the
relative error of  LUMA_BITS * S_luma + CHROMA_BITS * S_chroma + FILE_BITS,  S being `log_square_sum`.
"""

import argparse
import io
from itertools import product
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image
from scipy.optimize import nnls
from tqdm import tqdm

from codec.jpeg import rate, simulator
from codec.jpeg.tables import STANDARD, Table, scale_tables

QUALITIES = (5, 10, 20, 35, 50, 75, 90, 95)
FLAT = np.stack([np.full((8, 8), 16), np.full((8, 8), 20)])


def features(img: Image.Image, tables: Table) -> tuple[list[float], int]:
    """[S_luma, S_chroma, 1] of a picture, and the bits of the real file."""
    out = io.BytesIO()
    listed = tables.reshape(-1, 64).tolist()
    img.save(out, "JPEG", qtables=listed, subsampling="4:2:0", optimize=True, progressive=True)
    sums = [0.0, 0.0]

    def collect(levels: torch.Tensor, chroma: bool) -> torch.Tensor:
        sums[chroma] += float(rate.log_square_sum(levels).sum())
        return levels.new_zeros(len(levels))

    x = torch.from_numpy(np.array(img)).permute(2, 0, 1)[None].float() / 255
    with patch("codec.jpeg.simulator.estimate_bits", collect):
        simulator.simulate(x, torch.from_numpy(tables)[None].float())
    return [*sums, 1.0], 8 * out.tell()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Fit the rate estimate to real JPEG files.")
    parser.add_argument("pictures", type=Path, help="folder of PNG pictures")
    rows, bits = [], []
    for path in tqdm(sorted(parser.parse_args().pictures.glob("*.png"))[::2], disable=None):
        full = Image.open(path).convert("RGB")
        for img, base, quality in product((full, full.reduce(2)), (STANDARD, FLAT), QUALITIES):
            row, size = features(img, scale_tables(base, quality))
            rows.append(row)
            bits.append(size)
    relative = np.array(rows) / np.array(bits)[:, None]
    (luma, chroma, file), _ = nnls(relative, np.ones(len(bits)))
    error = relative @ [luma, chroma, file] - 1
    print(f"LUMA_BITS, CHROMA_BITS = {luma:.2f}, {chroma:.2f}   FILE_BITS = {file:.0f}")
    print(f"relative error: rms {np.sqrt((error**2).mean()):.3f}, mean {error.mean():+.3f}")


if __name__ == "__main__":
    main()
