"""HR pixels to LR pixels and back with a model: padding, tiles. Knows no torch.

Pictures of any size are cut into tiles that overlap by the network's receptive field, so that memory is bounded and
the result does not depend on the cut (up to float32 rounding, at most one level).
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib import import_module

import numpy as np
from PIL import Image
from tqdm import tqdm

from codec.boxes import Box, inside, scaled
from codec.jpeg.tables import Table
from codec.models import registry
from codec.models.config import Downscaler, Way
from codec.models.description import lr_size
from codec.models.systems import NetworkConfig
from codec.models.weights import read_weights
from codec.networks import ANY, Engine, Network
from codec.networks.graph_files import WAYS
from codec.picture import Pixels

MARGIN = 4
"""LR pixels, at least, by which a picture is mirrored outwards before it is downscaled: beyond them, the convolutions'
zero padding no longer colours the border. Training cuts off the same margin."""
COMPUTED = 512
"""Pixels of the last Haar level a side of what is computed at once, overlap included: some 300 MB of memory."""


def margin_of(config: NetworkConfig) -> int:
    """LR pixels: `MARGIN`, rounded up to the alignment, so that a picture begins where its margin would."""
    return -(-MARGIN // config.alignment) * config.alignment


class Rescaler:
    """A network that takes pictures of any size. Stateless once built: threads may share it."""

    def __init__(self, network: Network, config: NetworkConfig, tables: Table) -> None:
        self.network, self.config, self.tables = network, config, tables
        self.scale = config.scale
        self.overlap = {way: config.overlap(way) for way in WAYS}

    def lr_size(self, full: tuple[int, int]) -> tuple[int, int]:
        """Width and height of the LR picture of a `full` sized one."""
        return lr_size(full, self.scale)

    def downscale(
        self,
        pixels: Pixels,
        condition: float,
        tile: int | None = None,
        progress: bool = False,
        downscaler: Downscaler | None = None,
    ) -> Pixels:
        """`[H, W, 3]` -> its LR picture `[ceil(H/s), ceil(W/s), 3]`; grey `[H, W]` -> `[ceil(H/s), ceil(W/s)]`."""
        if self.config.identity:
            return pixels
        s, m = self.scale, margin_of(self.config)
        w, h = self.lr_size((pixels.shape[1], pixels.shape[0]))
        lr = np.empty((h + 2 * m, w + 2 * m, *pixels.shape[2:]), np.uint8)
        for inner, outer, cut in _shown(self._tiles(lr.shape, "downscale", tile), progress):
            x = _rgb(mirrored(pixels, scaled(outer, s), s * m))
            small = self.network.downscale(x, condition, downscaler)[cut]
            lr[inner] = small if lr.ndim == 3 else _grey(small)
        return lr[m:-m, m:-m]

    def upscale(
        self,
        lr: Pixels,
        condition: float,
        full: tuple[int, int],
        tile: int | None = None,
        progress: bool = False,
        grey: bool = False,
    ) -> Pixels:
        """A decoded LR picture `[h, w, 3]` or `[h, w]` -> the restored picture of `full` (width, height).

        That is `[H, W, 3]`; `[H, W]` if the LR picture is grey, or if `grey` is asked for.
        """
        s, grey = self.scale, grey or lr.ndim == 2
        out = np.empty((lr.shape[0] * s, lr.shape[1] * s) + (() if grey else (3,)), np.uint8)
        for inner, outer, cut in _shown(self._tiles(lr.shape, "upscale", tile), progress):
            restored = self.network.upscale(_rgb(lr[outer]), condition)[scaled(cut, s)]
            out[scaled(inner, s)] = _grey(restored) if grey else restored
        return out[: full[1], : full[0]]

    def _tiles(self, shape: tuple[int, ...], way: Way, tile: int | None) -> "Iterator[Tile]":
        overlap, computed = self.overlap[way], COMPUTED * self.config.grain
        tile = tile or max(computed - 2 * overlap, computed // 2)
        return _tiles(shape[0], shape[1], tile, overlap, self.config.alignment)


def _rgb(pixels: Pixels) -> Pixels:
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, 2)


def _grey(rgb: Pixels) -> Pixels:
    return np.array(Image.fromarray(rgb).convert("L"))


Tile = tuple[Box, Box, Box]


def _shown(tiles: Iterator[Tile], progress: bool) -> Iterable[Tile]:
    """With a progress bar where there are several tiles and a person looks on."""
    all_tiles = list(tiles)
    quiet = not progress or len(all_tiles) == 1 or None  # None: tqdm looks whether it writes to a terminal
    shown: Iterable[Tile] = tqdm(all_tiles, unit="tile", disable=quiet, leave=False)
    return shown


def mirrored(pixels: Pixels, box: Box, pad: int) -> Pixels:
    """The pixels in a box of the picture mirrored outwards for ever, `pad` to the left and above it first.

    As `np.pad` with `"symmetric"`, but that would copy the whole picture.
    """
    for axis, span in enumerate(box):
        pixels = _span(pixels, axis, span.start - pad, span.stop - pad)
    return pixels


def _span(pixels: Pixels, axis: int, first: int, last: int) -> Pixels:
    """Rows or columns `first` to `last`; of those beyond the picture, what they mirror. Only these are slow."""
    length, inside = pixels.shape[axis], [slice(None)] * pixels.ndim
    inside[axis] = slice(max(first, 0), max(min(last, length), 0))
    if first >= 0 and last <= length:
        return pixels[tuple(inside)]
    i = np.arange(first, last) % (2 * length)
    i = np.minimum(i, 2 * length - 1 - i)
    before, behind = min(max(0, -first), len(i)), min(max(0, last - length), len(i))
    parts = [pixels.take(i[:before], axis), pixels[tuple(inside)], pixels.take(i[len(i) - behind :], axis)]
    return np.concatenate(parts, axis)


def _tiles(height: int, width: int, tile: int, overlap: int, alignment: int) -> Iterator[Tile]:
    """For each tile: where it lies, what must be computed for it, and where it lies in what was computed.

    Tiles are of equal sizes of about `tile`, for narrow ones would be mostly overlap, and multiples of `alignment` as
    `overlap` is: the 2x2 folds of every tile are those of the whole picture. What is no larger than
    a tile with its overlap is not cut.
    """

    def spans(length: int) -> list[tuple[slice, slice]]:
        count = 1 if length <= tile + 2 * overlap else -(-length // tile)
        result, side = [], -(-length // count)
        side = -(-side // alignment) * alignment
        for start in range(0, length, side):
            stop = min(start + side, length)
            first, last = max(0, start - overlap), min(length, stop + overlap)
            result.append((slice(start, stop), slice(first, last)))
        return result

    for y in spans(height):
        for x in spans(width):
            inner, outer = (y[0], x[0]), (y[1], x[1])
            yield inner, outer, inside(inner, outer)


@lru_cache(maxsize=8)
def _load(name: str, engine: Engine) -> Rescaler:
    weights = read_weights(registry.path_of(name))
    runs = import_module(f"codec.networks.on_{engine.backend}")  # each takes a while to import
    return Rescaler(runs.load(weights, engine), weights.config, weights.tables)


def load(model: str, engine: Engine = ANY) -> Rescaler:
    """The rescaler of a model by name, kept for the next call.

    Raises `UnknownModelError`, and `CodecError` for an engine that cannot be had.
    """
    return _load(registry.resolve(model), engine.checked())
