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
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

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
    """Assumptions: list prices in dollars."""

    photos: float = 10e6
    megapixels: float = 12.0
    storage: float = 0.023
    """Of a gigabyte (1e9 bytes) for a month."""
    egress: float = 0.085
    """Of a gigabyte that leaves."""
    cpu: float = 0.045
    """Of one core for an hour."""
    hits: float = 0.5
    """Share of requests for a full picture that a cache answers."""


class Use(NamedTuple):
    """What is done with a photo in a year, on average."""

    name: str
    previews: float
    """How often its small picture is sent."""
    fulls: float
    """How often the full one is."""
    restored_by: str
    """`"server"`, which sends an ordinary JPEG of the same quality, or `"browser"`, which is sent our file."""

    @classmethod
    def parse(cls, text: str) -> "Use":
        """`NAME:PREVIEWS:FULLS:server` or `…:browser`; raises ValueError."""
        name, previews, fulls, restored_by = text.split(":")
        if restored_by not in ("server", "browser"):
            raise ValueError(restored_by)
        return cls(name, float(previews), float(fulls), restored_by)


USES = (
    Use("archive", 0, 0.1, "server"),
    Use("gallery", 20, 1, "server"),
    Use("pages that show the full photo", 0, 20, "browser"),
)


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


def yearly(photo: dict[str, float], prices: Prices, use: Use) -> dict[str, tuple[float, float]]:
    """Dollars of the first year, as (JPEG and preview, ours), by what they are paid for."""
    gigabytes, hours = prices.photos / 1e9, prices.photos / 3600
    jpeg, preview, ours = (photo[name] for name in ("jpeg_bytes", "preview_bytes", "our_bytes"))
    at_server = use.restored_by == "server"
    decodings = use.fulls * (1 - prices.hits) if at_server else 0
    sent = use.previews * preview + use.fulls * jpeg, use.previews * ours + use.fulls * (jpeg if at_server else ours)
    stored, worked = gigabytes * prices.storage * 12, hours * prices.cpu
    return {
        "storage": (stored * (jpeg + preview), stored * ours),
        "traffic": (gigabytes * prices.egress * sent[0], gigabytes * prices.egress * sent[1]),
        "processors": (0.0, worked * (photo["encode_seconds"] + decodings * photo["decode_seconds"])),
    }


def sheet(rows: list[Measured], prices: Prices, uses: Sequence[Use], model: str) -> str:
    """The page, in Markdown."""
    lines = [_HEAD.format(model=model, **{k: f"{v:,.10g}" for k, v in asdict(prices).items()})]
    lines += [
        "| JPEG quality | PSNR (dB) | JPEG | its preview | ours | of the JPEG | of both |",
        "|---|---|---|---|---|---|---|",
    ]
    by_quality = {row.jpeg_quality: [r for r in rows if r.jpeg_quality == row.jpeg_quality] for row in rows}
    for quality, chosen in sorted(by_quality.items()):
        photo = per_photo(chosen, prices.megapixels)
        jpeg, preview, ours = (photo[k] for k in ("jpeg_bytes", "preview_bytes", "our_bytes"))
        mean = np.mean([row.psnr for row in chosen])
        lines.append(
            f"| {quality} | {mean:.1f} | {jpeg / 1e3:,.0f} kB | {preview / 1e3:,.0f} kB | {ours / 1e3:,.0f} kB "
            f"| {ours / jpeg - 1:+.0%} | {ours / (jpeg + preview) - 1:+.0%} |"
        )
    photo, hours = per_photo(rows, prices.megapixels), prices.photos / 3600
    encoding, decoding = photo["encode_seconds"], photo["decode_seconds"]
    lines += ["", _WORK.format(encoding, decoding, hours * encoding, hours * decoding), "", _YEAR, ""]
    lines += ["| | JPEG quality | storage | traffic | processors | all |", "|---|---|---|---|---|---|"]
    for use in uses:
        for quality, chosen in sorted(by_quality.items()):
            lines.append(f"| {_described(use)} | {quality} | {_costs(chosen, prices, use)} |")
    return "\n".join([*lines, "", "## What was measured", "", *_table(rows), ""])


_HEAD = """# What it costs, what it saves

Measured figures (below) of `{model}` times prices that are assumptions, and flags of `python -m eval.cost sheet`:
{photos} photos of {megapixels} megapixels, ${storage} for a gigabyte and month of storage, ${egress} for a gigabyte of
traffic, ${cpu} for an hour of one CPU core, a cache that answers {hits} of the requests for full pictures.

An ordinary pipeline stores a full-size JPEG (optimised, progressive) and a half-size preview of the same quality. Ours
stores one file that restores to the JPEG's PSNR, made by `codec.encode(photo, psnr=…, scale="auto")`. One photo:
"""
_WORK = """Photos of phones are soft: half their pixels reach a high PSNR, up to a point, beyond which `"auto"` stores a
full-size JPEG of its own. One core encodes a photo in {:.1f} s and decodes it in {:.1f} s (float32): {:,.0f} core hours
to encode all, {:,.0f} to decode all once."""
_YEAR = """## The first year

Each cell: JPEG and preview → ours. The small picture is our stored file itself, which has more bytes than a preview
made to be only that: where small pictures are most of what is sent, keep previews of your own, or this does not pay."""


def _described(use: Use) -> str:
    return f"{use.name}: {use.previews:g} small, {use.fulls:g} full, restored by the {use.restored_by}"


def _costs(rows: list[Measured], prices: Prices, use: Use) -> str:
    costs = yearly(per_photo(rows, prices.megapixels), prices, use)
    before, after = (sum(pair[i] for pair in costs.values()) for i in (0, 1))
    cells = [f"${old:,.0f} → ${new:,.0f}" for old, new in costs.values()]
    return " | ".join([*cells, f"**${before:,.0f} → ${after:,.0f}**"])


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
    rows = [Measured(**row) for row in result["rows"]]
    args.out.write_text(sheet(rows, prices, args.use or USES, result["model"]))


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
    command.add_argument("--use", type=Use.parse, action="append", help="NAME:PREVIEWS:FULLS:server|browser, a year")
    command.set_defaults(run=_sheet)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
