"""The PNG carrier: the LR picture lossless, for those who must not lose a level of it."""

import io
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from codec import header as headers
from codec.carriers.base import Carrier, LRFile, Options
from codec.picture import Picture, Pixels, load_image
from codec.pillow_info import xmp_of


def _bytes(pixels: Pixels) -> memoryview:
    return np.ascontiguousarray(pixels).data.cast("B")


class PNG(Carrier):
    """Quality plays no part. The digest is the pixels' own, so that it outlives any recompression."""

    name: ClassVar = "png"
    pillow: ClassVar = "PNG"
    suffixes: ClassVar = (".png",)
    mime: ClassVar = "image/png"
    max_side: ClassVar = 1_000_000
    refined: ClassVar = "pixels"
    subsamplings: ClassVar = ("4:4:4",)
    lossy: ClassVar = False
    grey: ClassVar = True

    def save(self, img: Image.Image, options: Options, metadata: Mapping[str, bytes]) -> bytes:
        out, info = io.BytesIO(), PngInfo()
        kept = dict(metadata)
        if xmp := kept.pop("xmp", None):
            info.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "surrogateescape"))
        img.save(out, "PNG", optimize=True, pnginfo=info, **kept)
        return out.getvalue()

    def open(self, data: bytes, img: Image.Image) -> LRFile | None:
        if xmp := xmp_of(img):
            img.info["xmp"] = xmp
        return super().open(data, img)

    def written_digest(self, lr: Picture, options: Options) -> str | None:
        return headers.digest(lr.size, [_bytes(lr.pixels)])

    def digest(self, file: LRFile) -> str:
        load_image(file.image)
        return headers.digest(file.size, [_bytes(self.pixels(file.image))])
