"""Rate-distortion evaluation.

    python -m eval run --dataset kodak --out results/kodak
    python -m eval run --codec ours jpeg --dataset my/photos --out results/mine --qualities 20 40 60 80
    python -m eval run --dataset ../shared/data/large --longest 2048 --out results/large
    python -m eval run --protocol rescaling --dataset set14 --out results/set14
    python -m eval run --protocol robustness --dataset kodak --out results/robustness
    python -m eval report results/kodak

`run` measures what its cache does not hold yet, and writes summary.json, results.csv, one CompressAI JSON per codec and
curves.png; `report` makes report.html of them. Both exit with 1 if anything is missing, and say what.
"""

import argparse
import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.codecs import DEFAULT, ROBUSTNESS, Codec, MissingCodecError, build, choices
from eval.evaluate import evaluate
from eval.report import render
from eval.rescaling import table
from eval.runner import Job

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".avif", ".heic", ".heif", ".jxl", ".tif", ".tiff", ".bmp", ".ppm"}
PROTOCOLS: dict[str, dict[str, Any]] = {
    "rd": {"codecs": DEFAULT, "modulo": 1, "border": 0, "qualities": None},
    # the papers': sides cut to a multiple of 12, PSNR-Y without `scale` pixels of border, equal quality factors
    "rescaling": {
        "codecs": ("ours", "sain-x2-base", "lanczos-x2-jpeg"),
        "modulo": 12,
        "border": 2,
        "qualities": (30, 50, 70, 80, 90),
    },
    "robustness": {"codecs": ROBUSTNESS, "modulo": 1, "border": 0, "qualities": None},
}


def folder_of(dataset: str) -> Path:
    """A folder, or one of that name in `$EVAL_DATA` (by default the data folder beside the checkout)."""
    named = Path(os.environ.get("EVAL_DATA", "../shared/data")) / dataset
    return named if not Path(dataset).is_dir() and named.is_dir() else Path(dataset)


def find(dataset: Path) -> list[Path]:
    """Pictures directly in a folder, by name; ends the program if there are none or two share a name."""
    paths = sorted(p for p in dataset.glob("*") if p.suffix.lower() in SUFFIXES) if dataset.is_dir() else []
    if not paths:
        sys.exit(f"eval: no pictures in {dataset}")
    if len({p.stem for p in paths}) < len(paths):
        sys.exit(f"eval: two pictures in {dataset} have the same name without suffix")
    return paths


def available(keys: Sequence[str]) -> tuple[dict[str, Codec], list[dict[str, Any]]]:
    """The codecs that can run here, and what is missing of the others."""
    codecs: dict[str, Codec] = {}
    missing = []
    for key in dict.fromkeys(keys):
        codec = build(key)
        try:
            _ = codec.identity
            codecs[key] = codec
        except MissingCodecError as error:
            missing.append({"codec": codec.name, "picture": None, "quality": None, "reason": str(error)})
    return codecs, missing


def run_command(args: argparse.Namespace) -> int:
    """Measure and write; 1 if anything is missing."""
    protocol = PROTOCOLS[args.protocol]
    paths = find(args.dataset)[: args.limit]
    codecs, missing = available(args.codec or protocol["codecs"])
    qualities = args.qualities or protocol["qualities"]
    options = {"border": protocol["border"], "modulo": protocol["modulo"], "longest": args.longest}
    jobs = [
        Job(key, path, quality, **options)
        for path in paths
        for key, codec in codecs.items()
        for quality in (qualities or codec.qualities)
    ]
    about = {"dataset": args.dataset.name, "missing": missing, "command": "python -m eval " + shlex.join(sys.argv[1:])}
    summary = evaluate(jobs, codecs, args.out, args.workers, args.memory, about)
    print_table(summary)
    if args.protocol == "rescaling":
        print("\n".join(table(summary, args.dataset.name)))
    return 1 if summary["missing"] else 0


def print_table(summary: dict[str, Any]) -> None:
    """BD-rates of ours against everything, and what is missing."""
    ours = [codec["name"] for codec in summary["codecs"] if codec["ours"]]
    for entry in summary["bd"]:
        if entry["codec"] not in ours:
            continue
        head = f"{entry['codec']} against {entry['anchor']}, {entry['metric']}: "
        if entry["bd_rate"] is None:
            print(head + entry["reason"])
            continue
        low, high = entry["interval"]
        span = f"over {entry['low']:.1f} to {entry['high']:.1f}, wins {entry['wins']}/{entry['pictures']}"
        print(f"{head}{entry['bd_rate']:+.1f} % [{low:+.1f}, {high:+.1f}] {span}")
    for entry in summary["missing"]:
        where = " ".join(str(entry[key]) for key in ("codec", "picture", "quality") if entry[key] is not None)
        print(f"missing: {where}: {entry['reason']}", file=sys.stderr)


def report_command(args: argparse.Namespace) -> int:
    """Write report.html beside a run's summary."""
    path = args.results / "summary.json"
    if not path.exists():
        sys.exit(f"eval: {path} does not exist: `python -m eval run --out {args.results}` writes it")
    summary = json.loads(path.read_text())
    pictures = summary.pop("gallery", [])
    (args.results / "report.html").write_text(render(summary, pictures), encoding="utf-8")
    print(args.results / "report.html")
    return 1 if summary["missing"] else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m eval", description="Rate-distortion evaluation at equal bytes.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("run", help="measure codecs on a folder of pictures")
    command.add_argument("--codec", nargs="+", help=f"of {', '.join(choices())}")
    command.add_argument(
        "--dataset", type=folder_of, required=True, help="folder of pictures, or its name in $EVAL_DATA"
    )
    command.add_argument("--out", type=Path, required=True, help="folder for results and their cache")
    command.add_argument("--protocol", choices=PROTOCOLS, default="rd", help="what to measure (default: rd)")
    command.add_argument("--qualities", nargs="+", type=int, help="instead of each codec's own")
    command.add_argument("--limit", type=int, help="only the first pictures")
    command.add_argument("--longest", type=int, help="reduce larger pictures to so many pixels a side (2048, say)")
    command.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: all cores)")
    command.add_argument("--memory", action="store_true", help="measure peak memory, each codec in its own process")
    command.set_defaults(run=run_command)
    command = commands.add_parser("report", help="make an HTML page of a run's results")
    command.add_argument("results", type=Path, help="the run's folder")
    command.set_defaults(run=report_command)
    args = parser.parse_args(arguments)
    try:
        return int(args.run(args))
    except ValueError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        print("eval: interrupted; run again to go on from there", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
