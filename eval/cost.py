"""What storing photos this way costs and saves: a sheet from measured figures and from prices that are inputs.

    python -m eval.cost measure ../shared/data/large --out results/cost.json
    python -m eval.cost sheet results/cost.json --out docs/cost.md

Every photo is stored as an ordinary pipeline would, a full-size JPEG (optimised, progressive) and a half-size preview,
and as `codec.encode(photo, psnr=…, scale="auto")` stores it at the JPEG's PSNR. Seconds are of one CPU core.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

import codec
from codec.models import registry
from eval.codecs import build
from eval.metrics import psnr
from eval.runner import load_picture

_Result = TypeVar("_Result")
SUFFIXES = {".jpg", ".jpeg", ".png", ".heic"}
JPEG = build("jpeg")
QUALITIES = (60, 75, 85)
"""Of the JPEGs that are compared with."""


@dataclass(frozen=True)
class Measured:
    """One photo at one quality."""

    picture: str
    pixels: int
    jpeg_quality: int
    psnr: float
    """Of the JPEG, dB; ours has no less."""
    jpeg_bytes: int
    preview_bytes: int
    """Of the half-size JPEG at the same quality."""
    our_bytes: int
    scale: int
    """That `scale="auto"` took."""
    encode_seconds: float
    """At a fixed quality, without the search for the PSNR."""
    decode_seconds: float


@dataclass(frozen=True)
class Prices:
    """Assumptions: list prices in dollars, and what is done with the photos in a year."""

    photos: float = 10e6
    megapixels: float = 12.0
    storage: float = 0.023
    """Of a gigabyte (1e9 bytes) for a month."""
    egress: float = 0.085
    """Of a gigabyte that leaves."""
    cpu: float = 0.045
    """Of one core for an hour."""
    previews: float = 20.0
    """How often the small picture of a photo is shown in a year."""
    fulls: float = 1.0
    """How often the full one is asked for in a year."""
    hits: float = 0.5
    """Share of those that a cache answers."""


def _timed(work: Callable[[], _Result]) -> tuple[_Result, float]:
    started = time.process_time()
    done = work()
    return done, time.process_time() - started


def measure(path: Path, quality: int) -> Measured:
    """One photo; raises `codec.CodecError` where nothing of ours reaches the JPEG's PSNR."""
    photo = load_picture(path)
    height, width = photo.shape[:2]
    jpeg = JPEG.encode(photo, quality)
    wanted = psnr(photo, JPEG.decode(jpeg, (width, height)))
    half = np.array(Image.fromarray(photo).resize((width // 2, height // 2), Image.Resampling.LANCZOS))
    ours = codec.encode(photo, psnr=wanted, scale="auto")
    header = codec.inspect(ours).header
    data, encoding = _timed(lambda: codec.encode(photo))
    _, decoding = _timed(lambda: codec.decode(data, to="numpy"))
    scale = round(header.full_size[0] / header.lr_size[0])
    preview = len(JPEG.encode(half, quality))
    return Measured(
        path.name, width * height, quality, wanted, len(jpeg), preview, len(ours), scale, encoding, decoding
    )


def per_photo(rows: list[Measured], megapixels: float) -> dict[str, float]:
    """Means of what is measured, for a photo of `megapixels`."""
    factor = [megapixels * 1e6 / row.pixels for row in rows]
    names = ("jpeg_bytes", "preview_bytes", "our_bytes", "encode_seconds", "decode_seconds")
    return {n: float(np.mean([getattr(r, n) * f for r, f in zip(rows, factor, strict=True)])) for n in names}


def yearly(photo: dict[str, float], prices: Prices) -> dict[str, tuple[float, float]]:
    """Dollars of the first year, as (ordinary, ours), by what they are paid for."""
    count, gigabyte, hour = prices.photos, 1e9, 3600
    # the full picture leaves as an ordinary one of the same quality, whoever keeps it
    fulls = prices.fulls * photo["jpeg_bytes"]
    small = photo["our_bytes"]
    return {
        "storage": (
            count * (photo["jpeg_bytes"] + photo["preview_bytes"]) / gigabyte * prices.storage * 12,
            count * small / gigabyte * prices.storage * 12,
        ),
        "traffic": (
            count * (prices.previews * photo["preview_bytes"] + fulls) / gigabyte * prices.egress,
            count * (prices.previews * small + fulls) / gigabyte * prices.egress,
        ),
        "encoding, once": (0.0, count * photo["encode_seconds"] / hour * prices.cpu),
        "decoding": (
            0.0,
            count * prices.fulls * (1 - prices.hits) * photo["decode_seconds"] / hour * prices.cpu,
        ),
    }


def sheet(rows: list[Measured], prices: Prices, model: str) -> str:
    """The page, in Markdown."""
    lines = [_HEAD.format(model=model, **{k: f"{v:,g}" for k, v in asdict(prices).items()})]
    lines += [
        "| JPEG quality | PSNR (dB) | JPEG | its preview | ours | of the JPEG | of both |",
        "|---|---|---|---|---|---|---|",
    ]
    qualities = sorted({row.jpeg_quality for row in rows})
    for quality in qualities:
        chosen = [row for row in rows if row.jpeg_quality == quality]
        photo = per_photo(chosen, prices.megapixels)
        jpeg, preview, ours = (photo[k] for k in ("jpeg_bytes", "preview_bytes", "our_bytes"))
        mean = np.mean([row.psnr for row in chosen])
        lines.append(
            f"| {quality} | {mean:.1f} | {jpeg / 1e3:,.0f} kB | {preview / 1e3:,.0f} kB | {ours / 1e3:,.0f} kB "
            f"| {ours / jpeg - 1:+.0%} | {ours / (jpeg + preview) - 1:+.0%} |"
        )
    for quality in qualities:
        lines += ["", *_costs([row for row in rows if row.jpeg_quality == quality], prices)]
    return "\n".join([*lines, "", "## What was measured", "", *_table(rows), ""])


_HEAD = """# What it costs, what it saves

Made by `python -m eval.cost` from measured figures (below) with `{model}`; the prices are assumptions, and flags of
that command: {photos} photos of {megapixels} megapixels, ${storage} for a gigabyte and month of storage, ${egress} for
a gigabyte of traffic, ${cpu} for an hour of one CPU core; in a year each photo is shown small {previews} times and
asked for in full size {fulls} times, a share of {hits} of them answered by a cache. The full picture is sent as an
ordinary JPEG of the same quality in either case, so its traffic is the same.

One photo, at equal PSNR:
"""


def _costs(rows: list[Measured], prices: Prices) -> list[str]:
    photo = per_photo(rows, prices.megapixels)
    costs = yearly(photo, prices)
    before, after = (sum(pair[i] for pair in costs.values()) for i in (0, 1))
    encoding, decoding = photo["encode_seconds"], photo["decode_seconds"]
    hours = prices.photos / 3600
    return [
        f"At the quality of JPEG {rows[0].jpeg_quality}, all photos, first year:",
        "",
        "| | JPEG and preview | ours | |",
        "|---|---|---|---|",
        *(f"| {name} | ${old:,.0f} | ${new:,.0f} | ${new - old:+,.0f} |" for name, (old, new) in costs.items()),
        f"| **sum** | **${before:,.0f}** | **${after:,.0f}** | **${after - before:+,.0f}** |",
        "",
        f"{hours * encoding:,.0f} core hours to encode all, {hours * decoding:,.0f} to decode all once "
        f"({encoding:.1f} s and {decoding:.1f} s a photo).",
    ]


def _table(rows: list[Measured]) -> list[str]:
    names = [field.name for field in fields(Measured)]

    def shown(value: Any) -> str:
        return f"{value:.2f}" if isinstance(value, float) else str(value)

    return [
        "| " + " | ".join(name.replace("_", " ") for name in names) + " |",
        "|" + "---|" * len(names),
        *("| " + " | ".join(shown(value) for value in asdict(row).values()) + " |" for row in rows),
    ]


def _measure(args: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    rows: list[Measured] = []
    photos = sorted(path for path in args.pictures.iterdir() if path.suffix.lower() in SUFFIXES)
    every = [(path, quality) for path in photos for quality in QUALITIES]
    for path, quality in tqdm(every, disable=None):
        try:
            rows.append(measure(path, quality))
        except codec.CodecError as error:
            print(f"{path.name} at {quality}: {error}", file=sys.stderr)
    result = {"model": registry.resolve(registry.DEFAULT), "rows": [asdict(row) for row in rows]}
    args.out.write_text(json.dumps(result, indent=1) + "\n")


def _sheet(args: argparse.Namespace) -> None:
    result = json.loads(args.results.read_text())
    prices = Prices(**{field.name: getattr(args, field.name) for field in fields(Prices)})
    args.out.write_text(sheet([Measured(**row) for row in result["rows"]], prices, result["model"]))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("measure", help="bytes and seconds of a folder's photos")
    command.add_argument("pictures", type=Path)
    command.add_argument("--out", type=Path, default=Path("results/cost.json"))
    command.set_defaults(run=_measure)
    command = commands.add_parser("sheet", help="the page, at these prices")
    command.add_argument("results", type=Path)
    command.add_argument("--out", type=Path, default=Path("docs/cost.md"))
    for field in fields(Prices):
        command.add_argument(f"--{field.name}", type=float, default=field.default, metavar="X")
    command.set_defaults(run=_sheet)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
