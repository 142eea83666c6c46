"""What the network must be told of a carrier's quality: `python -m eval.calibrate` writes `calibration.json`.

A carrier's condition at a quality is that of the JPEG (with the model's tables) whose mean squared luma error of the
LR picture is the same. Measured on the network's own LR pictures of training photos; in between, linear.
`--check FOLDER` writes nothing: it restores photos with the condition moved, and prints bits per pixel and PSNR:
would another condition do better?
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tyro
from PIL import Image
from tqdm import tqdm

from codec import carriers, rescaler
from codec.carriers import Carrier, Options
from codec.errors import CodecError
from codec.jpeg.tables import condition, scale_tables
from codec.models import registry
from codec.picture import Picture, Pixels, load_image, open_image
from eval.metrics import psnr
from training.data import find_pictures

OUT = Path(carriers.__file__).parent / "calibration.json"
QUALITIES = (1, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 95, 100)
MOVES = (-1.0, -0.5, 0, 0.5, 1.0, 1.5)
"""By which `--check` moves the condition."""
TRAINED = (95, 8)
"""Qualities between which the network was trained: beyond them it is told the nearer one."""


@dataclass(frozen=True)
class Arguments:
    """`python -m eval.calibrate`."""

    photos: Path = Path("../shared/data/train/ccbysa")
    count: int = 12
    """Photos to measure on, evenly taken from the folder."""
    model: str = registry.DEFAULT
    formats: tuple[str, ...] = tuple(name for name in carriers.carriers() if name != "jpeg")
    """Carriers to measure; others keep what the file has of them."""
    check: Path | None = None
    """Photos to check the table on, every sixth of the folder."""


def _luma(pixels: Pixels) -> npt.NDArray[np.float64]:
    luma: npt.NDArray[np.float64] = pixels.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    return luma


def noise(carrier: Carrier, pictures: Iterable[Pixels], options: Options) -> float:
    """Mean log of the luma error that a carrier leaves in `pictures`."""
    logs = []
    for pixels in pictures:
        img = open_image(carrier.save(Picture(pixels).to_pil(), options, {}))
        load_image(img)
        error = np.mean((_luma(np.array(img.convert("RGB"))) - _luma(pixels)) ** 2)
        logs.append(np.log(max(float(error), 1e-3)))
    return float(np.mean(logs))


def _smooth(values: list[float]) -> npt.NDArray[np.float64]:
    """Never rising: an encoder's lapses are no reason to tell the network of more noise at more quality."""
    return np.array(list(accumulate(values, min)))


def check(network: rescaler.Rescaler, photos: list[Pixels]) -> None:
    """Bits per pixel and PSNR around the table's conditions, for three formats at three qualities each."""
    for name, qualities in (("avif", (35, 60, 80)), ("heif", (30, 50, 70)), ("webp", (30, 60, 85))):
        carrier = carriers.get(name)
        for options in map(Options, qualities):
            told = [carrier.condition(options) + move for move in MOVES]
            points = np.array([[_point(network, carrier, photo, options, c) for photo in photos] for c in told]).mean(1)
            row = (f"{move:+.1f}: {bpp:.4f} {gain:.3f}" for move, (bpp, gain) in zip(MOVES, points, strict=True))
            print(f"{name} {options.quality}, condition {told[MOVES.index(0)]:.2f}  ", "  ".join(row))


def _point(
    network: rescaler.Rescaler, carrier: Carrier, photo: Pixels, options: Options, told: float
) -> tuple[float, float]:
    data = carrier.save(Picture(network.downscale(photo, told)).to_pil(), options, {})
    img = open_image(data)
    load_image(img)
    restored = network.upscale(np.array(img.convert("RGB")), told, (photo.shape[1], photo.shape[0]))
    return 8 * len(data) / photo[..., 0].size, psnr(photo, restored)


def main(args: Arguments) -> None:
    """Measure the carriers that are asked for and installed."""
    network = rescaler.load(args.model)
    if args.check:
        check(network, [np.array(Image.open(path).convert("RGB")) for path in find_pictures([args.check])[::6]])
        return
    paths = find_pictures([args.photos])
    photos = [np.array(Image.open(path).convert("RGB")) for path in paths[:: len(paths) // args.count][: args.count]]
    middle = condition(scale_tables(network.tables, 50)[0])
    pictures = [network.downscale(photo, middle) for photo in photos]

    trained = [condition(scale_tables(network.tables, quality)[0]) for quality in TRAINED]
    known = list(range(TRAINED[1], TRAINED[0] + 1))
    jpeg = carriers.get("jpeg")
    errors = _smooth([noise(jpeg, pictures, Options(q, tables=network.tables)) for q in tqdm(known, "jpeg")])
    conditions = np.array([condition(scale_tables(network.tables, q)[0]) for q in known])

    table = json.loads(OUT.read_text()) if OUT.exists() else {}
    for name in args.formats:
        carrier = carriers.get(name)
        try:
            carrier.check(Options(subsampling=carrier.subsamplings[0]))
        except CodecError as error:
            tqdm.write(f"{name} stays as it is: {error}")
            continue
        table[name] = {}
        for subsampling in carrier.subsamplings:
            options = [Options(q, subsampling) for q in (QUALITIES if carrier.lossy else QUALITIES[:1])]
            measured = _smooth([noise(carrier, pictures, o) for o in tqdm(options, f"{name} {subsampling}")])
            told = np.interp(measured, errors[::-1], conditions[::-1]).clip(*trained)
            table[name][subsampling] = {"quality": [o.quality for o in options], "condition": told.round(2).tolist()}
    OUT.write_text(_text(table))


def _text(table: dict[str, dict[str, object]]) -> str:
    """JSON with one line for each carrier and subsampling."""
    carriers = (
        f' "{name}": {{\n' + ",\n".join(f'  "{key}": {json.dumps(value)}' for key, value in each.items()) + "\n }"
        for name, each in table.items()
    )
    return "{\n" + ",\n".join(carriers) + "\n}\n"


if __name__ == "__main__":
    main(tyro.cli(Arguments))
