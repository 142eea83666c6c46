"""How well a file restores its picture, and how well one not yet written will."""

from typing import Any

import numpy as np
from PIL import Image

from codec.encoding import Encoder, mean_square
from codec.ladder import Ladder
from codec.picture import Pixels

LEAST = 1e-3
"""Mean squared error that stands for any smaller one where one reckons with it."""
CLOSE = 0.08
"""Decibels above the target that are near enough."""
POINTS = 9
"""Qualities at which a plainly reduced picture is looked at."""
TELLING = -3.0
"""Depth (see `Ladder.depth`) beyond which an error is all but `fixed`, and a first measurement would teach little."""
SAME = 0.05
"""Octaves of step between two measurements that are too few to tell a slope from."""


def decibels(error: float) -> float:
    """PSNR of a mean squared error; infinite for none."""
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


class Expectation:
    """Of the error at each rung: `fixed + coded * noise`.

    The error of a plainly reduced and enlarged picture tells the first guess of `fixed`, and what coding it adds tells
    `noise` (see `_coded`); measurements correct both. On Kodak the first guess is wrong by 0.4 dB (root mean square),
    with one measurement by 0.08, with two by 0.02.
    """

    def __init__(self, ladder: Ladder) -> None:
        self._ladder, encoder, lr = ladder, ladder.encoder, ladder.encoder.reduced()
        reduced = max(self._enlarged(encoder, lr), LEAST) if encoder.lr_size != encoder.size else 0.0
        self._fixed = 0.395 * reduced
        first, last = ladder.depth(0), ladder.depth(len(ladder) - 1)
        rungs = sorted({ladder.rung(depth) for depth in np.linspace(first, last, POINTS)})
        self._depths = [ladder.depth(rung) for rung in rungs]
        noises = [self._coded(encoder, lr, ladder.qualities[rung], reduced) for rung in rungs]
        self._octaves = np.log2(noises)  # nearly a straight line
        self._measured: list[tuple[float, float]] = []

    @staticmethod
    def _enlarged(encoder: Encoder, lr: Pixels) -> float:
        """Error of a plainly enlarged LR picture."""
        if lr.ndim > encoder.pixels.ndim:  # from a carrier that knows only colour
            lr = lr[..., 0]
        large = Image.fromarray(lr).resize(encoder.size, Image.Resampling.LANCZOS)
        return mean_square(np.asarray(large), encoder.pixels)

    def _coded(self, encoder: Encoder, lr: Pixels, quality: float, reduced: float) -> float:
        """What coding adds to the network's error, from what it adds to the plain one; fitted on Kodak."""
        file = encoder.carrier.reopened(encoder.written(lr, quality).data)
        added = max(self._enlarged(encoder, file.picture().pixels) - reduced, LEAST)
        return 0.51 * added**0.875 * reduced**0.3 if reduced else added

    def _noise(self, depths: Any) -> Any:
        return 2 ** np.interp(depths, self._depths, self._octaves)

    def learn(self, rung: int, error: float) -> None:
        """An error that was measured."""
        self._measured.append((self._ladder.depth(rung), max(error, LEAST)))

    def rung(self, target: float, low: int, high: int) -> int:
        """The coarsest rung between `low` and `high` that should reach a PSNR, else the finest of them."""
        aim, last = 255**2 / 10 ** (target / 10), self._ladder.depth(high - 1)
        depths = np.linspace(self._ladder.depth(low + 1), last if self._measured else min(last, TELLING), 500)
        reached = np.flatnonzero(self._errors(depths, aim) <= aim)
        return self._ladder.rung(depths[reached[0] if len(reached) else -1], low, high)

    def _errors(self, depths: Any, aim: float) -> Any:
        """What is expected, with the two measurements nearest to an aim."""
        noise = self._noise(depths)
        if not self._measured:
            return self._fixed + noise
        (d0, e0), *more = sorted(self._measured, key=lambda measured: abs(np.log(measured[1] / aim)))[:2]
        n0 = self._noise(d0)
        if more and abs(more[0][0] - d0) > SAME:
            n1 = self._noise(more[0][0])
            coded = (e0 - more[0][1]) / (n0 - n1) if n0 != n1 else 0.0
            if coded > 0:
                return e0 + coded * (noise - n0)
        return e0 * (self._fixed + noise) / (self._fixed + n0)
