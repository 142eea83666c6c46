"""How well targets are met, and whether `scale="auto"` ever loses against a plain JPEG, on some of Kodak's pictures.

python -m eval.targets ../shared/data/kodak/kodim{04,05,13,23}.png
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

import codec
from codec import rate_control
from codec.carriers.base import Options
from codec.encoding import Encoder, Job
from codec.models import registry
from codec.picture import Pixels
from codec.wish import Wish
from eval.codecs import build
from eval.metrics import psnr
from eval.runner import load_picture

BPP = (0.15, 0.3, 0.6, 1.0)
PSNR = (27.0, 29.0, 31.0)
AUTO_BPP = (0.15, 0.4, 0.9, 1.5)
JPEG = build("jpeg")


def _met(photo: Pixels, wish: Wish) -> tuple[bytes, int]:
    """The file for a wish, and the network passes it took."""
    encoder = Encoder(photo, Job("jpeg", Options(), model=registry.DEFAULT))
    return rate_control.encode(encoder, wish).data, encoder.passes


def _bpp(data: bytes, photo: Pixels) -> float:
    return 8 * len(data) * 3 / photo.size


def _restored(data: bytes) -> Pixels:
    return codec.decode(data, to="numpy")


def best_jpeg(photo: Pixels, limit: int) -> float:
    """PSNR of the best plain JPEG (optimised, progressive) of at most so many bytes; minus infinity if none is."""
    best = -np.inf
    for quality in range(1, 101):
        data = JPEG.encode(photo, quality)
        if len(data) <= limit:
            best = max(best, psnr(photo, JPEG.decode(data, (photo.shape[1], photo.shape[0]))))
    return best


def rows(name: str, photo: Pixels) -> Iterator[str]:
    """Markdown rows: picture, wish, what came of it."""
    for bpp in BPP:
        data, passes = _met(photo, Wish.of(None, None, bpp, None))
        yield f"| {name} | {bpp} bpp | {100 * (_bpp(data, photo) / bpp - 1):+.2f} % | {passes} passes |"
    for target in PSNR:
        try:
            data, passes = _met(photo, Wish.of(None, None, None, target))
        except codec.CodecError as error:
            yield f"| {name} | {target} dB | refused | {error} |"
            continue
        yield f"| {name} | {target} dB | {psnr(photo, _restored(data)) - target:+.2f} dB | {passes} passes |"
    for bpp in AUTO_BPP:
        limit = int(bpp * photo.shape[0] * photo.shape[1] / 8)
        data = codec.encode(photo, max_bytes=limit, scale="auto")
        ours, plain = psnr(photo, _restored(data)), best_jpeg(photo, limit)
        model = registry.short(codec.inspect(data).header.model) or registry.PLAIN
        yield f"| {name} | auto, {bpp} bpp | {ours:.2f} dB ({model}) | plain JPEG: {plain:.2f} dB |"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="How well targets are met.")
    parser.add_argument("pictures", nargs="+", type=Path)
    print("| picture | wish | what came of it | |\n|---|---|---|---|")
    for path in tqdm(parser.parse_args().pictures, unit="picture", disable=None):
        for row in rows(path.stem, load_picture(path)):
            print(row, flush=True)


if __name__ == "__main__":
    main()
