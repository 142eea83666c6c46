"""How far `scale="auto"` is from the best of all models, each tried on the whole picture, and what it costs.

python -m eval.auto ../shared/data/kodak/*.png --tune psnr
python -m eval.auto ../shared/data/large/canon-5d.jpg --wish psnr=36 --cost-only

Regret is in percent of what the best model comes to: D + λ R at a quality; the distortion of the tuning (the squared
error, or SSIMULACRA2's raw sum) at equal bytes; bytes at equal PSNR. Cost is CPU time, and pixels that networks took or
gave, over those of encoding with the chosen model alone.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, get_args
from unittest.mock import patch

import numpy as np
from tqdm import tqdm

import codec
from codec import scaling
from codec.carriers.base import Options
from codec.encoding import Encoder, Job
from codec.hull import Distortion, Tryout
from codec.models import registry
from codec.models.choice import Tune
from codec.picture import Picture, Pixels
from codec.rescaler import Rescaler
from codec.wish import Wish
from eval.runner import load_picture

WISHES = ("quality=60", "bpp=0.4", "bpp=1", "psnr=34")


class Spent(NamedTuple):
    """On a file."""

    data: bytes
    seconds: float
    """Of CPU time."""
    pixels: int
    """Of full size, by networks, down and up."""


class Row(NamedTuple):
    """What `scale="auto"` came to on one picture."""

    regret: float
    """Percent."""
    seconds: float
    """Over those of the chosen model alone."""
    pixels: float
    """The same of network pixels."""


@contextmanager
def counted() -> Iterator[list[int]]:
    """Lists the full-size pixels of every network pass."""
    passes, down, up = list[int](), Rescaler.downscale, Rescaler.upscale

    def downscale(self: Rescaler, pixels: Pixels, *args: Any, **options: Any) -> Pixels:
        passes.append(pixels.shape[0] * pixels.shape[1])
        return down(self, pixels, *args, **options)

    def upscale(self: Rescaler, lr: Pixels, condition: float, full: tuple[int, int], **options: Any) -> Pixels:
        passes.append(full[0] * full[1])
        return up(self, lr, condition, full, **options)

    with patch.multiple(Rescaler, downscale=downscale, upscale=upscale):
        yield passes


def spent(photo: Pixels, asked: dict[str, Any], **options: Any) -> Spent:
    """What a file takes."""
    with counted() as passes:
        start = time.process_time()
        data = codec.encode(photo, **asked, **options)
        return Spent(data, time.process_time() - start, sum(passes))


def regret(photo: Pixels, data: bytes, asked: dict[str, Any], tune: Tune) -> tuple[float, str]:
    """In percent, of a file that `scale="auto"` made; and the best model."""
    distortion = Distortion(photo, tune)
    costs = {}
    for model in scaling.models_of("auto", None, tune):
        tryout = Tryout(Picture(photo), Job("jpeg", Options()), Wish.of(**asked), distortion, sampled=False)
        trial = tryout.ranked((model,))[0]
        costs[registry.resolve(model)] = float("inf") if trial.lacking else trial.cost
    best = min(costs, key=lambda model: costs[model])
    if "psnr" in asked:
        reached = float(len(data))
    elif "bpp" in asked:
        reached = distortion.of(codec.decode(data, to="numpy"))
    else:
        usual = Encoder(photo, Job("jpeg", Options(), model=registry.DEFAULT))
        weight = tryout.weight(usual)
        reached = distortion.priced(codec.decode(data, to="numpy")) + weight * 8 * len(data) * 3 / photo.size
    return 100 * (reached / costs[best] - 1), best


def row(path: Path, wish: str, tune: Tune, whole: bool) -> Row:
    """Of a picture and a wish, printed as Markdown; `whole`: whether to try every model on the whole picture."""
    photo, (name, _, value) = load_picture(path), wish.partition("=")
    asked = {name: int(value) if name == "quality" else float(value)}
    ours = spent(photo, asked, scale="auto", tune=tune)
    model = codec.inspect(ours.data).header.model
    alone = spent(photo, asked, model=model)
    lost, best = regret(photo, ours.data, asked, tune) if whole else (np.nan, "-")
    result = Row(lost, ours.seconds / alone.seconds, ours.pixels / alone.pixels if alone.pixels else np.nan)
    cost = f"{ours.seconds:.2f} | {alone.seconds:.2f} | {result.pixels:.2f}"
    print(f"| {path.stem} | {wish} | {model} | {best} | {lost:+.2f} | {cost} |", flush=True)
    return result


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description='How far scale="auto" is from the best model, and what it costs.')
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--tune", choices=get_args(Tune), default="eye")
    parser.add_argument("--wish", action="append", help="quality=60, bpp=0.4, psnr=36; may be repeated")
    parser.add_argument("--cost-only", action="store_true", help="do not try every model on the whole picture")
    given = parser.parse_args()
    codec.encode(np.zeros((64, 64, 3), np.uint8), scale="auto", tune=given.tune)  # loads the networks
    found = defaultdict[str, list[Row]](list)
    print("| picture | wish | chosen | best | regret, % | s | alone, s | network pixels |")
    print("|---|---|---|---|---|---|---|---|")
    for path in tqdm(given.pictures, unit="picture", disable=None):
        for wish in given.wish or WISHES:
            found[wish].append(row(path, wish, given.tune, not given.cost_only))
    print("\n| wish | regret, mean, % | worst, % | time, mean | network pixels, mean |\n|---|---|---|---|---|")
    for wish, rows in found.items():
        (lost, seconds, pixels), worst = np.mean(rows, 0), max(row.regret for row in rows)
        print(f"| {wish} | {lost:+.2f} | {worst:+.2f} | {seconds:.2f} | {pixels:.2f} |")


if __name__ == "__main__":
    main()
