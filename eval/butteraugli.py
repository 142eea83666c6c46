"""A judge that nobody trained for: Butteraugli, by libjxl's own program, on some pictures and qualities.

    apt install libjxl-devtools                                   # Debian's; it has butteraugli_main
    python -m eval.butteraugli ../shared/data/kodak --limit 8

Prints the BD-rate of every codec against the first by Butteraugli's 3-norm, each over what the two share. Results are
kept in `--out`, so that a run that was stopped goes on.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from codec.picture import Pixels
from eval.codecs import build
from eval.codecs.base import Codec
from eval.curves import bd_percent
from eval.runner import load_picture
from training.data import find_pictures

PROGRAM = "butteraugli_main"
CODECS = ("jpeg", "ours+scaleauto", "ours+scale1", "ours", "ours+scaleauto+psnr", "mozjpeg", "webp", "avif")


def butteraugli(original: Pixels, picture: Pixels) -> float:
    """The 3-norm of Butteraugli's difference map (0: equal; about 1: just noticeable), of `[H, W, 3]` each.

    Alakuijala et al., "Guetzli: Perceptually Guided JPEG Encoder", arXiv 1703.04421. Raises FileNotFoundError without
    the program.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / "a.png", Path(folder) / "b.png"]
        for path, pixels in zip(paths, (original, picture), strict=True):
            Image.fromarray(pixels).save(path, compress_level=1)
        command = [PROGRAM, *map(str, paths)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own files
    return float(done.stdout.split()[-1])


def point(codec: Codec, photo: Pixels, quality: int) -> tuple[float, float]:
    """Bits per pixel, and the negative 3-norm, so that higher is better."""
    data = codec.encode(photo, quality)
    shown = codec.decode(data, (photo.shape[1], photo.shape[0]))
    return 8 * len(data) / (photo.shape[0] * photo.shape[1]), -butteraugli(photo, shown)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="BD-rates by Butteraugli's 3-norm.")
    parser.add_argument("pictures", type=Path, help="folder")
    parser.add_argument("--limit", type=int, default=8, help="pictures, in the order of their names")
    parser.add_argument(
        "--codec", nargs="+", default=list(CODECS), help="the first is what the others are held against"
    )
    parser.add_argument("--out", type=Path, default=Path("results/butteraugli.json"))
    args = parser.parse_args()
    if shutil.which(PROGRAM) is None:
        raise SystemExit(f"butteraugli: there is no {PROGRAM} (Debian: apt install libjxl-devtools)")
    kept: dict[str, tuple[float, float]] = json.loads(args.out.read_text()) if args.out.exists() else {}
    photos = {path.stem: load_picture(path) for path in find_pictures([args.pictures])[: args.limit]}
    curves = {}
    for name in args.codec:
        codec = build(name)
        for stem, photo in tqdm(photos.items(), desc=name, disable=None):
            for quality in codec.qualities:
                key = f"{codec.identity} {stem} {quality}"
                if key not in kept:
                    kept[key] = point(codec, photo, quality)
                    args.out.write_text(json.dumps(kept, indent=0) + "\n")
        each = [[kept[f"{codec.identity} {stem} {quality}"] for quality in codec.qualities] for stem in photos]
        curves[name] = np.mean(each, 0).T
    print(f"| against {args.codec[0]}, {len(photos)} pictures | Butteraugli, 3-norm | bits per pixel |\n|---|---|---|")
    for name in args.codec[1:]:
        percent = bd_percent(curves[args.codec[0]], curves[name])
        print(f"| {name} | {percent:+.1f} % | {curves[name][0].min():.2f}…{curves[name][0].max():.2f} |")


if __name__ == "__main__":
    main()
