"""Peak memory of encode and decode, in a process of its own: `python -m tests.memory 8192 6144`.

Prints seconds, and megabytes by which each step's peak grew over what a first, smaller picture had taken.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import codec
from codec.picture import Pixels
from eval.peak import peak
from tests.conftest import PICTURES, pixels_of

SMALL = (64, 64)
"""Loads all code; what a tile takes counts."""
FULL_TILES = (2400, 600)
"""Takes what the largest tiles of any picture of this height take: what counts is what grows with the picture."""


def picture(width: int, height: int) -> Pixels:
    """A detail of a photo over and over, made without a second copy."""
    detail, pixels = pixels_of(PICTURES / "kodim08-crop.png"), np.empty((height, width, 3), np.uint8)
    for y in range(0, height, detail.shape[0]):
        for x in range(0, width, detail.shape[1]):
            place = pixels[y : y + detail.shape[0], x : x + detail.shape[1]]
            place[...] = detail[: place.shape[0], : place.shape[1]]
    return pixels


def measure(size: tuple[int, int], first: tuple[int, int]) -> dict[str, float]:
    """Here and now: only a fresh process has no peak behind it."""
    small, pixels = codec.encode(picture(*first)), picture(*size)
    start, before = time.monotonic(), peak()
    data = codec.encode(pixels, max_pixels=size[0] * size[1])
    encoded, encode = time.monotonic(), peak() - before
    codec.decode(small, to="numpy")
    between = peak()
    codec.decode(data, max_pixels=size[0] * size[1])
    seconds = time.monotonic() - encoded
    result = {"encode": encode, "decode": peak() - between, "both": peak() - before}
    return {**result, "encode_seconds": encoded - start, "decode_seconds": seconds}


def grown(size: tuple[int, int], first: tuple[int, int] = SMALL, **environment: str) -> Any:
    """`measure` in a process of its own."""
    command = [sys.executable, "-m", "tests.memory", *map(str, size), "--first", *map(str, first)]
    root = Path(__file__).parents[1]
    run = subprocess.run(command, capture_output=True, check=True, cwd=root, env={**os.environ, **environment})
    return json.loads(run.stdout)


def measured(width: int, height: int) -> tuple[float, float]:
    """Megabytes that encode takes, and encode and decode one after the other."""
    result = grown((width, height))
    return result["encode"], result["both"]


def main() -> None:
    """Measure one size."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("width", type=int)
    parser.add_argument("height", type=int)
    parser.add_argument("--first", type=int, nargs=2, default=SMALL, help="size of the first picture")
    args = parser.parse_args()
    print(json.dumps(measure((args.width, args.height), tuple(args.first))))  # noqa: T201


if __name__ == "__main__":
    main()
