"""What texture transfer learns from: photos beside what the codec restores of them, and other photos of the scene.

The codec takes a second for each picture, so it is asked once: `prepared` keeps its answers in a folder. Another photo
of the scene is made anew each time, by a known warp, other exposure and a JPEG of its own (`other_photo`).
"""

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F
from tqdm import tqdm

import codec
from codec.models import registry
from codec.opening import open_file
from codec.picture import Pixels
from codec.scaling import models_of
from codec.transfer import References, Told
from training.data import find_pictures, load_pictures

SIDE = 448
"""Pixels a side of a kept photo."""
SCALES, SHARES = (4, 2, 1), (0.5, 0.3, 0.2)
"""Of the files, and how often each is taken."""


@dataclass(frozen=True)
class Warp:
    """How large the differences between two photos of one scene are drawn."""

    scale: tuple[float, float] = (0.75, 1.35)
    """Reference pixels per pixel."""
    degrees: float = 10.0
    shift: float = 0.15
    """Of the side."""
    perspective: float = 0.04
    """Change of scale from the centre to the edge."""


class Prepared(NamedTuple):
    """What `prepared` keeps."""

    pairs: np.ndarray
    """`[N, 2, SIDE, SIDE, 3]` uint8, mapped from a file: photos, and what the codec restores of them."""
    told: np.ndarray
    """`[N, 2]` float32: scale and condition of the files."""


def _digest(photos: tuple[Path, ...]) -> str:
    """Of what the files in a folder were made from: the photos' names and sizes, and the models."""
    found = [(path.name, path.stat().st_size) for path in find_pictures(photos)]
    models = [registry.resolve(model) for scale in SCALES for model in models_of(scale)]
    return hashlib.sha256(json.dumps([found, models]).encode()).hexdigest()[:8]


def prepared(photos: tuple[Path, ...], folder: Path, regions: int, seed: int = 0) -> Prepared:
    """From files in `folder`, which are made if they are not there, or were made from other photos or by other models.

    `regions` are cut of every photo (of large ones once more at half size); each becomes a file of a scale of `SCALES`
    at a quality of 20…90.
    """
    digest = _digest(photos)
    paths = [folder / f"{name}-{regions}x{SIDE}-{seed}-{digest}.npy" for name in Prepared._fields]
    if not all(path.exists() for path in paths):
        random, pairs, told = np.random.default_rng(seed), [], []
        folder.mkdir(parents=True, exist_ok=True)
        for picture in tqdm(load_pictures(photos, SIDE), desc="restored", unit="", disable=None):
            for _ in range(regions):
                top, left = (int(random.integers(n - SIDE + 1)) for n in picture.shape[1:])
                cut = picture[:, top : top + SIDE, left : left + SIDE].permute(1, 2, 0).numpy()
                quality, scale = int(random.integers(20, 91)), int(random.choice(SCALES, p=SHARES))
                file = codec.encode(cut, quality, scale=scale)  # type: ignore[arg-type]
                pairs.append(np.stack([cut, codec.decode(file, to="numpy")]))
                told.append(told_by(file))
        for path, array in zip(paths, (np.stack(pairs), np.array(told, np.float32)), strict=True):
            partial = path.with_suffix(".partial.npy")
            np.save(partial, array)
            partial.replace(path)
    return Prepared(*(np.load(path, mmap_mode="r") for path in paths))


def told_by(file: bytes) -> Told:
    """Scale and condition of a file of `codec.encode`."""
    opened = open_file(file, None, "raise", None)
    return References.told(opened.header.model, opened.condition)


def drawn(warp: Warp, side: int, random: np.random.Generator) -> tuple[np.ndarray, int]:
    """A homography `[3, 3]` from pixels of a photo of `side` to those of another one, and the other's side."""
    scale, turn = np.exp(random.uniform(*np.log(warp.scale))), np.deg2rad(random.uniform(-1, 1) * warp.degrees)
    other = int(side * min(1.0, scale) * random.uniform(0.8, 1.0))
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    centre = np.array([[1, 0, -side / 2], [0, 1, -side / 2], [0, 0, 1]])
    bent = np.vstack([np.eye(2, 3), [*random.uniform(-1, 1, 2) * 2 * warp.perspective / side, 1]])
    shift = other / 2 + random.uniform(-1, 1, 2) * warp.shift * other
    return np.array([[cos, -sin, shift[0]], [sin, cos, shift[1]], [0, 0, 1]]) @ bent @ centre, other


def moved(photo: Pixels, homography: np.ndarray, side: tuple[int, int]) -> Pixels:
    """The photo `[H, W, 3]` as the other camera sees it, `side` (height, width); mirrored beyond its border.

    Sampled four times a pixel and averaged, for it may be smaller there.
    """
    x, y = np.meshgrid(*((np.arange(2 * n) - 0.5) / 2 for n in side[::-1]))
    points = np.stack([x, y, np.ones_like(x)], -1) @ np.linalg.inv(homography).T
    at = torch.from_numpy(points[..., :2] / points[..., 2:])[None].float()
    planes = torch.from_numpy(photo.astype(np.float32)).permute(2, 0, 1)[None]
    size = at.new_tensor([photo.shape[1], photo.shape[0]])
    seen = F.grid_sample(planes, (2 * at + 1) / size - 1, "bicubic", "reflection", align_corners=False)
    pixels: Pixels = F.avg_pool2d(seen, 2)[0].clamp(0, 255).round().byte().permute(1, 2, 0).numpy()
    return pixels


def shot(pixels: Pixels, random: np.random.Generator) -> Pixels:
    """With another exposure and white balance, saved as a JPEG of quality 85…95."""
    gains = np.exp(random.uniform(-0.12, 0.12) + random.uniform(-0.03, 0.03, 3))
    levels = 255 * np.clip((pixels / 255) ** np.exp(random.uniform(-0.12, 0.12)) * gains, 0, 1)
    out = io.BytesIO()
    Image.fromarray(levels.round().astype(np.uint8)).save(out, "JPEG", quality=int(random.integers(85, 96)))
    with Image.open(out) as img:
        return np.array(img)


def other_photo(photo: Pixels, warp: Warp, random: np.random.Generator) -> tuple[Pixels, np.ndarray]:
    """Another photo of the scene of a square one, and the homography to it."""
    homography, side = drawn(warp, photo.shape[0], random)
    return shot(moved(photo, homography, (side, side)), random), homography


def with_another_object(reference: Pixels, other: Pixels, random: np.random.Generator) -> Pixels:
    """With an ellipse, or a half, of what another photo shows in its place."""
    h, w = (min(n) for n in zip(reference.shape[:2], other.shape[:2], strict=True))
    y, x = np.ogrid[:h, :w]
    if random.random() < 0.5:
        (cy, cx), (ry, rx) = random.uniform(0.2, 0.8, 2), random.uniform(0.1, 0.35, 2)
        mask = ((y / h - cy) / ry) ** 2 + ((x / w - cx) / rx) ** 2 < 1
    else:
        turn = random.uniform(0, 2 * np.pi)
        mask = (y / h - 0.5) * np.cos(turn) + (x / w - 0.5) * np.sin(turn) > 0
    changed = reference.copy()
    changed[:h, :w][mask] = other[:h, :w][mask]
    return changed
