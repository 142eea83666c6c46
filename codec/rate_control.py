"""Hitting a size or a fidelity with few network passes.

What costs is the network. Writing an LR picture is cheap, and two coarsenesses that are near each other can share one:
so every LR picture is written at as many qualities as it takes to hit the target with it, and the network runs again
only where that has led far from the coarseness for which the LR picture was made. The first guess comes from a plainly
reduced picture, which takes about the bytes of the network's.
"""

from math import log2

from codec import finishing
from codec.encoding import Detached, Encoder, mean_square
from codec.errors import CodecError
from codec.fidelity import CLOSE, Expectation, decibels
from codec.ladder import FULL, SLOPE, Found, Ladder
from codec.picture import Pixels
from codec.wish import Wish

PASSES = 6
"""Network passes that a search takes at most, down and up; two more before it says that a PSNR cannot be."""
NEAR = 0.25
"""Octaves of the quantisation step by which a file may be off what its LR picture was made for: costs 0.01 dB."""
DETAIL = 1.03
"""Bytes of the network's LR picture over those of a plainly reduced one: Kodak's mean, within 4 %."""
MARGIN = 0.03
"""Decibels above the target that are aimed for."""
SURE = 0.1
"""What the last probe aims for above the target if none before has reached it."""


def encode(encoder: Encoder, wish: Wish) -> Detached:
    """The file that is wished for; raises `CodecError`, saying what is possible, if it cannot be."""
    if wish.quality is not None:
        return encoder.at(wish.quality)
    ladder = Ladder(encoder)
    if wish.psnr is not None:
        found, value = reaching(ladder, wish.psnr)
        file = found.file
        if encoder.job.effort:
            file, value = finishing.reaching(ladder, found, value, wish.psnr)
        if value < wish.psnr:
            raise missed(wish.psnr, value, file)
        return file
    limit = limit_of(wish, encoder.size)
    found = within(ladder, limit)
    return finishing.within(ladder, found, limit) if encoder.job.effort else found.file


def missed(target: float, value: float, file: Detached) -> CodecError:
    """That a PSNR is out of reach, and what is possible: `value` dB, with a file."""
    best = f"the best this model restores of the picture is {value:.2f} dB, from {len(file.data)} bytes"
    return CodecError(f"{target:g} dB cannot be: {best}")


def limit_of(wish: Wish, size: tuple[int, int]) -> int:
    """Bytes that a file may take by `max_bytes` or `bpp`, of a picture of `size` (width, height)."""
    return wish.max_bytes or max(1, int((wish.bpp or 0) * size[0] * size[1] / 8))


def finest(ladder: Ladder, lr: Pixels, limit: float, start: int) -> Found | None:
    """The finest file of an LR picture in `limit` bytes (nearly: `FULL`), searched from a rung; None if none fits."""
    low, high, best, sizes = -1, len(ladder), None, dict[int, float]()
    rung, steps = start, 0
    while low + 1 < high:
        file = ladder.written(lr, rung)
        sizes[rung] = log2(len(file.data) / limit)
        if sizes[rung] <= 0:
            low, best = rung, Found(rung, file)
            if sizes[rung] >= log2(FULL):
                break
        else:
            high = rung
        steps += 1
        # plateaus would make a secant crawl
        rung = _secant(ladder, sizes, low, high) if steps < 8 else (low + high) // 2
    return best


def _secant(ladder: Ladder, sizes: dict[int, float], low: int, high: int) -> int:
    """Where between `low` and `high` the size should be all but the limit; `sizes`: octaves above it, by rung."""
    slope, last = SLOPE, low if low in sizes else high
    if low in sizes and high in sizes:
        slope = (sizes[high] - sizes[low]) / (ladder.depth(high) - ladder.depth(low))
    aim = log2(FULL) / 2 - sizes[last]
    return ladder.rung(ladder.depth(last) + aim / max(slope, 0.1), low, high)


def within(ladder: Ladder, limit: int) -> Found:
    """The finest file of at most `limit` bytes, header and metadata included."""
    encoder = ladder.encoder
    rung, best, nearest = len(ladder) // 2, None, float("inf")
    if not encoder.identity:
        guess = finest(ladder, encoder.reduced(), limit / DETAIL, rung)
        rung = guess.rung if guess else 0
    while encoder.passes < PASSES:
        lr = ladder.downscaled(rung)
        found = finest(ladder, lr, limit, rung)
        if found is None:
            if rung == 0:
                least = len(ladder.written(lr, 0).data)
                raise CodecError(f"{limit} bytes cannot be: {ladder.name(0)} this picture takes {least} bytes")
            rung = 0
            continue
        if (apart := ladder.apart(found.rung, rung)) < nearest:
            best, nearest = found, apart
        if apart <= NEAR:
            break
        rung = found.rung
    assert best is not None  # noqa: S101 - an LR picture that does not fit is followed by the smallest one
    return best


def reaching(ladder: Ladder, target: float) -> tuple[Found, float]:
    """The coarsest file that restores to at least `target` dB, or else the one that comes nearest; and its dB."""
    encoder, expected = ladder.encoder, Expectation(ladder)
    low, high, lr, made = -1, len(ladder), None, 0
    probes, best = list[tuple[Found, float]](), None
    while low + 1 < high:
        margin = MARGIN if best or encoder.passes < PASSES - 2 else SURE
        rung = expected.rung(target + margin, low, high)
        anew = lr is None or (ladder.apart(rung, made) > NEAR and encoder.passes + 2 <= PASSES)
        if encoder.passes == PASSES:
            if best:
                break
            rung, anew = len(ladder) - 1, True  # a good file that is too large, or a reason why there is none
        if anew or lr is None:
            lr, made = ladder.downscaled(rung), rung
        file = ladder.written(lr, rung)
        error = mean_square(encoder.restored(file), encoder.pixels)
        expected.learn(rung, error)
        value = decibels(error)
        probes.append((Found(rung, file), value))
        if value < target:
            low = rung
        else:
            high, best = rung, probes[-1]
            if value <= target + CLOSE:
                break
    return best or max(probes, key=lambda probe: probe[1])
