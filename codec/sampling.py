"""A sample of a picture: crops of it side by side, a picture by itself that takes bits and loses detail as the whole.

Edges between crops lie where blocks of every scale's file end, and the grid of a JPEG that the picture may come from
stays where it is. A target is the whole's: files without a network tell what the sample should take or reach instead.
"""

from dataclasses import replace
from math import sqrt

import numpy as np

from codec import rate_control
from codec.encoding import Encoder, Job, mean_square
from codec.errors import CodecError
from codec.fidelity import decibels
from codec.ladder import Ladder
from codec.models import registry
from codec.picture import Picture, Pixels
from codec.wish import Wish

CROP = 128
"""Pixels a side."""
GRID = 16
"""Pixels: where crops may begin."""
SHARE = 12
"""The sample is one pixel in so many, within the bounds that follow."""
LEAST, MOST = 6 * CROP**2, 16 * CROP**2
"""Pixels: below the least, crops tell little; above the most, nothing more."""


def sample_of(pixels: Pixels) -> Pixels:
    """`[H, W, 3]` or `[H, W]` -> some of it; the whole where that is no more than `LEAST` pixels."""
    height, width = pixels.shape[:2]
    if height * width <= LEAST:
        return pixels
    sides = min(CROP, height), min(CROP, width)
    wanted = min(max(height * width // SHARE, LEAST), MOST) / (sides[0] * sides[1])
    room = height // sides[0], width // sides[1]
    down = min(max(1, round(sqrt(wanted * height / width))), room[0], round(wanted))
    across = min(max(1, round(wanted / down)), room[1])
    rows = []
    for row in range(down):
        crops = []
        for column in range(across):
            # rows of crops are shifted against each other, so that no column of the picture is left out
            y = _start((row + 0.5) / down, height, sides[0])
            x = _start((column + (0.25, 0.75)[row % 2]) / across, width, sides[1])
            crops.append(pixels[y : y + sides[0], x : x + sides[1]])
        rows.append(np.concatenate(crops, 1))
    return np.concatenate(rows)


def _start(place: float, length: int, side: int) -> int:
    """Where a crop begins whose middle is at a place in 0…1 of the length."""
    start = min(max(0, round(place * length - side / 2)), length - side)
    return start // GRID * GRID


def wish_of(whole: Picture, sample: Picture, job: Job, wish: Wish) -> Wish:
    """What to wish for of a sample, that the same may come of it as of the whole."""
    if wish.quality is not None:
        return wish
    usual = registry.PLAIN if wish.psnr else registry.DEFAULT
    job = replace(job, options=replace(job.options, form="compact"), model=usual)  # a form that all can do with
    limit = rate_control.limit_of(wish, whole.size)
    try:
        encoders = Encoder(whole, job), Encoder(sample, job)
    except CodecError:  # a size that the format cannot hold
        share = sample.pixels.size / whole.pixels.size
        return wish if wish.psnr else Wish(max_bytes=max(1, round(share * limit)))
    if wish.psnr is not None:
        return Wish(psnr=_target(*encoders, target=wish.psnr))
    return Wish(max_bytes=_limit(*encoders, limit=limit))


def _target(whole: Encoder, sample: Encoder, target: float) -> float:
    """As many decibels as a plain file of the sample reaches at the quality that makes `target` of the whole's."""
    found, value = rate_control.reaching(Ladder(sample), target)
    quality = Ladder(whole).qualities[found.rung]
    error = mean_square(whole.restored(whole.written(whole.pixels, quality)), whole.pixels)
    return target + value - decibels(error) if error else target


def _limit(whole: Encoder, sample: Encoder, limit: int) -> int:
    """As many bytes as the sample's LR picture takes at the quality at which the whole's takes `limit`."""
    ladder, lr = Ladder(sample), sample.reduced()
    found = rate_control.finest(ladder, lr, limit * sample.pixels.size / whole.pixels.size, len(ladder) // 2)
    quality = ladder.qualities[found.rung if found else 0]
    (beside, pixels), (beside_sample, pixels_sample) = _taken(whole, quality), _taken(sample, quality)
    return max(1, round(beside_sample + (limit - beside) * pixels_sample / pixels))


def _taken(encoder: Encoder, quality: float) -> tuple[int, int]:
    """Bytes of a plainly reduced picture's file: metadata, transparency and header, and the pixels."""
    lr = encoder.reduced()
    pixels = encoder.coded(quality, lr)[1]
    return len(encoder.written(lr, quality).data) - pixels, pixels
