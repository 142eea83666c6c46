"""A restored picture as a file of an ordinary format, for the commands that write one."""

import io
from pathlib import PurePath
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from codec.errors import UnsupportedFormatError

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


def check_suffix(name: str) -> str:
    """The suffix of a file name, lower case with its dot; raises `UnsupportedFormatError` if nothing writes it."""
    suffix = PurePath(name).suffix.lower()
    if suffix not in FORMATS:
        raise UnsupportedFormatError(f"cannot write a {suffix or 'nameless'} picture: choose {', '.join(FORMATS)}")
    return suffix


def saved(img: Image.Image, suffix: str) -> bytes:
    """`img` with its metadata as a file; raises `UnsupportedFormatError` for transparency that would be lost."""
    name = FORMATS[suffix]
    if name in ("JPEG", "BMP") and img.mode in ("LA", "RGBA"):
        raise UnsupportedFormatError(f"a {suffix} picture holds no transparency: choose .png, .webp, .avif or .tif")
    out = io.BytesIO()
    img.save(out, name, **_kept(img, name), **LOSSY.get(name, {}))
    return out.getvalue()


def _kept(img: Image.Image, name: str) -> dict[str, Any]:
    """Metadata as Pillow's writers want them."""
    kept: dict[str, Any] = {k: v for k, v in img.info.items() if k in ("exif", "icc_profile", "xmp")}
    if name == "PNG" and (xmp := kept.pop("xmp", None)):
        kept["pnginfo"] = PngInfo()
        kept["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "replace"))
    return kept
