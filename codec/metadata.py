"""What belongs to a picture beside its pixels: kept as it is, or left out by wish."""

import io
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, get_args

from PIL import Image

from codec import exif as exifs
from codec.errors import CodecError
from codec.modes import Pixels

Strip = Literal["gps", "exif", "xmp", "icc", "thumbnail", "all"]
"""What can be left out, see `strip`."""

_THUMBNAIL_QUALITIES = (85, 75, 60, 45, 30, 15, 5)
_THUMBNAIL_SIDE = 1024
"""Pixels. Cameras write 160; a forged thumbnail may claim any size."""


@dataclass(frozen=True)
class Metadata:
    """Raw bytes; None for what a picture does not have."""

    exif: bytes | None = None
    """Begins with `Exif\\0\\0`."""
    icc_profile: bytes | None = None
    xmp: bytes | None = None


def strip(metadata: Metadata, what: str | Collection[str]) -> Metadata:
    """Without what is named, one or several of `Strip`; raises `CodecError` for other names.

    * `gps`: the place, in EXIF and XMP. EXIF that cannot be read goes as a whole; so does an XMP packet that still
      looks as if it knew the place. Maker notes and captions are not searched.
    * `thumbnail`: the small picture in EXIF, and those in XMP.
    * `exif`, `xmp`, `icc`: all of it. The orientation stays, for it changes how the picture looks.
    * `all`: EXIF and XMP. Orientation and ICC profile stay, for the same reason.
    """
    names = {what} if isinstance(what, str) else set(what)
    if unknown := names.difference(get_args(Strip)):
        raise CodecError(f"strip can be {', '.join(get_args(Strip))}, not {', '.join(sorted(map(repr, unknown)))}")
    return Metadata(
        exif=_stripped_exif(metadata.exif, names) if metadata.exif else None,
        icc_profile=None if "icc" in names else metadata.icc_profile,
        xmp=_stripped_xmp(metadata.xmp, names) if metadata.xmp else None,
    )


def _stripped_exif(exif: bytes, names: set[str]) -> bytes | None:
    if names & {"exif", "all"} or (names & {"gps", "thumbnail"} and not exifs.is_readable(exif)):
        return exifs.only_orientation(exifs.orientation(exif))
    if "gps" in names:
        exif = exifs.without_gps(exif)
    return exifs.with_thumbnail(exif, lambda _: None) if "thumbnail" in names else exif


def _stripped_xmp(xmp: bytes, names: set[str]) -> bytes | None:
    if names & {"xmp", "all"}:
        return None
    kept: bytes | None = _without_elements(xmp, _THUMBNAILS) if "thumbnail" in names else xmp
    return _xmp_without_gps(kept) if kept and "gps" in names else kept


_THUMBNAILS = re.compile(rb"<(\w+:Thumbnails)\b[^<>]*>")
_GPS_ELEMENT = re.compile(rb"<([\w.-]+:gps[\w.-]*)[^<>]*>", re.IGNORECASE)
_GPS_ATTRIBUTE = re.compile(rb"\s[\w.-]+:gps[\w.-]*\s*=\s*(?:\"[^\"]*\"|'[^']*')", re.IGNORECASE)
_PLACE = re.compile(rb"gps|latitude|long(?:t)?itude|wgs84_pos|\0", re.IGNORECASE)
"""Signs that a packet still tells the place; a zero is one of UTF-16, in which names cannot be found."""


def _xmp_without_gps(xmp: bytes) -> bytes | None:
    try:
        xmp.decode()
    except UnicodeDecodeError:
        return None
    xmp = xmp.rstrip(b"\0")
    if not _PLACE.search(xmp):
        return xmp
    kept = _without_elements(_GPS_ATTRIBUTE.sub(b"", xmp), _GPS_ELEMENT)
    return None if kept is None or _PLACE.search(kept) else kept


def _without_elements(xmp: bytes, opening: re.Pattern[bytes]) -> bytes | None:
    """The packet without elements whose opening tag matches; None if one is never closed."""
    kept, at = bytearray(), 0
    while match := opening.search(xmp, at):
        kept += xmp[at : match.start()]
        at = match.end()
        if not match[0].endswith(b"/>"):
            closing = xmp.find(b"</" + match[1] + b">", at)
            if closing < 0:
                return None
            at = closing + len(match[1]) + 3
    return bytes(kept) + xmp[at:]


def refreshed(metadata: Metadata, pixels: Pixels, size: tuple[int, int]) -> Metadata:
    """EXIF that fits a picture: it states `size` (width, height), its thumbnail shows `pixels` (`[h, w(, 3)]`).

    A thumbnail that was kept would go on showing what somebody cut off or painted over. The new one has room where
    the old one was, or there is none.
    """
    if metadata.exif is None:
        return metadata
    sized = exifs.with_size(metadata.exif, size)
    return replace(metadata, exif=exifs.with_thumbnail(sized, partial(_thumbnail, pixels)))


def _thumbnail(pixels: Pixels, old: bytes) -> bytes | None:
    """The picture in the bounds of an old thumbnail, in no more bytes; None where that cannot be."""
    try:
        with Image.open(io.BytesIO(old)) as img:
            width, height = img.size
    except Exception:  # damaged thumbnails are common, and hostile ones can make a parser raise anything
        return None
    small = Image.fromarray(pixels)
    small.thumbnail((min(width, _THUMBNAIL_SIDE), min(height, _THUMBNAIL_SIDE)), reducing_gap=2.0)
    for quality in _THUMBNAIL_QUALITIES:
        out = io.BytesIO()
        small.convert("RGB").save(out, "JPEG", quality=quality)
        if out.tell() <= len(old):
            return out.getvalue()
    return None
