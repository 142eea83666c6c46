"""What each change of one quantised coefficient does to the size of a file.

Sequential Huffman coding (T.81, F.1.2): a symbol for each non-zero coefficient says how many zeros went before it and
how many bits its value takes. Code lengths are taken to be the symbols' entropies, which optimised tables come close
to; progressive files share the zero runs, so that differences carry over.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from codec.jpeg.coefficients import Levels

Bits = npt.NDArray[np.float32]
Index = npt.NDArray[np.intp]

UNSEEN = 0.3
"""Count of a symbol that does not occur, so that it may."""
LONGEST = 16.0
"""Bits of the longest Huffman code of a JPEG."""
_SIZES = np.array([0, *(int(v).bit_length() for v in range(1, 4096))], np.intp)


def _size(levels: npt.NDArray[np.int32]) -> Index:
    """Bits that a value takes, 0 for zero (T.81, table F.1)."""
    return _SIZES[np.minimum(np.abs(levels), 4095)]


@dataclass(frozen=True)
class _Runs:
    """Where the non-zero AC coefficients of blocks `[..., 64]` lie."""

    present: npt.NDArray[np.bool_]
    before: Index
    """Place of the last one before each place (0: none)."""
    after: Index
    """Place of the first one behind each place (64: none)."""

    @classmethod
    def of(cls, levels: Levels) -> "_Runs":
        present = levels != 0
        present[..., 0] = False
        places = np.arange(64)
        before = np.zeros(levels.shape, np.intp)
        before[..., 1:] = np.maximum.accumulate(np.where(present, places, 0), -1)[..., :-1]
        after = np.full(levels.shape, 64, np.intp)
        behind = np.where(present, places, 64)[..., ::-1]
        after[..., :-1] = np.minimum.accumulate(behind, -1)[..., ::-1][..., 1:]
        return cls(present, before, after)


def _dc_differences(levels: Levels) -> npt.NDArray[np.int32]:
    """Of each block's DC coefficient to the one on its left. (A file's order in 4:2:0 is another; costs are alike.)"""
    return np.diff(levels[..., 0], axis=-1, prepend=levels[..., :1, 0])


class Costs:
    """Bits per symbol, from the planes `[rows, columns, 64]` that share a table."""

    def __init__(self, planes: tuple[Levels, ...]) -> None:
        counts, dc = np.zeros((16, 16)), np.zeros(16)
        for levels in planes:
            runs, sizes = _Runs.of(levels), _size(levels)
            run = (np.arange(64) - runs.before - 1)[runs.present]
            np.add.at(counts, (run % 16, sizes[runs.present]), 1)
            counts[15, 0] += (run // 16).sum()  # ZRL: sixteen zeros
            counts[0, 0] += (~runs.present[..., 63]).sum()  # EOB: only zeros follow
            dc += np.bincount(_size(_dc_differences(levels)).ravel(), minlength=16)[:16]
        bits = np.minimum(-np.log2((counts + UNSEEN) / (counts.sum() + 80 * UNSEEN)), LONGEST)
        self.end_of_block = np.float32(bits[0, 0])
        runs64 = np.arange(64)
        ac = bits[runs64 % 16] + np.arange(16) + (runs64 // 16 * bits[15, 0])[:, None]
        self.ac: Bits = ac.astype(np.float32)
        """`[run, size]`: of a coefficient with the zeros before it."""
        share = (dc + UNSEEN) / (dc.sum() + 12 * UNSEEN)
        self.dc: Bits = (np.minimum(-np.log2(share), LONGEST) + np.arange(16)).astype(np.float32)

    def total(self, levels: Levels) -> float:
        """Bits of a plane."""
        runs, sizes = _Runs.of(levels), _size(levels)
        run = (np.arange(64) - runs.before - 1)[runs.present]
        ends = float((~runs.present[..., 63]).sum() * self.end_of_block)
        dc = float(self.dc[_size(_dc_differences(levels))].sum())
        return float(self.ac[run, sizes[runs.present]].sum()) + ends + dc

    def changes(self, levels: Levels, by: int) -> Bits:
        """Bits more if `by` were added to the coefficient in one place, for every place: as `levels`."""
        runs, other = _Runs.of(levels), levels + by
        last, places = runs.after == 64, np.arange(64)
        sizes = np.concatenate([_size(levels), np.zeros((*levels.shape[:2], 1), np.intp)], -1)
        next_size = np.take_along_axis(sizes, runs.after, -1)
        run, next_run = np.maximum(places - runs.before - 1, 0), np.where(last, 0, runs.after - places - 1)
        end = np.where(places < 63, self.end_of_block, np.float32(0))
        rest = np.where(last, end, self.ac[np.maximum(next_run, 0), next_size])
        without = np.where(last, self.end_of_block, self.ac[np.where(last, 0, runs.after - runs.before - 1), next_size])
        was = np.where(runs.present, self.ac[run, sizes[..., :64]] + rest, without)
        becomes = np.where(other != 0, self.ac[run, _size(other)] + rest, without)
        change: Bits = becomes - was
        change[..., 0] = self._dc_changes(levels[..., 0], by)
        return change

    def _dc_changes(self, dc: npt.NDArray[np.int32], by: int) -> Bits:
        left = np.diff(dc, axis=-1, prepend=dc[..., :1])
        change: Bits = self.dc[_size(left + by)] - self.dc[_size(left)]
        change[..., 0] = 0  # taken to follow a block like itself
        change[..., :-1] += self.dc[_size(left[..., 1:] - by)] - self.dc[_size(left[..., 1:])]
        return change
