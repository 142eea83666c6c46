"""Restored pixels and references to better pixels: matching once for the whole, all else in tiles."""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from codec.boxes import Box, inside
from codec.picture import Pixels
from codec.transfer import Told, flow
from codec.transfer.bands import evidence, without_known
from codec.transfer.matching import Motion, motion
from codec.transfer.network import TransferNet
from codec.transfer.weights import load_network

MATCHED = 1_000_000
"""Pixels at which photos are matched; larger ones are reduced for it."""
LEAST = 16
"""Pixels that a side must have to be matched at all."""
COARSEST = 0.4
"""Reference pixels per pixel of the picture, below which the reference has no detail to give."""
TILE, OVERLAP = 512, 64
"""Pixels a side of a tile, and what is computed around it: REACH and the windows and convolutions behind it."""
MARGIN = 2 * flow.REACH
"""Reference pixels around a window that are looked at."""
THRESHOLD = 0.08
"""Shares below it are zero: what is hardly trusted is not taken at all."""


class Aligned(NamedTuple):
    """A reference with its motion."""

    pixels: Pixels
    """`[h, w, 3]`: the part that the picture can see, no finer than it."""
    motion: Motion
    corner: tuple[int, int] = (0, 0)
    """Column and row of the reference at which that part begins."""


class Tile(NamedTuple):
    """A part of the picture, and what is computed for it."""

    inner: Box
    outer: Box


def tiles_of(height: int, width: int) -> Iterator[Tile]:
    """Of a picture; they begin at multiples of 8."""
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            inner = (slice(top, min(top + TILE, height)), slice(left, min(left + TILE, width)))
            outer = (_wider(inner[0], height), _wider(inner[1], width))
            yield Tile(inner, outer)


def _wider(span: slice, length: int) -> slice:
    return slice(max(0, span.start - OVERLAP), min(length, span.stop + OVERLAP))


def to_tensor(pixels: Pixels) -> Tensor:
    """uint8 `[H, W, 3]` -> `[3, H, W]` in [0, 1]."""
    return torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1) / 255


def _resized(pixels: Pixels, factor: float) -> tuple[Pixels, Motion]:
    """By a factor, and the motion from the result to `pixels`."""
    height, width = pixels.shape[:2]
    if factor == 1:
        return pixels, np.eye(2, 3)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    small = np.array(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
    x, y = width / size[0], height / size[1]
    return small, np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2]])


def _after(second: Motion, first: Motion) -> Motion:
    """`second` of what `first` makes of a point."""
    return np.hstack([second[:, :2] @ first[:, :2], second[:, :2] @ first[:, 2:] + second[:, 2:]])


def _inverse(of: Motion) -> Motion:
    turned = np.linalg.inv(of[:, :2])
    return np.hstack([turned, -turned @ of[:, 2:]])


def scale_of(of: Motion) -> float:
    """Reference pixels per pixel, along a side."""
    return math.sqrt(abs(np.linalg.det(of[:, :2])))


def align(net: TransferNet, pixels: Pixels, reference: Pixels) -> Aligned | None:
    """What the picture can see of the reference; None where they have nothing in common, or it has too little to give.

    They are compared at the same scale, and where the reference has another number of pixels, also as if it showed the
    same view.
    """
    area, other = (p.shape[0] * p.shape[1] for p in (pixels, reference))
    if min(pixels.shape[:2] + reference.shape[:2]) < LEAST:
        return None
    small, enlarge = _resized(pixels, min(1.0, math.sqrt(MATCHED / area)))
    factor = small.shape[0] / pixels.shape[0]
    alike = math.sqrt(small.shape[0] * small.shape[1] / other)
    most = math.sqrt(2 * MATCHED / other)
    factors = [min(factor, most)] + ([alike] if abs(math.log(alike / factor)) > 0.25 else [])
    found = []
    for f in factors:
        shrunk, back = _resized(reference, f)
        if min(shrunk.shape[:2]) >= LEAST and (m := motion(net.features, to_tensor(small), to_tensor(shrunk))):
            found.append((m.matches, _after(back, _after(m.map, _inverse(enlarge)))))
    if not found:
        return None
    best = max(found, key=lambda each: each[0])[1]
    if scale_of(best) < COARSEST:
        return None
    fitting, back = _resized(reference, min(1.0, 1 / scale_of(best)))
    return _seen(fitting, _after(_inverse(back), best), *pixels.shape[:2])


def _seen(reference: Pixels, of: Motion, height: int, width: int) -> Aligned:
    """The part of a reference that a picture may ask for; a copy, so that the whole need not be kept."""
    right, bottom = width + 7, height + 7  # windows end at multiples of 8
    ends = np.array([[x, y, 1] for x in (0, right) for y in (0, bottom)]) @ of.T
    size = reference.shape[1::-1]
    left, top = np.clip(np.floor(ends.min(0)) - MARGIN, 0, size).astype(int).tolist()
    right, bottom = np.clip(np.ceil(ends.max(0)) + MARGIN, 0, size).astype(int).tolist()
    return Aligned(reference[top:bottom, left:right].copy(), of, (left, top))


def warped(restored: Tensor, aligned: Aligned, top: int, left: int) -> tuple[Tensor, Tensor]:
    """The reference as it shows a window of the picture `[1, 3, H, W]` (sides multiples of 8) that begins there.

    `[1, 3, H, W]`, and where it reaches, `[1, 1, H, W]`.
    """
    height, width = restored.shape[-2:]
    at = flow.grid(aligned.motion, top, left, height, width)
    (h, w), (left_x, top_y) = aligned.pixels.shape[:2], aligned.corner
    (x0, y0), (x1, y1) = (at.flatten(0, 2).amin(0).tolist(), at.flatten(0, 2).amax(0).tolist())
    first_x, last_x = max(left_x, int(x0) - MARGIN), min(left_x + w, int(x1) + MARGIN)
    first_y, last_y = max(top_y, int(y0) - MARGIN), min(top_y + h, int(y1) + MARGIN)
    if first_x + 2 > last_x or first_y + 2 > last_y:
        return restored, torch.zeros_like(restored[:, :1])
    seen = to_tensor(aligned.pixels[first_y - top_y : last_y - top_y, first_x - left_x : last_x - left_x])[None]
    at = at - at.new_tensor([first_x, first_y])
    size = seen.shape[-2:]
    found = flow.displacement_of(restored, flow.sample(seen, at), flow.inside(at, *size))
    linear = torch.from_numpy(aligned.motion[:, :2]).float()
    at = at + found.permute(0, 2, 3, 1) @ linear.T
    return flow.sample(seen, at).clamp(0, 1), flow.inside(at, *size)


@torch.inference_mode()
def change(
    net: TransferNet, restored: Tensor, references: Sequence[Aligned], told: Told, top: int, left: int
) -> tuple[Tensor, Tensor]:
    """What references add to a window `[1, 3, H, W]` of the restored picture, and how far they are trusted.

    `[1, 3, H, W]` and `[1, 1, H, W]`, 0…1; one reference at a time, weighed by their shares where several are trusted.
    """
    height, width = restored.shape[-2:]
    padded = F.pad(restored, (0, -width % 8, 0, -height % 8), mode="replicate")
    total, weights, trust = (torch.zeros_like(padded[:, :channels]) for channels in (3, 1, 1))
    for reference in references:
        other, there = warped(padded, reference, top, left)
        if not there.any():
            continue
        seen, bands = evidence(padded, other, there, torch.tensor([told]))
        taken, shares = net(seen, bands, THRESHOLD)
        share = shares.amax(1, keepdim=True)
        weight = share**4  # the most trusted reference prevails
        total, weights, trust = total + weight * taken, weights + weight, torch.maximum(trust, share)
    added = without_known(total / weights.clamp_min(1e-6))
    return added[..., :height, :width], trust[..., :height, :width]


class Transferred(NamedTuple):
    """What `transfer` returns."""

    pixels: Pixels
    """`[H, W, 3]`."""
    trust: Pixels
    """`[H, W]`, 0…255: how much of the reference's detail was taken."""


def transfer(
    pixels: Pixels, references: Iterable[Pixels], told: Told, strength: float = 1.0, progress: bool = False
) -> Transferred:
    """Restored pixels `[H, W, 3]` with the detail of references, each `[h, w, 3]`, where they show the same.

    References are taken one after the other, and each is let go of before the next. `told` by the file; `strength` 0…1.
    """
    out, trust = pixels.copy(), np.zeros(pixels.shape[:2], np.uint8)
    if not strength:
        return Transferred(out, trust)
    net = load_network()
    found = [aligned for aligned in map(partial(align, net, pixels), references) if aligned]  # a loop would keep two
    if not found:
        return Transferred(out, trust)
    tiles = list(tiles_of(*pixels.shape[:2]))
    for tile in tqdm(tiles, unit="tile", disable=None if progress and len(tiles) > 1 else True, leave=False):
        before = to_tensor(pixels[tile.outer])[None]
        added, trusted = change(net, before, found, told, tile.outer[0].start, tile.outer[1].start)
        after = (before + strength * added)[0].clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).numpy()
        cut = inside(*tile)
        out[tile.inner] = after[cut]
        trust[tile.inner] = (255 * trusted[0, 0]).round().byte().numpy()[cut]
    return Transferred(out, trust)
