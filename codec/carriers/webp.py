"""The WebP carrier: lossy VP8, always 4:2:0."""

import io
from collections.abc import Mapping
from typing import ClassVar

from PIL import Image

from codec import header as headers
from codec import payload
from codec.carriers.base import Carrier, LRFile, Options


class WebP(Carrier):
    """Method 6, the slowest: a small picture is encoded once and stored for years."""

    name: ClassVar = "webp"
    pillow: ClassVar = "WEBP"
    suffixes: ClassVar = (".webp",)
    mime: ClassVar = "image/webp"
    max_side: ClassVar = 16_383
    refined: ClassVar = "pixels"
    subsamplings: ClassVar = ("4:2:0",)

    def save(self, img: Image.Image, options: Options, metadata: Mapping[str, bytes]) -> bytes:
        out = io.BytesIO()
        # exact: where nothing shows, the network still reads
        img.save(out, "WEBP", quality=options.quality, method=6, exact=True, **metadata)
        return out.getvalue()

    def digest(self, file: LRFile) -> str:
        return headers.digest(file.size, payload.webp(file.data))
