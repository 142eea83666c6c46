"""Texture transfer: another photo of the same scene lends its detail to a restored picture.

    read references   any input, turned as the restored picture is stored
    matching          learned features, one motion for each reference (`matching`), then subpixel displacements (`flow`)
    fusion            which share of the aligned reference's detail to take, by pixel and band (`network`, `bands`)
    apply             all of it, in tiles

Nothing is taken of what the picture reduced to a quarter already tells, and nothing where the two photos disagree.
Importing this package imports no torch.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from codec import exif
from codec.errors import CodecError
from codec.metadata import Metadata
from codec.models.description import describe
from codec.picture import Picture, Pixels, read_picture

MOST = 16
"""References that are taken at a time."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture of an orientation upright."""
_BACK = {**_TURNS, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
"""What undoes that."""


class Told(NamedTuple):
    """What a file tells of how much detail it holds."""

    scale: int
    """Of its model: 1, 2 or 4."""
    condition: float
    """Mean log2 quantisation step, 0…8, as `codec.opening.Opened.condition`."""


@dataclass(frozen=True)
class References:
    """Other photos of the scene, and how much of their detail is wanted, 0…1."""

    pictures: list[Picture]
    strength: float = 1.0

    @classmethod
    def read(cls, reference: Any, strength: float = 1.0, max_pixels: int | None = None) -> "References":
        """One reference, or a list or tuple of up to `MOST`: each anything that `codec.encode` takes.

        Raises `CodecError` for none, for too many, for what is no picture, and where torch is not installed.
        """
        each = list(reference) if isinstance(reference, list | tuple) else [reference]
        if not 1 <= len(each) <= MOST:
            raise CodecError(f"reference must be a picture or a list of 1…{MOST}, not of {len(each)}")
        if not find_spec("torch"):
            raise CodecError("a reference needs torch, whichever backend decodes: pip install 'sain-codec[torch]'")
        return cls([read_picture(one, max_pixels) for one in each], strength)

    @staticmethod
    def told(model: str, condition: float) -> Told:
        """By a file of a model and a condition."""
        return Told(describe(model).scale, condition)

    def lent(self, pixels: Pixels, told: Told, metadata: Metadata, progress: bool = False) -> Pixels:
        """Restored pixels `[H, W, 3]` or `[H, W]` with the references' detail; the same where there is none to take.

        `told` by the file that they were restored from; `metadata`: its own, for the orientation.
        """
        from codec.transfer.apply import transfer

        turned = [_as_stored(picture, _orientation(metadata)) for picture in self.pictures]
        out = transfer(Picture(pixels).rgb, turned, told, self.strength, progress).pixels
        return out if pixels.ndim == 3 else np.array(Image.fromarray(out).convert("L"))


def _orientation(metadata: Metadata) -> int:
    return exif.orientation(metadata.exif) if metadata.exif else 1


def _as_stored(picture: Picture, orientation: int) -> Pixels:
    """Pixels `[H, W, 3]` of a picture, upright, then turned as a picture of `orientation` is stored."""
    img = Image.fromarray(picture.rgb)
    for turns, which in ((_TURNS, _orientation(picture.metadata)), (_BACK, orientation)):
        img = img.transpose(turns[which]) if which in turns else img
    return np.array(img)
