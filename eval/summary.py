"""A run's records as one summary: curves, comparisons, what is missing. Plain JSON, what the report is drawn from."""

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from eval.codecs import Codec
from eval.curves import bd_percent, compare, interval
from eval.metrics import LABELS, SPANS
from eval.runner import Record, mean_curve

ALL = (-math.inf, math.inf)
REFERENCE, OURS = "JPEG", "sain"
"""What everything is compared with, and how the names of our codecs begin."""


def _stack(records: Sequence[Record], pictures: Sequence[str], metric: str) -> npt.NDArray[np.float64] | None:
    """`[pictures, 2, qualities]` of one codec, None if anything is missing."""
    by_place = {(r["picture"], r["quality"]): r for r in records}
    qualities = sorted({r["quality"] for r in records})
    rows = [[by_place.get((p, q), {}) for q in qualities] for p in pictures]
    values = [[[r.get("bpp") for r in row], [r.get(metric) for r in row]] for row in rows]
    if any(value is None for row in values for line in row for value in line):
        return None
    return np.array(values, dtype=np.float64)


def bd_entry(
    anchor: npt.NDArray[np.float64] | None,
    ours: npt.NDArray[np.float64] | None,
    low: float = -math.inf,
    high: float = math.inf,
) -> dict[str, Any]:
    """One cell of the BD table; `bd_rate` is None, with the reason, where curves cannot be compared."""
    if anchor is None or ours is None:
        return {"bd_rate": None, "reason": "a value is missing"}
    try:
        mean = compare(anchor.mean(0), ours.mean(0), low, high)
    except ValueError as error:
        return {"bd_rate": None, "reason": str(error)}
    percents: list[float] = []
    for one, other in zip(anchor, ours, strict=True):
        with suppress(ValueError):  # one picture's curves may not overlap where the means do
            percents.append(bd_percent(one, other, low, high))
    return {
        "bd_rate": mean.percent,
        "bd_quality": None if math.isnan(mean.quality) else mean.quality,
        "low": mean.low,
        "high": mean.high,
        "interval": interval(anchor, ours, low, high),
        "wins": sum(p < 0 for p in percents),
        "pictures": len(percents),
        "spread": [float(p) for p in np.percentile(percents, [0, 25, 50, 75, 100])] if percents else None,
    }


def summarise(records: Sequence[Record], codecs: Sequence[Codec], keys: Sequence[str], dataset: str) -> dict[str, Any]:
    """The summary of `records`; `keys` are the codecs' names on the command line, in the order of `codecs`."""
    good = [r for r in records if "error" not in r]
    pictures = list(
        {r["picture"]: {"name": r["picture"], "width": r["width"], "height": r["height"]} for r in good}.values()
    )
    names = [p["name"] for p in pictures]
    by_codec = {c.name: [r for r in good if r["codec"] == key] for c, key in zip(codecs, keys, strict=True)}
    complete = {name: _complete(rows) for name, rows in by_codec.items() if rows}
    bd = []
    for anchor in complete:
        for name in complete:
            if not _worthwhile(anchor, name, complete):
                continue
            common = [p for p in names if p in complete[anchor]["pictures"] and p in complete[name]["pictures"]]
            for metric, spans in SPANS.items() if common else ():
                one, other = (_stack(complete[n]["records"], common, metric) for n in (anchor, name))
                for span in (None, *spans):
                    entry = {"anchor": anchor, "codec": name, "metric": metric, "span": span}
                    bd.append(entry | bd_entry(one, other, *(span or ALL)))
    return {
        "dataset": dataset,
        "pictures": pictures,
        "codecs": [
            {"name": c.name, "identity": c.identity, "description": c.description, "ours": c.name.startswith(OURS)}
            for c in codecs
            if c.name in complete
        ],
        "metrics": [{"key": key, "label": label, "unit": unit} for key, (label, unit) in LABELS.items()],
        "curves": {name: mean_curve(c["records"]) for name, c in complete.items()},
        "per_picture": {
            name: {p: [_point(r) for r in c["records"] if r["picture"] == p] for p in c["pictures"]}
            for name, c in complete.items()
        },
        "bd": bd,
        "missing": [
            {k: r[k] for k in ("codec", "picture", "quality")} | {"reason": r["error"]} for r in records if "error" in r
        ],
    }


def _worthwhile(anchor: str, name: str, names: Iterable[str]) -> bool:
    """Whether a comparison is made: of everything with JPEG, and of ours with the others and with our first."""
    first = next((n for n in names if n.startswith(OURS)), None)
    ours = name.startswith(OURS)
    return name != anchor and (anchor == REFERENCE or (ours and (not anchor.startswith(OURS) or anchor == first)))


def _complete(records: Sequence[Record]) -> dict[str, Any]:
    """The pictures that a codec coded at every quality, and their records: a mean over fewer would be another curve."""
    qualities = {r["quality"] for r in records}
    done: dict[str, set[int]] = {}
    for r in records:
        done.setdefault(r["picture"], set()).add(r["quality"])
    pictures = [p for p, q in done.items() if q == qualities]
    kept = sorted((r for r in records if r["picture"] in pictures), key=lambda r: r["quality"])
    return {"pictures": pictures, "records": kept}


def _point(record: Record) -> Record:
    return {k: v for k, v in record.items() if k not in ("codec", "picture", "width", "height")}
