"""Where a reference shows what the picture shows: motions of whole photos, found among matches of learned features.

Every cell of the picture's grid of features is compared with every cell of the reference's, in blocks of bounded
memory; pairs that choose each other are matches, and the similarity most of them agree on, refined to an affine map, is
a motion (RANSAC, Fischler and Bolles 1981, with two matches a hypothesis).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from codec.jpeg.color import luma
from codec.transfer.bands import normalised
from codec.transfer.network import STRIDE, Features

Points = npt.NDArray[np.float64]
"""`[K, 2]`: x and y in pixels, whose centres are at whole numbers."""
Motion = npt.NDArray[np.float64]
"""`[2, 3]`: x, y, 1 of a pixel of the picture -> x, y in the reference."""

BLOCK = 1 << 24
"""Products that are held at once: 64 MB."""
HYPOTHESES = 2000
VOTERS = 1000
"""Matches, at most, that a hypothesis is held against."""
NEAR = 1.5
"""Cells by which a match may miss a motion and still belong to it."""
FEWEST = 10
"""Matches that make a motion, beside those expected by chance."""
LARGEST = 2.5
"""Of a motion's change of scale."""


def features_of(features: Features, picture: Tensor) -> Tensor:
    """`[3, H, W]` in [0, 1] -> `[dimensions, H/8, W/8]`, sides rounded up."""
    height, width = picture.shape[1:]
    gray = normalised(luma(picture[None])[:, None], 33)
    found: Tensor = features(F.pad(gray, (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate"))
    return found[0]


def matches(queries: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
    """Indices `[K]` into `[N, D]` and `[M, D]` unit vectors of the pairs of which each is the other's most similar."""
    count = max(1, BLOCK // len(keys))
    of_query = torch.empty(len(queries), dtype=torch.long)
    best, of_key = torch.full((len(keys),), -2.0), torch.zeros(len(keys), dtype=torch.long)
    for start in range(0, len(queries), count):
        products = queries[start : start + count] @ keys.T
        of_query[start : start + count] = products.argmax(1)
        values, rows = products.max(0)
        of_key = torch.where(values > best, rows + start, of_key)
        best = torch.maximum(best, values)
    found = torch.nonzero(of_key[of_query] == torch.arange(len(queries)))[:, 0]
    return found, of_query[found]


class Found(NamedTuple):
    """A motion, and how many matches speak for it."""

    map: Motion
    matches: int


def motion(features: Features, picture: Tensor, reference: Tensor) -> Found | None:
    """From the picture `[3, H, W]` to the reference `[3, h, w]`, in [0, 1]; None where they have nothing in common."""
    with torch.inference_mode():
        of_picture, of_reference = features_of(features, picture), features_of(features, reference)
        i, j = matches(of_picture.flatten(1).T.contiguous(), of_reference.flatten(1).T.contiguous())
    here, there = _centres(i, of_picture.shape[2]), _centres(j, of_reference.shape[2])
    chance = len(here) * np.pi * NEAR**2 / of_reference[0].numel()
    found = _agreed(here, there)
    return found if found and found.matches >= FEWEST + 4 * chance else None


def _centres(cells: Tensor, width: int) -> Points:
    """Of cells of a grid."""
    at = torch.stack([cells % width, cells // width], 1)
    return at.numpy().astype(np.float64) * STRIDE + (STRIDE - 1) / 2


def _agreed(here: Points, there: Points) -> Found | None:
    """The motion that most matches agree on."""
    if len(here) < FEWEST or (hypothesis := _similarity(here, there)) is None:
        return None
    bound, found = NEAR * STRIDE, hypothesis
    for tightness in (1.0, 1.0, 0.7, 0.5):
        near = _misses(found, here, there) < bound * tightness
        if near.sum() < 3:
            return None
        found = np.asarray(np.linalg.lstsq(np.c_[here[near], np.ones(near.sum())], there[near], rcond=None)[0].T, float)
    stretch = np.linalg.svd(found[:, :2], compute_uv=False)
    if stretch[0] > 1.5 * LARGEST or stretch[1] < 1 / (1.5 * LARGEST):  # matches on a line tell nothing across it
        return None
    return Found(found, int((_misses(found, here, there) < bound).sum()))


def _misses(motion: Motion, here: Points, there: Points) -> npt.NDArray[np.float64]:
    """Pixels by which a motion misses each match."""
    x, y = (here @ motion[:, :2].T + motion[:, 2] - there).T
    return np.asarray(np.hypot(x, y), float)


def _similarity(here: Points, there: Points) -> Motion | None:
    """The best of many that two matches each define; None if none is sane."""
    random = np.random.default_rng(0)
    z, w = here @ np.array([1, 1j]), there @ np.array([1, 1j])  # a similarity is a complex line: w = a z + b
    one, two = random.integers(len(z), size=(2, HYPOTHESES))
    one, two = (i[np.abs(z[one] - z[two]) > 2 * STRIDE] for i in (one, two))
    a = (w[one] - w[two]) / (z[one] - z[two])
    sane = (np.abs(a) < LARGEST) & (np.abs(a) > 1 / LARGEST)
    if not sane.any():
        return None
    a, b = a[sane], (w[one] - a * z[one])[sane]
    voters = random.permutation(len(z))[:VOTERS]
    votes = (np.abs(a[:, None] * z[voters] + b[:, None] - w[voters]) < NEAR * STRIDE).sum(1)
    a, b = a[votes.argmax()], b[votes.argmax()]
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])
