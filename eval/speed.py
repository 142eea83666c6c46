"""The ratios that we watch, from a run of the benchmarks: `make bench`.

    python -m eval.speed benchmarks.json

Each is of two figures of one run, the least of all rounds: other work on the machine can only add to them.
"""

import argparse
import json
from pathlib import Path

RATIOS = {
    "network, encode: paper's over lite's": ("test_networks", "downscale", "sain-x2-paper", "sain-x2-lite", 40),
    "network, decode: paper's over lite's": ("test_networks", "upscale", "sain-x2-paper", "sain-x2-lite", 40),
    "encode 12 MP at scale 1 in bfloat16: ours over Pillow's": ("test_full_size", "encode", "ours", "pillow", 4),
    "decode 12 MP at scale 1 in bfloat16: ours over Pillow's": ("test_full_size", "decode", "ours", "pillow", 12),
    "encode 12 MP at scale 2 in bfloat16: ours over Pillow's": ("test_encode", "12 MP", "bfloat16", "pillow", 20),
    "decode 12 MP at scale 2 in bfloat16: ours over Pillow's": ("test_decode", "12 MP", "bfloat16", "pillow", 20),
    "encode many: single calls over batch": ("test_many", "encode", "single calls", "batch", 1.5),
    "decode many: single calls over batch": ("test_many", "decode", "single calls", "batch", 1.5),
    "SSIMULACRA2: the package's over ours": ("test_ssimulacra2", "", "package", "ours", 1.5),
}
"""What -> test, what both have in their names, what names the one and the other, the bar."""


def least(times: dict[str, float], *parts: str) -> float:
    """Seconds of the fastest of all benchmarks with these parts in their names."""
    found = [v for name, v in times.items() if all(p in name for p in parts)]
    if not found:
        raise SystemExit(f"no benchmark is named by all of {', '.join(parts)}")
    return min(found)


def table(times: dict[str, float]) -> str:
    """Markdown; `times`: seconds by the benchmark's name."""
    lines = ["| what | seconds | ratio | bar |", "|---|---|---|---|"]
    for what, (test, common, one, other, bar) in RATIOS.items():
        a, b = (least(times, test, common, which) for which in (one, other))
        sign = "≤" if "Pillow" in what else "≥"
        lines.append(f"| {what} | {a:.3f}, {b:.3f} | {a / b:.1f} | {sign} {bar} |")
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="The ratios that we watch, from a run of the benchmarks.")
    parser.add_argument("results", type=Path, help="of pytest --benchmark-json")
    results = json.loads(parser.parse_args().results.read_text())
    print(table({each["name"]: each["stats"]["min"] for each in results["benchmarks"]}))


if __name__ == "__main__":
    main()
