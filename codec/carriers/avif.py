"""The AVIF carrier."""

import io
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

from PIL import Image

from codec import embed, payload
from codec import exif as exifs
from codec import header as headers
from codec.carriers.base import Carrier, LRFile, Options

SETTINGS = {
    # libavif's own choice for pictures, named first, for it sets all others
    "color:tune": "iq",
    # its matrices quantise high frequencies more coarsely, and that is where the network hides what it hides
    "color:enable-qm": "0",
    # both smooth what looks like noise, and is not
    "color:enable-cdef": "0",
    "color:enable-adaptive-sharpness": "0",
}
"""Of aom, for pixels that a network reads. Together 12 % fewer bytes at equal PSNR of the restored picture, the
matrices alone 10 % (kodim03, 05, 13, 23); full-size pictures would gain nothing from them."""

LOSSLESS = 100
"""The quality at which aom has nothing to tune, and refuses to."""


@cache
def _settings() -> dict[str, str]:
    """`SETTINGS`, or nothing for an encoder that knows them not: another than aom, or an old one."""
    try:
        Image.new("RGB", (16, 16)).save(io.BytesIO(), "AVIF", advanced=SETTINGS)
    except (ValueError, RuntimeError, OSError):  # Pillow's for options that the encoder refuses
        return {}
    return SETTINGS


class _Untouched(Image.Exif):
    """EXIF that Pillow asks for the orientation, which AVIF tells in its own way, but does not write anew."""

    def __init__(self, raw: bytes) -> None:
        super().__init__()
        self[exifs.ORIENTATION] = exifs.orientation(raw)
        self[embed.SOFTWARE] = ""  # Pillow takes the orientation out, and would leave out empty EXIF
        self.raw = raw

    def tobytes(self, offset: int = 8) -> bytes:
        return self.raw


class AVIF(Carrier):
    """Speed 6, libavif's default; none of the filters and matrices that are made for eyes."""

    name: ClassVar = "avif"
    pillow: ClassVar = "AVIF"
    suffixes: ClassVar = (".avif",)
    mime: ClassVar = "image/avif"
    max_side: ClassVar = 32_768  # libavif reads no larger ones by default
    refined: ClassVar = "pixels"

    def save(self, img: Image.Image, options: Options, metadata: Mapping[str, bytes]) -> bytes:
        out, kept = io.BytesIO(), dict[str, Any](metadata)
        if exif := metadata.get("exif"):
            kept["exif"] = _Untouched(exif)
        img.save(
            out,
            "AVIF",
            quality=options.quality,
            subsampling=self.subsampling(options),
            speed=6,
            advanced={} if options.quality == LOSSLESS else _settings(),
            **kept,
        )
        return out.getvalue()

    def digest(self, file: LRFile) -> str:
        return headers.digest(file.size, payload.isobmff(file.data))
