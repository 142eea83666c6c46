"""A JPEG's quantised coefficients, as something to look at and to change before the file is written."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from codec.jpeg.blocks import dct, from_blocks, idct, to_blocks
from codec.jpeg.color import halve, pad_edge, rgb_to_ycbcr
from codec.jpeg.tables import Table

Levels = npt.NDArray[np.int32]
"""`[rows, columns, 64]` of one plane: coefficient over step, rounded; zigzag order (T.81, figure A.6)."""
Plane = npt.NDArray[np.uint8]


def _zigzag() -> npt.NDArray[np.intp]:
    """Natural (row-major) index of each place in zigzag order: along anti-diagonals, turning at every end."""
    places = [(y, x) for y in range(8) for x in range(8)]
    places.sort(key=lambda p: (p[0] + p[1], p[0] if (p[0] + p[1]) % 2 else p[1]))
    return np.array([8 * y + x for y, x in places], np.intp)


ZIGZAG = _zigzag()
NATURAL = np.argsort(ZIGZAG)
"""The inverse of `ZIGZAG`."""


@dataclass(frozen=True)
class Coefficients:
    """Of a grey picture (one plane) or a colour one (Y, Cb, Cr)."""

    size: tuple[int, int]
    """Width and height of the picture."""
    sampled: int
    """Luma pixels per chroma pixel along a side: 2 for 4:2:0, 1 for 4:4:4."""
    steps: tuple[npt.NDArray[np.float32], ...]
    """`[64]` of each plane, zigzag."""
    levels: tuple[Levels, ...]
    """Of each plane. Blocks at the right and lower border may reach beyond the picture."""
    pixels: tuple[Plane, ...]
    """The planes before they were quantised, without padding: chroma already halved if it is to be."""

    @classmethod
    def of(cls, lr: npt.NDArray[np.uint8], tables: Table, sampled: int) -> "Coefficients":
        """Those that libjpeg makes of an LR picture `[h, w, 3]` or `[h, w]` with tables `[T, 8, 8]`."""
        planes = _planes(lr, sampled)
        steps = tuple(
            tables[min(i, len(tables) - 1)].reshape(64)[ZIGZAG].astype(np.float32) for i in range(len(planes))
        )
        levels = tuple(_quantise(plane, step) for plane, step in zip(planes, steps, strict=True))
        pixels = tuple(plane[0].byte().numpy() for plane in planes)
        return cls((lr.shape[1], lr.shape[0]), sampled, steps, levels, pixels)

    def with_levels(self, levels: tuple[Levels, ...]) -> "Coefficients":
        """Other levels in the same picture."""
        return replace(self, levels=levels)

    def whole(self, plane: int) -> tuple[int, int]:
        """Rows and columns of blocks that lie wholly inside the picture: only these can be written at will.

        An encoder pads the others its own way.
        """
        height, width = self.pixels[plane].shape
        return height // 8, width // 8

    def to_image(self) -> Image.Image:
        """A picture (YCbCr, or L) whose JPEG with the same tables and sampling has these levels.

        Decoded planes, chroma samples repeated: an encoder that halves and quantises them finds what they were made
        of, as long as nothing is clipped and steps are not below 3 or so (pixels are whole numbers).
        """
        planes = [self._decoded(i) for i in range(len(self.levels))]
        if len(planes) == 1:
            return Image.fromarray(planes[0])
        width, height = self.size
        chroma = [p.repeat(self.sampled, 0).repeat(self.sampled, 1)[:height, :width] for p in planes[1:]]
        return Image.merge("YCbCr", [Image.fromarray(p) for p in (planes[0], *chroma)])

    def _decoded(self, plane: int) -> Plane:
        levels, original = self.levels[plane], self.pixels[plane].copy()
        rows, columns = self.whole(plane)
        flat = torch.from_numpy(levels[:rows, :columns, NATURAL] * self.steps[plane][NATURAL])
        blocks = idct(flat.float()).reshape(1, rows * columns, 64)
        inside = from_blocks(blocks, 8 * rows, 8 * columns)[0] + 128
        original[: 8 * rows, : 8 * columns] = inside.round().clamp(0, 255).byte().numpy()
        return original


def _planes(lr: npt.NDArray[np.uint8], sampled: int) -> list[torch.Tensor]:
    if lr.ndim == 2:
        return [torch.from_numpy(lr[None].astype(np.float32))]
    y, cb, cr = rgb_to_ycbcr(torch.from_numpy(lr[None].astype(np.float32)).permute(0, 3, 1, 2))
    if sampled == 1:
        return [y, cb, cr]
    height, width = lr.shape[0] + lr.shape[0] % 2, lr.shape[1] + lr.shape[1] % 2
    return [y, *(halve(pad_edge(plane, height, width)) for plane in (cb, cr))]


def _quantise(plane: torch.Tensor, steps: npt.NDArray[np.float32]) -> Levels:
    height, width = (-(-n // 8) * 8 for n in plane.shape[1:])
    blocks = dct(to_blocks(pad_edge(plane, height, width) - 128))[0][:, ZIGZAG] / torch.from_numpy(steps)
    levels: Levels = blocks.round().int().numpy().reshape(height // 8, width // 8, 64)
    return levels
