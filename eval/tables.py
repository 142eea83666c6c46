"""The README's tables, of a finished run on Kodak: PSNR and SSIMULACRA2 side by side.

python -m eval run --dataset kodak --out results/kodak
python -m eval.tables results/kodak
"""

import argparse
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eval.bars import BEST, difference
from eval.curves import Points, quality_at
from eval.metrics import LABELS, SPANS
from eval.summary import ALL, OURS, REFERENCE

EQUALS = ("psnr", "ssimulacra2")
"""What networks are judged by alike."""
DIGITS = {"psnr": 2, "ssimulacra2": 1}
JUDGED = [(metric, span) for metric, spans in SPANS.items() for span in (spans or (ALL,))]
"""Metrics and ranges of the second and the third table."""


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *lines])


def _number(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}".replace("-", "−")


def _points(curve: Sequence[dict[str, Any]], metric: str) -> Points:
    return np.array([[point["bpp"], point[metric]] for point in curve]).T


def at_our_bytes(curves: dict[str, Any], ours: str) -> str:
    """A row for each of our qualities: PSNR in dB and SSIMULACRA2 of ours, and of the others at as many bytes.

    A dash stands where the other's curve does not reach.
    """
    others = [name for name in curves if not name.startswith(OURS)]
    rows = []
    for point in curves[ours]:
        own = ", ".join(_number(point[metric], DIGITS[metric]) for metric in EQUALS)
        values = [[quality_at(_points(curves[name], metric), point["bpp"]) for metric in EQUALS] for name in others]
        cells = [", ".join(map(_number, pair, DIGITS.values())) for pair in values]
        rows.append([f"{point['quality']}", f"{point['bpp']:.3f}", f"**{own}**", *cells])
    return _markdown(["quality", "bits per pixel", f"**{ours}**", *others], rows)


def _head() -> list[str]:
    spans = ("" if span == ALL else f" {span[0]:g}…{span[1]:g}" for _, span in JUDGED)
    return [LABELS[metric][0] + span for (metric, _), span in zip(JUDGED, spans, strict=True)]


def _percents(curves: dict[str, Any], ours: str, other: str) -> list[str]:
    """BD-rates over `JUDGED`; with the range that is compared where it is less than what is asked for."""
    cells = []
    for metric, span in JUDGED:
        if any(metric not in point for name in (ours, other) for point in curves[name]):
            cells.append("–")
            continue
        bd = difference(curves, ours, other, metric, span)
        short = span != ALL and (bd.low > span[0] + 1 or bd.high < span[1] - 1) and not math.isnan(bd.percent)
        percent = "–" if math.isnan(bd.percent) else f"{bd.percent:+.1f} %".replace("-", "−")
        cells.append(percent + (f" ({bd.low:.0f}…{bd.high:.0f})" if short else ""))
    return cells


def against(curves: dict[str, Any], other: str) -> str:
    """Bits of each of our codecs at equal quality, against another's; CPU seconds are means over our qualities."""
    rows = []
    for name in (name for name in curves if name.startswith(OURS)):
        seconds = ", ".join(f"{np.mean([p[key] for p in curves[name]]):.2f}" for key in ("encode_s", "decode_s"))
        rows.append([name, *_percents(curves, name, other), seconds])
    return _markdown([f"bits against {other}", *_head(), "seconds to encode, to decode"], rows)


def by_peer(curves: dict[str, Any], ours: str) -> str:
    """Bits of one of our codecs at equal quality, against each other one."""
    rows = ([name, *_percents(curves, ours, name)] for name in curves if not name.startswith(OURS))
    return _markdown([f"{ours}, bits against", *_head()], rows)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="The README's tables.")
    parser.add_argument("results", type=Path, help="folder of a run")
    parser.add_argument("--ours", default=BEST, help=f"the curve in the first and the third (default: {BEST})")
    args = parser.parse_args()
    curves = json.loads((args.results / "summary.json").read_text())["curves"]
    if not {args.ours, REFERENCE} <= set(curves):
        parser.error(f"{args.results} has no {args.ours} or no {REFERENCE}; it has: {'; '.join(curves)}")
    print(at_our_bytes(curves, args.ours), against(curves, REFERENCE), by_peer(curves, args.ours), sep="\n\n")


if __name__ == "__main__":
    main()
