"""From jobs to a folder of results: measure, summarise, draw."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval import published
from eval.codecs import Codec
from eval.gallery import gallery
from eval.output import draw, write_compressai, write_csv
from eval.runner import Cache, Job, key_of, memory_of, run
from eval.summary import summarise

GALLERY_QUALITY = 50
"""Our quality nearest to this is what the gallery shows."""
DRAWN = ("VTM", "cheng2020-anchor")
"""The published curves in the drawing; the page has all."""


def fingerprint(jobs: Sequence[Job], memory: bool) -> str:
    """What a folder's results depend on."""
    return hashlib.sha256("".join([*map(key_of, jobs), str(memory)]).encode()).hexdigest()[:24]


def finished(folder: Path, mark: str) -> dict[str, Any] | None:
    """The summary of a folder if it has this fingerprint and no picture failed."""
    path = folder / "summary.json"
    summary: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    whole = summary.get("fingerprint") == mark and not any(m["picture"] for m in summary["missing"])
    return summary if whole else None


def evaluate(
    jobs: Sequence[Job], codecs: dict[str, Codec], out: Path, workers: int, memory: bool, about: dict[str, Any]
) -> dict[str, Any]:
    """Measure what `out` does not hold yet and write everything but the page; returns the summary.

    `codecs`: by their names in the jobs. `about` goes into the summary (dataset, command, missing codecs).
    """
    mark = fingerprint(jobs, memory)
    if (done := finished(out, mark)) is not None:
        return done
    out.mkdir(parents=True, exist_ok=True)
    records = run(jobs, Cache(out / "cache.jsonl"), workers)
    summary = summarise(records, list(codecs.values()), list(codecs), about["dataset"])
    summary |= {"command": about["command"], "fingerprint": mark, "missing": about["missing"] + summary["missing"]}
    if memory:
        peaks = memory_of(_middle(jobs, key) for key in codecs)
        by_name = {codecs[key].name: peak for key, peak in peaks.items()}
        summary["codecs"] = [codec | {"peak_mb": by_name.get(codec["name"])} for codec in summary["codecs"]]
    summary["published"] = published_curves(about["dataset"], len(summary["pictures"]))
    summary["gallery"] = _gallery(summary, jobs, list(codecs)) if "ours" in codecs else []
    write_csv(records, out / "results.csv")
    write_compressai(summary, out)
    draw(summary, {k: v for k, v in summary["published"].items() if k in DRAWN}, out / "curves.png")
    (out / "summary.json").write_text(json.dumps(summary) + "\n")  # last: it says that all is there
    return summary


def _middle(jobs: Sequence[Job], key: str) -> Job:
    """The first picture's job at the middle of a codec's qualities."""
    of_codec = [job for job in jobs if job.codec == key]
    first = [job for job in of_codec if job.picture == of_codec[0].picture]
    return first[len(first) // 2]


def _gallery(summary: dict[str, Any], jobs: Sequence[Job], keys: Sequence[str]) -> list[dict[str, Any]]:
    qualities = {job.quality for job in jobs if job.codec == "ours"}
    quality = min(qualities, key=lambda q: abs(q - GALLERY_QUALITY))
    return gallery(summary, {job.picture.stem: job for job in jobs}, keys, "ours", quality)


def published_curves(dataset: str, pictures: int) -> dict[str, Any]:
    """Published curves of a data set as the summary holds them, none for others or for a part of one."""
    if pictures != published.PICTURES.get(dataset, pictures):
        return {}
    try:
        curves = published.curves(dataset)
    except ValueError:
        return {}
    result = {}
    for name, curve in curves.items():
        entry: dict[str, Any] = {"source": curve.source, "bpp": list(curve.bpp), "psnr": list(curve.psnr)}
        if curve.ms_ssim is not None:
            entry["ms_ssim_db"] = curve.points("ms_ssim_db")[1].tolist()
        result[name] = entry
    return result
