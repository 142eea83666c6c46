"""The JPEG XL carrier, by the optional pillow-jxl-plugin.

The plugin writes neither ICC profiles nor orientation in the format's own way: a picture with a profile is refused,
and viewers show a turned picture unturned (`decode` gives its EXIF back all the same).
"""

import io
from collections.abc import Mapping
from typing import ClassVar

from PIL import Image

from codec import header as headers
from codec import payload
from codec.carriers.base import Carrier, LRFile, Options
from codec.errors import CodecError
from codec.reading import optional


class JXL(Carrier):
    """Effort 7, the library's default."""

    name: ClassVar = "jxl"
    pillow: ClassVar = "JXL"
    suffixes: ClassVar = (".jxl",)
    mime: ClassVar = "image/jxl"
    max_side: ClassVar = 65_535
    subsamplings: ClassVar = ("4:4:4",)

    def check(self, options: Options) -> None:
        super().check(options)
        optional("pillow_jxl", "jxl")

    def save(self, img: Image.Image, options: Options, metadata: Mapping[str, bytes]) -> bytes:
        if "icc_profile" in metadata:
            raise CodecError('the JPEG XL plugin writes no ICC profile: convert to sRGB, or take strip="icc"')
        out = io.BytesIO()
        # the plugin's quality 100 is lossless, and takes many times the bytes of 99
        quality = min(options.quality, 99)
        img.save(out, "JXL", quality=quality, effort=7, use_container=True, **metadata)
        return out.getvalue()

    def open(self, data: bytes, img: Image.Image) -> LRFile | None:
        img.info.pop("icc_profile", None)  # made up by the decoder
        img.info["xmp"] = payload.jxl_xmp(data)  # the plugin does not look for it
        return LRFile(self, data, img)

    def digest(self, file: LRFile) -> str:
        return headers.digest(file.size, payload.jxl(file.data))
