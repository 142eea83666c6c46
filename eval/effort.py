"""What each step of effort takes and gives, of a finished run, as the table of `docs/training.md`:

python -m eval run --codec ours ours+effort1 … ours+effort9 jpeg --limit 4 --qualities 10 20 35 55 75 \
    --dataset kodak --workers 1 --out results/effort
python -m eval.effort results/effort
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from codec.models import registry
from codec.refinement import ROUNDS
from eval.curves import compare

PLAIN = "JPEG"


def _effort(name: str, model: str) -> int | None:
    """Of a curve, None if it is not this model's."""
    match = re.fullmatch(rf"{re.escape(model)}(?:, effort (\d))?", name)
    return int(match[1] or 0) if match else None


def table(summary: dict[str, Any], model: str) -> str:
    """Markdown. Seconds are CPU seconds for a megapixel, means of the run's pictures and qualities."""
    curves = summary["curves"]
    efforts = {effort: name for name in curves if (effort := _effort(name, model)) is not None}
    points = {name: np.array([[p["bpp"], p["psnr"]] for p in curves[name]]).T for name in (*efforts.values(), PLAIN)}
    pixels = np.mean([picture["width"] * picture["height"] for picture in summary["pictures"]]) / 1e6
    lines = [
        "| effort | rounds | seconds a megapixel | PSNR at equal bytes | BD-rate against effort 0 | against JPEG |",
        "|---|---|---|---|---|---|",
    ]
    for effort, name in sorted(efforts.items()):
        seconds = np.mean([p["encode_s"] for p in curves[name]]) / pixels
        own, jpeg = compare(points[efforts[0]], points[name]), compare(points[PLAIN], points[name])
        lines.append(
            f"| {effort} | {ROUNDS[effort]} | {seconds:.1f} | {own.quality:+.2f} dB | {own.percent:+.1f} % "
            f"| {jpeg.percent:+.1f} % |"
        )
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="What each step of effort takes and gives.")
    parser.add_argument("results", type=Path, help="folder of a run with ours, ours+effort1 … and jpeg")
    parser.add_argument("--model", default=registry.DEFAULT, help=f"default: {registry.DEFAULT}")
    args = parser.parse_args()
    print(table(json.loads((args.results / "summary.json").read_text()), args.model))


if __name__ == "__main__":
    main()
