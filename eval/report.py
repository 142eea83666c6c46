"""The report of an evaluation: one HTML file that needs nothing beside itself, not even a network."""

import html
import json
import math
import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent / "page"


def render(summary: dict[str, Any], gallery: list[dict[str, Any]]) -> str:
    """HTML of an evaluation, to be written as UTF-8. Everything measured rides along as JSON; its script draws it.

    `summary` holds

        dataset, command    strings
        pictures            [{name, width, height}], pixels
        codecs              [{name, identity, description, ours, peak_mb}], MB or None
        metrics             [{key, label, unit}], in the order of the columns
        curves              {codec: [point]}, means over all pictures
        per_picture         {codec: {picture: [point]}}
        bd                  [{anchor, codec, metric, span, bd_rate, bd_quality, low, high, interval, wins, pictures}]:
                            the range asked for or None for all, percent, metric's unit, the range compared, [from, to]
                            percent, pictures won; bd_rate None and a `reason` where curves do not overlap
        published           {codec: {source, bpp, *metric keys}}, lists of equal length
        missing             [{codec, picture, quality, reason}], picture and quality None for "all of them"

    where a point is {quality, bpp, *metric keys, encode_s, decode_s} and, where there is an LR picture, lr_psnr (dB),
    lr_ssim and lr_ssimulacra2. `gallery` holds [{picture, rank, gain_db, crops}], `rank` best, median or worst, and
    `crops` [{label, png, bytes, psnr, ssimulacra2}], the original first, all of one detail, PNGs in base64.
    Values that are not finite count as absent.
    """
    count = len(summary["pictures"])
    title = f"Rate and distortion: {summary['dataset']}, {count} picture{'s' * (count != 1)}"
    parts = {
        # File names may hold surrogates that UTF-8 cannot write; JSON escapes them by itself.
        "TITLE": html.escape(title.encode(errors="replace").decode()),
        "DATA": _script_json({"summary": summary, "gallery": gallery}),
        "STYLE": _part("report.css"),
        "SCRIPT": _part("report.js"),
    }
    # In one pass, so that data which looks like a placeholder stays data.
    return re.sub(r"@@(TITLE|DATA|STYLE|SCRIPT)@@", lambda match: parts[match[1]], _part("report.html"))


def _part(name: str) -> str:
    return (PAGE / name).read_text(encoding="utf-8")


def _script_json(value: Any) -> str:
    """ASCII JSON for a script element: without any `<`, no string can end the element or open a comment in it."""
    return json.dumps(_finite(value), allow_nan=False, default=float).replace("<", "\\u003c")


def _finite(value: Any) -> Any:
    """The same value with None for infinities and NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
