"""The qualities that a picture can be written at, from the coarsest to the finest: the rungs that a search climbs."""

from bisect import bisect_left
from typing import NamedTuple

from codec.encoding import Detached, Encoder
from codec.errors import CodecError
from codec.picture import Pixels

SLOPE = 0.8
"""Octaves of bytes per octave of step: Kodak's mean at middle qualities; 0.5…1.1 elsewhere."""
FULL = 0.995
"""Share of the bytes allowed beyond which no finer quality is looked for."""


class Found(NamedTuple):
    """A file at a rung of the ladder."""

    rung: int
    file: Detached


class Ladder:
    """Of an encoder; rungs are numbered from 0. Raises `CodecError` if the file wished for cannot be at any quality."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder, self.qualities = encoder, encoder.qualities()
        if not self.qualities:
            raise CodecError('no quality of this picture can do without a header: take header="compact"')

    def __len__(self) -> int:
        return len(self.qualities)

    def depth(self, rung: int) -> float:
        """How fine a rung is, in octaves of the quantisation step; grows with every rung."""
        quality = self.qualities[rung]
        # encoders are calibrated to coarsenesses that are equal over many qualities
        return 0.001 * quality - self.encoder.condition(quality)

    def apart(self, one: int, other: int) -> float:
        """Octaves between two rungs; none where the LR picture is the same for all."""
        if self.encoder.identity:
            return 0.0
        return abs(self.encoder.condition(self.qualities[one]) - self.encoder.condition(self.qualities[other]))

    def rung(self, depth: float, low: int = -1, high: int | None = None) -> int:
        """The coarsest rung of at least a depth, strictly between `low` and `high`."""
        found = bisect_left(range(len(self)), depth, key=self.depth)
        return min(max(found, low + 1), (len(self) if high is None else high) - 1)

    def name(self, rung: int) -> str:
        """For messages."""
        return f"at quality {self.qualities[rung]:g}" if self.encoder.carrier.lossy else "without loss"

    def downscaled(self, rung: int) -> Pixels:
        """The LR picture made for a rung: one network pass."""
        return self.encoder.downscaled(self.qualities[rung])

    def written(self, lr: Pixels, rung: int) -> Detached:
        """The file of an LR picture at a rung."""
        return self.encoder.written(lr, self.qualities[rung])
