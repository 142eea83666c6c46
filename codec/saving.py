"""A restored picture as an ordinary full-size file, with all of its metadata."""

import io
from pathlib import PurePath
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from codec.errors import UnsupportedFormatError
from codec.reading import our_errors

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".avif": "AVIF",
    ".bmp": "BMP",
}
"""What can be written, by suffix."""
LOSSY = {"JPEG": {"quality": 95}, "WEBP": {"quality": 95}, "AVIF": {"quality": 90}}
"""What is written with where the caller does not say."""


def check_suffix(name: str) -> str:
    """The suffix of a file name, lower case with its dot; raises `UnsupportedFormatError` if nothing writes it."""
    suffix = PurePath(name).suffix.lower()
    if suffix not in FORMATS:
        raise UnsupportedFormatError(f"cannot write a {suffix or 'nameless'} picture: choose {', '.join(FORMATS)}")
    return suffix


def saved(img: Image.Image, format: str, **options: Any) -> bytes:  # noqa: A002 - Pillow's word for it
    """The bytes of `img` in a format of Pillow's, `options` being those of its writer.

    EXIF, ICC profile and XMP are those of `img.info`. Raises `UnsupportedFormatError` if the format cannot hold the
    picture, transparency included.
    """
    if format in ("JPEG", "BMP") and img.mode in ("LA", "RGBA"):
        raise UnsupportedFormatError(f"{format} holds no transparency: choose PNG, WEBP, AVIF or TIFF")
    out = io.BytesIO()
    with our_errors(f"the picture cannot be written as {format}"):
        img.save(out, format, **{**_kept(img, format), **LOSSY.get(format, {}), **options})
    return out.getvalue()


def _kept(img: Image.Image, name: str) -> dict[str, Any]:
    """Metadata as Pillow's writers want them."""
    kept: dict[str, Any] = {k: v for k, v in img.info.items() if k in ("exif", "icc_profile", "xmp")}
    if name == "PNG" and (xmp := kept.pop("xmp", None)):
        kept["pnginfo"] = PngInfo()
        kept["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "replace"))
    return kept
