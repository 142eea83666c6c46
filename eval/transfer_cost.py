"""Seconds and memory of decoding a megapixel with a reference of a megapixel, as a process of its own.

    python -m eval.transfer_cost ../shared/data/large/canon-5d.jpg

runs `codec decode` on a detail of the photo, stored at a quarter of its size, without and with a reference: the same
place, moved and a twentieth smaller, as a JPEG of quality 92.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

import codec
from eval.peak import megabytes
from eval.runner import load_picture

SIZE = (1200, 832)
"""Width and height of picture and reference."""
FINER, SHIFT = 1.05, (97, 61)


def write_pair(photo: Path, folder: Path) -> tuple[Path, Path]:
    """The small file and the reference."""
    img = Image.fromarray(load_picture(photo))
    (width, height), (w, h) = img.size, SIZE
    left, top = (width - w) // 2, (height - h) // 2
    small, reference = folder / "small.jpg", folder / "reference.jpg"
    small.write_bytes(codec.encode(np.array(img.crop((left, top, left + w, top + h))), 50, scale=4))
    x, y = left + SHIFT[0], top + SHIFT[1]
    other = img.resize(SIZE, Image.Resampling.LANCZOS, (x, y, x + FINER * w, y + FINER * h))
    other.save(reference, quality=92)
    return small, reference


def cost(*arguments: str | Path) -> dict[str, float]:
    """Wall-clock and CPU seconds and the peak in megabytes of `codec` with these arguments."""
    started = time.monotonic()
    # not run(): only wait4 tells one child's peak from that of others before it
    child = subprocess.Popen([sys.executable, "-m", "codec", *map(str, arguments)], stdout=subprocess.DEVNULL)  # noqa: S603
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.monotonic() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"codec ended with {child.returncode}")
    return {
        "seconds": round(seconds, 2),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "megabytes": round(megabytes(usage)),
    }


def measure(photo: Path) -> dict[str, dict[str, float]]:
    """`cost` of decoding alone and with the reference."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, reference = write_pair(photo, folder)
        alone = cost("decode", small, folder / "alone.png")
        return {"alone": alone, "with a reference": cost("decode", small, folder / "out.png", "--reference", reference)}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="What decoding a megapixel with a reference takes.")
    parser.add_argument("photo", type=Path, help=f"of at least {SIZE[0] + 200} x {SIZE[1] + 150} pixels")
    print(json.dumps(measure(parser.parse_args().photo), indent=1))


if __name__ == "__main__":
    main()
