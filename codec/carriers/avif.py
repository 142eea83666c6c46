"""The AVIF carrier."""

import io
from collections.abc import Mapping
from typing import Any, ClassVar

from PIL import Image

from codec import embed, payload
from codec import exif as exifs
from codec import header as headers
from codec.carriers.base import Carrier, LRFile, Options


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
    """Speed 6, libavif's default."""

    name: ClassVar = "avif"
    pillow: ClassVar = "AVIF"
    suffixes: ClassVar = (".avif",)
    mime: ClassVar = "image/avif"
    max_side: ClassVar = 32_768  # libavif reads no larger ones by default

    def save(self, img: Image.Image, options: Options, metadata: Mapping[str, bytes]) -> bytes:
        out, kept = io.BytesIO(), dict[str, Any](metadata)
        if exif := metadata.get("exif"):
            kept["exif"] = _Untouched(exif)
        img.save(out, "AVIF", quality=options.quality, subsampling=self.subsampling(options), speed=6, **kept)
        return out.getvalue()

    def digest(self, file: LRFile) -> str:
        return headers.digest(file.size, payload.isobmff(file.data))
