"""Texture transfer: another photo of the same scene lends its detail to a restored picture.

    read references   any input, turned as the restored picture is stored
    matching          learned features, one motion for each reference (`matching`), then subpixel displacements (`flow`)
    fusion            which share of the aligned reference's detail to take, by pixel and band (`network`, `bands`)
    apply             all of it, in tiles

Nothing is taken of what the picture reduced to a quarter already tells, and nothing where the two photos disagree.
Importing this package imports no torch.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from codec import exif
from codec.errors import CodecError
from codec.metadata import Metadata
from codec.models.description import describe
from codec.picture import Picture, Pixels, in_memory, open_image, read_bytes, read_picture

MOST = 16
"""References that are taken at a time."""

_TURNS = {2: (True, 0), 3: (False, 2), 4: (True, 2), 5: (True, 1), 6: (False, 3), 7: (True, 3), 8: (False, 1)}
"""What makes a picture of an orientation upright: whether to mirror it, then quarter turns to the left."""
_UNDONE = {6: 8, 8: 6}
"""The orientation whose turn undoes that of another one, where it is not its own."""


class Told(NamedTuple):
    """What a file tells of how much detail it holds."""

    scale: int
    """Of its model: 1, 2 or 4."""
    condition: float
    """Mean log2 quantisation step, 0…8, as `codec.opening.Opened.condition`."""


@dataclass(frozen=True)
class References:
    """Other photos of the scene, and how much of their detail is wanted, 0…1."""

    sources: list[Any]
    """Encoded bytes, or what is in memory in any case: they are decoded when their turn comes, one at a time."""
    strength: float = 1.0
    max_pixels: int | None = None
    """Of each of them."""

    @classmethod
    def read(cls, reference: Any, strength: float = 1.0, max_pixels: int | None = None) -> "References":
        """One reference, or any iterable of up to `MOST`: each anything that `codec.encode` takes.

        Raises `CodecError` for none, for too many, for what is no picture or too large, and where torch is not
        installed; OSError for files that cannot be read. Only damage within encoded pixels comes to light later.
        """
        each = _listed(reference)
        if not 1 <= len(each) <= MOST:
            raise CodecError(f"reference must be a picture or 1…{MOST} of them, not {'more' if each else 'none'}")
        if not find_spec("torch"):
            raise CodecError("a reference needs torch, whichever backend decodes: pip install 'sain-codec[torch]'")
        sources = []
        for number, one in enumerate(each, 1):
            with _named(number, len(each)):
                sources.append(_checked(one, max_pixels))
        return cls(sources, strength, max_pixels)

    @staticmethod
    def told(model: str, condition: float) -> Told:
        """By a file of a model and a condition."""
        return Told(describe(model).scale, condition)

    def lent(self, pixels: Pixels, told: Told, metadata: Metadata, progress: bool = False) -> Pixels:
        """Restored pixels `[H, W, 3]` or `[H, W]` with the references' detail; the same where there is none to take.

        `told` by the file that they were restored from; `metadata`: its own, for the orientation.
        """
        from codec.transfer.apply import transfer

        orientation = _orientation(metadata)
        turned = (self._as_stored(number, orientation) for number in range(1, len(self.sources) + 1))
        out = transfer(Picture(pixels).rgb, turned, told, self.strength, progress).pixels
        return out if pixels.ndim == 3 else np.array(Image.fromarray(out).convert("L"))

    def _as_stored(self, number: int, orientation: int) -> Pixels:
        with _named(number, len(self.sources)):
            picture = read_picture(self.sources[number - 1], self.max_pixels, stored=False)
        return _as_stored(picture, orientation)


def _listed(reference: Any) -> list[Any]:
    """One reference as a list; of several, one more than `MOST` at the most."""
    one = isinstance(reference, str | bytes | bytearray | memoryview) or hasattr(reference, "read")
    if one or in_memory(reference) or not isinstance(reference, Iterable):
        return [reference]
    return list(islice(reference, MOST + 1))


@contextmanager
def _named(number: int, count: int) -> Iterator[None]:
    """Errors say which of the references they are about."""
    name = f"reference {number} of {count}" if count > 1 else "reference"
    try:
        yield
    except CodecError as error:
        raise type(error)(f"{name}: {error}") from None
    except (TypeError, ValueError) as error:  # no picture at all, or a closed file
        raise CodecError(f"{name}: {error}") from None
    except OSError as error:
        said = (error.errno, f"{name}: {error.strerror}", error.filename) if error.errno else (f"{name}: {error}",)
        raise OSError(*said) from None


def _checked(reference: Any, max_pixels: int | None) -> Any:
    """The bytes of an encoded one, with a look at what they say of themselves; pixels as they are."""
    if in_memory(reference):
        read_picture(reference, max_pixels, stored=False)
        return reference
    data = read_bytes(reference)
    open_image(data, max_pixels)
    return data


def _orientation(metadata: Metadata) -> int:
    return exif.orientation(metadata.exif) if metadata.exif else 1


def _as_stored(picture: Picture, orientation: int) -> Pixels:
    """Pixels `[H, W, 3]` of a picture, upright, then turned as a picture of `orientation` is stored: a view of them."""
    pixels = picture.rgb
    for which in (_orientation(picture.metadata), _UNDONE.get(orientation, orientation)):
        mirrored, turns = _TURNS.get(which, (False, 0))
        pixels = np.rot90(pixels[:, ::-1] if mirrored else pixels, turns)
    return pixels
