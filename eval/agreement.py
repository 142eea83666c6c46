"""How far our SSIMULACRA 2 is from the `ssimulacra2` package's, and how much faster.

    python -m eval.agreement ../shared/data/kodak

Whole pictures, each as a JPEG of qualities 10…95; CPU seconds of one thread.
"""

import argparse
import io
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from ssimulacra2 import compute_ssimulacra2
from tqdm import tqdm

from codec.picture import Pixels
from codec.ssimulacra2 import ssimulacra2
from eval.codecs.ordinary import load
from eval.runner import load_picture
from training.data import find_pictures

QUALITIES = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95)


def of_package(original: Pixels, picture: Pixels) -> float:
    """The package's score; it reads files."""
    files = [io.BytesIO(), io.BytesIO()]
    for file, pixels in zip(files, (original, picture), strict=True):
        Image.fromarray(pixels).save(file, "BMP")
    return float(compute_ssimulacra2(*files))


def compared(photo: Pixels, quality: int) -> tuple[float, float, float, float]:
    """Our score and the package's, our seconds and the package's."""
    out = io.BytesIO()
    Image.fromarray(photo).save(out, "JPEG", quality=quality)
    picture = load(out.getvalue())
    start = time.process_time()
    own = ssimulacra2(photo, picture)
    middle = time.process_time()
    other = of_package(photo, picture)
    return own, other, middle - start, time.process_time() - middle


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Our SSIMULACRA 2 beside the package's.")
    parser.add_argument("pictures", type=Path, help="folder")
    args = parser.parse_args()
    torch.set_num_threads(1)
    photos = [load_picture(path) for path in find_pictures([args.pictures])]
    compared(photos[0], QUALITIES[0])  # once without a clock
    rows = np.array([[compared(photo, quality) for quality in QUALITIES] for photo in tqdm(photos, disable=None)])
    apart = np.abs(rows[..., 0] - rows[..., 1])
    for quality, column in zip(QUALITIES, apart.T, strict=True):
        print(f"quality {quality}: apart by {column.mean():.4f} on average, by {column.max():.4f} at the most")
    own, package = rows[..., 2:].mean((0, 1))
    print(f"all {apart.size}: by {apart.max():.4f} at the most; {own:.3f} s, the package {package:.3f} s a picture")


if __name__ == "__main__":
    main()
