"""What refinement's constants are worth: `python -m eval.refinement ../shared/data/kodak`.

For each variant, by how much rounds of refinement lower D + λR of the coefficients (estimated bits, no file), in
percent, mean over pictures and qualities.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import torch

from codec import refinement, rescaler
from codec.distortion import Distortion, windows
from codec.jpeg.coefficients import Coefficients
from codec.jpeg.huffman import Costs
from codec.jpeg.tables import condition, scale_tables
from codec.models import registry
from codec.networks import Engine
from codec.networks.on_torch import TorchNetwork
from codec.picture import Pixels
from codec.tradeoff import rate_weight
from eval.__main__ import find
from eval.runner import load_picture

QUALITIES = (24, 60)
ROUNDS = (2, 8, 32)
CROP = 384
VARIANTS = (
    # moves a block, caution at first, wariness
    (64, 1.0, 1.0),
    (64, 2.0, 1.0),
    (64, 1.5, 1.6),
    (6, 0.9, 1.25),
    (3, 0.9, 1.25),
    (2, 0.9, 1.25),
    (2, 0.9, 1.0),
    (1, 0.9, 1.25),
)


def _cost(start: Coefficients, now: Coefficients, distortion: Distortion, weight: float) -> float:
    (window,) = windows(start.size)
    luma, chroma = Costs(now.levels[:1]), Costs(now.levels[1:])
    bits = luma.total(now.levels[0]) + sum(chroma.total(plane) for plane in now.levels[1:])
    return distortion.value(now.levels, window) + weight * bits


def lowered(photo: Pixels, quality: int, rounds: int) -> float:
    """D + λR after refinement over that before, of a photo small enough for one window."""
    ours = rescaler.load(registry.DEFAULT, Engine(backend="torch"))
    network = cast(TorchNetwork, ours.network)
    tables = scale_tables(ours.tables, quality)
    told = condition(tables[0])
    start = Coefficients.of(ours.downscale(photo, told), tables, 2)
    weight, distortion = rate_weight(told, ours.scale), Distortion(network, photo, start, told)
    better = refinement.refine(network, photo, start, told, weight, rounds)
    return _cost(start, better, distortion, weight) / _cost(start, start, distortion, weight)


def table(photos: list[Pixels]) -> Iterator[tuple[tuple[int, float, float], list[float]]]:
    """Each variant, and the mean change in percent after `ROUNDS`."""
    for variant in VARIANTS:
        refinement.MOVES, refinement.CAUTION, refinement.WARIER = variant
        ratios = [[lowered(p, q, rounds) for p in photos for q in QUALITIES] for rounds in ROUNDS]
        yield variant, [100 * (float(np.mean(each)) - 1) for each in ratios]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Refinement with other constants, on corners of some pictures.")
    parser.add_argument("folder", type=Path, help="of pictures")
    parser.add_argument("--every", type=int, default=8, help="take every n-th picture (default: 8)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    photos = [load_picture(path)[:CROP, :CROP] for path in find(args.folder)[:: args.every]]
    print("moves caution warier | D + λR after rounds " + ", ".join(map(str, ROUNDS)))
    for (moves, caution, warier), changes in table(photos):
        print(f"{moves} {caution} {warier} | " + " ".join(f"{change:+.2f} %" for change in changes), flush=True)


if __name__ == "__main__":
    main()
