"""What a reference gains: each picture decoded alone, with a true reference, and with an unrelated one.

    python -m eval.transfer ../shared/data/kodak --limit 6 --out results/transfer.json
    python -m eval.transfer ../shared/data/kodak --limit 9 --parts --out parts.json

The true reference is made of the picture itself: a part of it (some three quarters), rescaled by 0.8…1.25, turned by up
to 5 degrees, with another exposure and white balance, saved as a JPEG of quality 90…95; of a fixed seed. The unrelated
one is the next picture. Beside the JSON, `NAME.png` for each picture: alone, with the true reference, the original, and
how far the reference was trusted.
"""

import argparse
import io
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

import codec
from codec.picture import Pixels
from codec.transfer.apply import transfer
from eval.metrics import psnr
from training.data import find_pictures
from training.transfer_data import moved, told_by

PART = 0.85
"""Of each side of the picture that a true reference shows."""
CORNERS = ((0, 0), (150, 300), (300, 500))
SMALL = (144, 192)
"""Where `--parts` cuts details, row and column, and how large, height and width."""


def true_reference(photo: Pixels, seed: int) -> Pixels:
    """Another photo of the scene of `[H, W, 3]`: `[h, w, 3]`."""
    random = np.random.default_rng(seed)
    height, width = photo.shape[:2]
    scale, turn = random.uniform(0.8, 1.25), np.deg2rad(random.uniform(-5, 5))
    size = (int(PART * scale * height), int(PART * scale * width))
    # how far the part can move before a corner of it leaves the picture
    cos, sin = np.cos(turn), abs(np.sin(turn))
    reach = PART / 2 * np.array([width * cos + height * sin, width * sin + height * cos])
    free = np.maximum(0, np.array([width, height]) / 2 - 1 - reach)
    shift = random.uniform(-1, 1, 2) * free
    turned = scale * np.array([[cos, -np.sin(turn)], [np.sin(turn), cos]])
    middle = np.array([width - 1, height - 1]) / 2 + shift
    offset = np.array([size[1] - 1, size[0] - 1]) / 2 - turned @ middle
    seen = moved(photo, np.vstack([np.c_[turned, offset], [0, 0, 1]]), size)
    gains = random.uniform(0.92, 1.08) * random.uniform(0.98, 1.02, 3)
    out = io.BytesIO()
    Image.fromarray(np.clip(seen * gains, 0, 255).round().astype(np.uint8)).save(
        out, "JPEG", quality=int(random.integers(90, 96))
    )
    with Image.open(out) as img:
        return np.array(img)


def details(photo: Pixels) -> list[Pixels]:
    """Three small pictures of one."""
    return [np.ascontiguousarray(photo[y : y + SMALL[0], x : x + SMALL[1]]) for y, x in CORNERS]


def measured(photo: Pixels, other: Pixels, seed: int, scale: int, quality: int) -> tuple[dict[str, Any], Pixels]:
    """PSNR (RGB, dB), seconds of CPU, and the picture to look at."""
    file = codec.encode(photo, quality, scale=scale)  # type: ignore[arg-type]
    alone = codec.decode(file, to="numpy")
    started = time.process_time()
    true = transfer(alone, [true_reference(photo, seed)], told_by(file))
    seconds = time.process_time() - started
    unrelated = transfer(alone, [other], told_by(file))
    before, after, wrong = (psnr(photo, pixels) for pixels in (alone, true.pixels, unrelated.pixels))
    record = {
        "alone": round(before, 3),
        "true": round(after - before, 3),
        "unrelated": round(wrong - before, 3),
        "seconds": round(seconds, 2),
    }
    rows = [np.hstack([alone, true.pixels]), np.hstack([photo, np.repeat(true.trust[..., None], 3, 2)])]
    return record, np.vstack(rows)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="What a reference gains.")
    parser.add_argument("folder", type=Path, help="of pictures")
    parser.add_argument("--limit", type=int, help="so many of them, in the order of their names")
    parser.add_argument("--scale", type=int, default=4, choices=(1, 2, 4), help="of the files (default: 4)")
    parser.add_argument("--quality", type=int, default=50, help="of the files (default: 50)")
    parser.add_argument("--parts", action="store_true", help="three details of each instead of the whole")
    parser.add_argument("--out", type=Path, default=Path("results/transfer.json"), help="JSON to write")
    parser.add_argument("--pictures", type=Path, help="folder for one PNG of each picture to look at")
    args = parser.parse_args()
    paths = find_pictures([args.folder])
    records = {}
    for i, path in enumerate(tqdm(paths[: args.limit], unit="picture", disable=None)):
        photo, other = (np.array(Image.open(p).convert("RGB")) for p in (path, paths[(i + 1) % len(paths)]))
        pairs = zip(details(photo), details(other), strict=True) if args.parts else [(photo, other)]
        for k, (part, stranger) in enumerate(pairs):
            name = f"{path.stem}-{k}" if args.parts else path.stem
            records[name], seen = measured(part, stranger, k if args.parts else i, args.scale, args.quality)
            if args.pictures:
                args.pictures.mkdir(parents=True, exist_ok=True)
                Image.fromarray(seen).save(args.pictures / f"{name}.png")
    mean = {k: round(float(np.mean([r[k] for r in records.values()])), 3) for k in next(iter(records.values()))}
    worst = {
        "true": min(r["true"] for r in records.values()),
        "unrelated": min(r["unrelated"] for r in records.values()),
    }
    result = {"scale": args.scale, "quality": args.quality, "mean": mean, "worst": worst, "pictures": records}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({"mean": mean, "worst": worst}))


if __name__ == "__main__":
    main()
