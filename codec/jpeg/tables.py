"""Quantisation tables of JPEG: the standard pair and libjpeg's scaling by quality. Knows no torch."""

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.int64]
"""`[8, 8]` quantisation steps in natural (row-major) order, integers in 1…255."""

STANDARD_LUMA: Table = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
"""ITU-T T.81, Annex K, table K.1."""

STANDARD_CHROMA: Table = np.full((8, 8), 99)
"""ITU-T T.81, Annex K, table K.2."""
STANDARD_CHROMA[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]

STANDARD: Table = np.stack([STANDARD_LUMA, STANDARD_CHROMA])
"""Both standard tables, `[2, 8, 8]`: luma, chroma."""


COARSEST = 5000
"""The percentage that quality 1 stands for; 0, all steps 1, is that of quality 100."""


def scale_percent(quality: float) -> int:
    """The percentage by which libjpeg multiplies base tables at `quality` (1…100; 50 leaves them as they are).

    Between whole qualities, where libjpeg knows none, the nearest whole percentage.
    """
    if not 1 <= quality <= 100:
        raise ValueError(f"quality must be in 1…100, not {quality}")
    if quality == int(quality):
        return int(5000 // quality if quality < 50 else 200 - 2 * quality)
    return round(5000 / quality if quality < 50 else 200 - 2 * quality)


def scale_tables(base: Table, quality: float) -> Table:
    """Steps that libjpeg derives from `base` (any shape) at `quality` 1…100, limited to 8 bits (1…255)."""
    return np.clip((base * scale_percent(quality) + 50) // 100, 1, 255)


def quality_of(percent: int) -> float:
    """The quality 1…100 that `scale_percent` turns into a percentage in 0…`COARSEST`."""
    quality = 100 - percent / 2 if percent <= 100 else COARSEST / percent
    # whole qualities below 50 have their percentage rounded down
    whole = round(quality)
    return whole if scale_percent(whole) == percent else quality


def condition(luma: Table) -> float:
    """What a network is told of a file's coarseness: mean log2 of the 64 luma steps (0 for all ones, 8 at most).

    It is read off the file's own table, so that it still holds after somebody re-encoded the picture.
    """
    return float(np.log2(np.asarray(luma, dtype=np.float64)).mean())
