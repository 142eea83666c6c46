"""The HEIF carrier (HEVC), by the optional pillow-heif.

Viewers of HEIF do not look at EXIF's orientation: libheif writes it as a transformation of its own too, and readers
apply that. We undo it after reading, so that pixels have the order in which they were given.
"""

import io
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from PIL import Image

from codec import header as headers
from codec import payload
from codec.carriers.base import Carrier, LRFile, Options
from codec.header import Size
from codec.picture import Pixels
from codec.reading import optional, our_errors

_UNDO = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""EXIF orientation -> what leads from the upright picture back to the stored one."""


def _orientation(img: Image.Image) -> int:
    """What libheif found in EXIF or XMP when it wrote the file, and has undone."""
    return img.info.get("original_orientation") or 1


class HEIF(Carrier):
    """Pillow-heif's defaults otherwise."""

    name: ClassVar = "heif"
    pillow: ClassVar = "HEIF"
    suffixes: ClassVar = (".heic", ".heif", ".hif")
    mime: ClassVar = "image/heic"
    max_side: ClassVar = 16_384

    def check(self, options: Options) -> None:
        super().check(options)
        optional("pillow_heif", "heif")

    def save(self, img: Image.Image, options: Options, metadata: Mapping[str, bytes]) -> bytes:
        out, chroma = io.BytesIO(), self.subsampling(options).replace(":", "")
        # all three are named, for what is not would be taken from the image
        kept = {k: metadata.get(k) for k in ("exif", "icc_profile", "xmp")}
        optional("pillow_heif", "heif").from_pillow(img).save(out, quality=options.quality, chroma=chroma, **kept)
        return out.getvalue()

    def open(self, data: bytes, img: Image.Image) -> LRFile | None:
        # a Pillow image has EXIF and XMP already changed to say "upright"
        with our_errors("the file's metadata are damaged"):
            raw = optional("pillow_heif", "heif").open_heif(io.BytesIO(data)).info
        img.info |= {"exif": raw.get("exif"), "xmp": raw.get("xmp")}
        return LRFile(self, data, img)

    def digest(self, file: LRFile) -> str:
        return headers.digest(file.size, payload.isobmff(file.data))

    def stored_size(self, img: Image.Image) -> Size:
        return img.size if _orientation(img) < 5 else img.size[::-1]

    def pixels(self, img: Image.Image) -> Pixels:
        undo = _UNDO.get(_orientation(img))
        rgb = img.convert("RGB")
        return np.array(rgb if undo is None else rgb.transpose(undo))
