"""What HCD's two steps give, without a codec and with one: `python -m eval.hcd ../shared/data/kodak --limit 6`.

Centre crops. First the share of each step, for a PNG and for a JPEG of quality 75; then what is left of both at
equal bytes behind every lossy format: BD-rates over four qualities. Every result is kept in `--out` as soon as it is
there; the same command goes on where it was stopped.
"""

import argparse
import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import torch
from tqdm import tqdm

from codec import rescaler
from codec.carriers.base import Options
from codec.coded import CodedPatch
from codec.encoding import Detached, Encoder, Job, mean_square
from codec.fidelity import decibels
from codec.files import write_whole
from codec.hcd import ITERATIONS, Iterations, Patch, Start, collaborative
from codec.models import registry
from codec.networks import Engine
from codec.networks.on_torch import TorchNetwork
from codec.picture import Pixels
from eval.__main__ import find
from eval.curves import bd_percent
from eval.kept import kept
from eval.runner import load_picture

EFFORT = 5
_EACH = ITERATIONS[EFFORT]
STEPS = {"step 1": (_EACH, 0), "step 2": (0, _EACH), "both": (_EACH, _EACH)}
"""Iterations of each step, the format unknown to both."""
NONE, LOOP, REFINED = "none", "both, the format in the loop", f"effort {EFFORT}"
SHARES = {("png", 75): (NONE, *STEPS), ("jpeg", 75): (NONE, *STEPS, LOOP, REFINED)}
QUALITIES = {"jpeg": (24, 50, 75, 90), "webp": (10, 40, 70, 90), "avif": (25, 45, 62, 80), "heif": (20, 35, 50, 65)}
"""From some 25 dB to 31."""


class Case(NamedTuple):
    """One result to be had."""

    picture: str
    format: str
    quality: int
    variant: str


def cases(pictures: list[str], rated: int) -> Iterator[Case]:
    """All of them; BD-rates are those of the first `rated` pictures."""
    for name in pictures:
        for (form, quality), variants in SHARES.items():
            yield from (Case(name, form, quality, variant) for variant in variants)
    for name in pictures[:rated]:
        for form, qualities in QUALITIES.items():
            for quality in qualities:
                variants = (NONE, "both", LOOP, *([REFINED] if form == "jpeg" else []))
                yield from (Case(name, form, quality, variant) for variant in variants)


def _file(encoder: Encoder, case: Case, network: TorchNetwork) -> Detached:
    lr = encoder.downscaled(case.quality)
    if case.variant == REFINED:
        return encoder.refined(lr, case.quality)
    if case.variant != NONE:
        coded = partial(CodedPatch, code=partial(encoder.coded, case.quality))
        patch = coded if case.variant == LOOP else Patch
        iterations = Iterations(*STEPS.get(case.variant, STEPS["both"]))
        start = Start(network, encoder.pixels, lr, encoder.condition(case.quality))
        lr = collaborative(start, iterations, patch=patch)
    return encoder.written(lr, case.quality)


def measure(photo: Pixels, case: Case) -> dict[str, float]:
    """PSNR (RGB, dB) of what is restored, bytes of the whole file, CPU seconds that it took to make."""
    network = cast(TorchNetwork, rescaler.load(registry.DEFAULT, Engine(backend="torch")).network)
    effort = EFFORT if case.variant == REFINED else 0
    encoder = Encoder(photo, Job(case.format, Options(form="compact"), effort=effort))
    started = time.process_time()
    file = _file(encoder, case, network)
    seconds = time.process_time() - started
    psnr = decibels(mean_square(encoder.restored(file), photo))
    return {"psnr": round(psnr, 4), "bytes": len(file.data), "seconds": round(seconds, 2)}


Results = dict[Case, dict[str, float]]


def shares(results: Results) -> str:
    """Markdown: means over all pictures, and gains over no HCD."""
    lines = ["| LR picture | HCD | PSNR (dB) | gain | bytes | CPU seconds |", "|---|---|---|---|---|---|"]
    for (form, quality), variants in SHARES.items():
        pictures = sorted({c.picture for c in results if (c.format, c.quality) == (form, quality)})
        mean = {
            variant: {
                key: np.mean([results[Case(name, form, quality, variant)][key] for name in pictures])
                for key in ("psnr", "bytes", "seconds")
            }
            for variant in variants
        }
        for variant, m in mean.items():
            gain, more = m["psnr"] - mean[NONE]["psnr"], 100 * (m["bytes"] / mean[NONE]["bytes"] - 1)
            lines.append(
                f"| {form if form == 'png' else f'{form} {quality}'} | {variant} | {m['psnr']:.2f} | {gain:+.2f} "
                f"| {m['bytes']:.0f} ({more:+.1f} %) | {m['seconds']:.1f} |"
            )
    return "\n".join(lines)


def rates(results: Results) -> str:
    """Markdown: BD-rates against no HCD of each picture, and their mean."""
    lines = ["| format | HCD | BD-rate, mean | of each picture |", "|---|---|---|---|"]
    for form, qualities in QUALITIES.items():
        last = [c for c in results if c.format == form and c.quality == qualities[0]]
        pictures, variants = sorted({c.picture for c in last}), dict.fromkeys(c.variant for c in last)
        for variant in [v for v in variants if v != NONE]:
            changes = []
            for name in pictures:
                both = [[results[Case(name, form, q, v)] for q in qualities] for v in (NONE, variant)]
                anchor, ours = (np.array([[r["bytes"], r["psnr"]] for r in curve], float).T for curve in both)
                changes.append(bd_percent(anchor, ours))
            each = ", ".join(f"{change:+.1f}" for change in changes)
            lines.append(f"| {form} | {variant} | {np.mean(changes):+.1f} % | {each} |")
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="What each step of HCD gives, on centre crops.")
    parser.add_argument("folder", type=Path, help="of pictures")
    parser.add_argument("--limit", type=int, default=6, help="take this many pictures, evenly spread (default: 6)")
    parser.add_argument("--rated", type=int, default=3, help="of them for BD-rates (default: 3)")
    parser.add_argument("--crop", type=int, default=256, help="pixels a side (default: 256)")
    parser.add_argument("--out", type=Path, default=Path("results/hcd.json"), help="default: results/hcd.json")
    args = parser.parse_args()
    torch.set_num_threads(1)
    every = find(args.folder)
    paths = {path.stem: path for path in every[:: -(-len(every) // args.limit)]}
    about = {"model": registry.resolve(registry.DEFAULT), "crop": args.crop, "pictures": list(paths)}
    results = {Case(*case): result for case, result in kept(args.out, about)}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    for case in tqdm(list(cases(list(paths), args.rated)), unit="file", disable=None):
        if case in results:
            continue
        photo = load_picture(paths[case.picture])
        top, left = ((n - args.crop) // 2 for n in photo.shape[:2])
        results[case] = measure(np.ascontiguousarray(photo[top : top + args.crop, left : left + args.crop]), case)
        lines = ",\n  ".join(json.dumps([case, result]) for case, result in results.items())
        text = f'{{"about": {json.dumps(about)},\n "results": [\n  {lines}\n ]}}\n'
        write_whole(args.out, text.encode(), force=True)
    print(shares(results), rates(results), sep="\n\n")


if __name__ == "__main__":
    main()
