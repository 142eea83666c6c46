"""The metadata of a Pillow image, whatever format it came from."""

from contextlib import suppress
from typing import Any

from PIL import Image, TiffImagePlugin

from codec import embed, extended_xmp
from codec import exif as exifs
from codec.metadata import Metadata
from codec.reading import warn_caller

_DESCRIPTIVE = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x013C, 0x8298, 0x8769, 0x8825)
"""What a TIFF says about its picture: description, camera, software, date, artist, copyright, settings, place."""
_PNG_XMP = "XML:com.adobe.xmp"
_CAMERA_SETTINGS, _MAKER_NOTE = 0x8769, 0x927C


def metadata_of(img: Image.Image, from_caller: bool) -> Metadata:
    """EXIF, ICC profile and XMP of a loaded image.

    EXIF is what `info` holds, byte for byte; a caller's changes by way of `getexif()` win, and what a caller put into
    `info` since wins over those. TIFF alone has no EXIF block: its descriptive tags become one, without maker notes.
    The profile of a CMYK picture is left out, for it says nothing about the RGB that becomes of it.
    """
    profile = img.info.get("icc_profile")
    return Metadata(
        exif=_exif(img, from_caller),
        icc_profile=profile if isinstance(profile, bytes) and profile and img.mode != "CMYK" else None,
        xmp=xmp_of(img),
    )


def _bytes(value: Any) -> bytes | None:
    if isinstance(value, str):
        return value.encode(errors="replace") or None
    return bytes(value) or None if isinstance(value, bytes | bytearray) else None


def xmp_of(img: Image.Image) -> bytes | None:
    """The XMP packet of an opened image.

    libvips writes a PNG's, in UTF-8, into a kind of text that Pillow takes for Latin-1, and not for XMP.
    """
    text = img.info.get(_PNG_XMP)
    if not isinstance(text, str) or "xmp" in img.info:
        return _bytes(img.info.get("xmp")) or _bytes(text)
    with suppress(UnicodeError):
        raw = text.encode("latin-1")
        raw.decode()
        return raw or None
    return _bytes(text)


def _exif(img: Image.Image, from_caller: bool) -> bytes | None:
    exif = _raw_exif(img)
    if isinstance(img, TiffImagePlugin.TiffImageFile) and exif is None:
        with suppress(Exception):  # malformed tags
            exif = _of_tiff(img)
    elif from_caller:
        with suppress(Exception):  # malformed EXIF cannot have been edited
            exif = _edited(img, exif)
    exif = exifs.prefixed(exif)
    # JPEG XL turns the pixels itself, unless it holds a JPEG as it was
    upright = exif and img.format == "JXL" and not getattr(img, "jpeg", False)
    return exifs.with_orientation(exif, 1) if exif and upright else exif


def _raw_exif(img: Image.Image) -> bytes | None:
    value = img.info.get("exif")
    old = img.info.get("Raw profile type exif")  # ImageMagick's way to put it into PNG before there was one
    if value is None and isinstance(old, str):
        with suppress(ValueError):
            value = bytes.fromhex("".join(old.split("\n")[3:]))
    return value if isinstance(value, bytes) else None


def _edited(img: Image.Image, raw: bytes | None) -> bytes | None:
    """The EXIF that `getexif()` holds if somebody has changed it, else `raw`."""
    exif = img.getexif()
    if getattr(exif, "_loaded_exif", None) != raw:
        return raw
    untouched = Image.new("1", (1, 1))
    untouched.info = dict(img.info)
    if exif.tobytes() == untouched.getexif().tobytes():
        return raw
    return exif.tobytes() if exif else None


def _of_tiff(img: TiffImagePlugin.TiffImageFile) -> bytes | None:
    source, exif = img.getexif(), Image.Exif()
    for tag in _DESCRIPTIVE:
        if tag in source:
            exif[tag] = source.get_ifd(tag) if tag in (0x8769, 0x8825) else source[tag]
    if _CAMERA_SETTINGS in exif:
        exif[_CAMERA_SETTINGS] = {k: v for k, v in exif[_CAMERA_SETTINGS].items() if k != _MAKER_NOTE}
    return exif.tobytes() if exif else None


def frames(img: Image.Image) -> int:
    """How many pictures an opened image is made of, one after the other.

    The other pictures in a phone's JPEG are previews and depth maps, no frames.
    """
    with suppress(Exception):  # counting reads on, into what may be damaged
        if getattr(img, "is_animated", False) and img.format != "MPO":
            return int(getattr(img, "n_frames", 1))
    return 1


def warn_of_losses(img: Image.Image) -> None:
    """Say what of a loaded image is not kept: other frames, and XMP beyond 64 kB in a JPEG."""
    if (count := frames(img)) > 1:
        which = "the main one" if img.format == "HEIF" else f"frame {img.tell() + 1}" if img.tell() else "the first"
        warn_caller(f"only {which} of {count} frames is stored")
    if size := sum(len(packet) for packet in extended_xmp.packets(img).values() if embed.NAMESPACE not in packet):
        warn_caller(f"{size:,} bytes of extended XMP are not kept")
