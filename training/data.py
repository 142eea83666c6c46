"""Random crops from folders of photos, held in memory as bytes."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import IterableDataset
from tqdm import tqdm

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".avif"}
HALVE_ABOVE = 1200
"""Photos whose shorter side exceeds this are also used at half size: sharper, closer to what evaluation sets hold."""


def find_pictures(folders: Sequence[Path]) -> list[Path]:
    """All pictures below `folders`, sorted; raises FileNotFoundError if there is none."""
    paths = sorted(p for folder in folders for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    if not paths:
        raise FileNotFoundError(f"no pictures ({', '.join(sorted(SUFFIXES))}) below {', '.join(map(str, folders))}")
    return paths


def load_pictures(folders: Sequence[Path], smallest: int) -> list[Tensor]:
    """Every photo of at least `smallest` pixels a side as uint8 `[3, H, W]`; large ones once more at half size."""
    pictures = []
    for path in tqdm(find_pictures(folders), desc="photos", unit="", disable=None):
        with Image.open(path) as file:
            img = file.convert("RGB")
        sizes = [img, img.reduce(2)] if min(img.size) > HALVE_ABOVE else [img]
        pictures += [torch.from_numpy(np.array(i)).permute(2, 0, 1) for i in sizes if min(i.size) >= smallest]
    return pictures


class Crops(IterableDataset[Tensor]):
    """Endless random `[3, crop, crop]` uint8 crops, flipped and transposed at random.

    A photo is drawn with probability proportional to the square root of its pixels, so that a few huge ones do not
    crowd out the rest.
    """

    def __init__(self, pictures: list[Tensor], crop: int, seed: int) -> None:
        self.pictures, self.crop, self.seed = pictures, crop, seed
        self.weights = torch.tensor([float(p[0].numel()) ** 0.5 for p in pictures])

    def __iter__(self) -> Iterator[Tensor]:
        worker = torch.utils.data.get_worker_info()
        random = torch.Generator().manual_seed(self.seed + 1000 * (worker.id if worker else 0))
        while True:
            picture = self.pictures[int(torch.multinomial(self.weights, 1, generator=random))]
            top, left = (int(torch.randint(n - self.crop + 1, (), generator=random)) for n in picture.shape[1:])
            crop = picture[:, top : top + self.crop, left : left + self.crop]
            flip_x, flip_y, transpose = torch.randint(2, (3,), generator=random).tolist()
            crop = crop.flip([d for d, flip in ((1, flip_y), (2, flip_x)) if flip])
            yield (crop.transpose(1, 2) if transpose else crop).contiguous()
