"""Refined files that hit a target: a better file of the same bytes, or one of the same fidelity in fewer.

Refining changes both a little, so that the next rung to refine follows from what the last has become.
"""

from math import log2

from codec.encoding import Detached, mean_square
from codec.fidelity import CLOSE, decibels
from codec.ladder import FULL, SLOPE, Found, Ladder

TRIES = 3
"""Files that are refined at most."""
NEAR_FULL = 0.985
"""Share of the bytes allowed with which a refined file is content."""
STEEP = 4.0
"""Decibels per octave of step where only one point is known: Kodak's mean at middle qualities is 3.5."""


def _refined(ladder: Ladder, rung: int) -> tuple[Detached, float]:
    """A file, and its PSNR."""
    encoder, quality = ladder.encoder, ladder.qualities[rung]
    file = encoder.refined(encoder.downscaled(quality), quality)
    return file, decibels(mean_square(encoder.restored(file), encoder.pixels))


def within(ladder: Ladder, found: Found, limit: int) -> Detached:
    """The best refined file of at most `limit` bytes; at worst the one that was found."""
    encoder, best = ladder.encoder, found.file
    value, rung, tried = decibels(mean_square(encoder.restored(best), encoder.pixels)), found.rung, set[int]()
    while len(tried) < TRIES and rung not in tried:
        tried.add(rung)
        file, reached = _refined(ladder, rung)
        if len(file.data) <= limit and reached > value:
            best, value = file, reached
        if NEAR_FULL * limit <= len(file.data) <= limit:
            break
        rung = ladder.rung(ladder.depth(rung) + log2(FULL * limit / len(file.data)) / SLOPE)
    return best


def reaching(ladder: Ladder, found: Found, value: float, target: float) -> tuple[Detached, float]:
    """The smallest refined file that restores to at least `target` dB, and its dB.

    At worst the one that was found, of `value` dB; or the finest if none, refined or not, comes so far.
    """
    best, rung, tried = found.file, found.rung, dict[int, float]()
    while len(tried) < TRIES and rung not in tried:
        file, reached = _refined(ladder, rung)
        tried[rung] = reached
        smaller = reached >= target and len(file.data) < len(best.data)
        if smaller or value < min(target, reached):
            best, value = file, reached
        if target <= reached <= target + CLOSE:
            break
        rung = ladder.rung(ladder.depth(rung) - (reached - target - CLOSE / 2) / _steepness(ladder, tried))
    return best, value


def _steepness(ladder: Ladder, tried: dict[int, float]) -> float:
    """Decibels per octave of step, by the last two tries."""
    if len(tried) < 2:
        return STEEP
    (r0, v0), (r1, v1) = list(tried.items())[-2:]
    return max((v1 - v0) / (ladder.depth(r1) - ladder.depth(r0)), 1.0)
