"""Encoded bytes to a Pillow image: sizes checked first, formats that Pillow lacks, and no error but ours."""

import importlib
import io
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import ModuleType
from typing import IO

from PIL import Image, UnidentifiedImageError

from codec.errors import CodecError, PictureTooLargeError, UnsupportedFormatError
from codec.jxl import JXL_STARTS, jxl_size

Source = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes]
"""Where encoded bytes come from: a path, the bytes, or a file open for reading."""

_HEIF = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1", b"avci"}


def read_bytes(source: Source) -> bytes:
    """All bytes of a source; raises OSError if it cannot be read."""
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if isinstance(source, str | os.PathLike):
        return Path(source).read_bytes()
    if hasattr(source, "read"):
        data = source.read()
        if isinstance(data, bytes):
            return data
    raise TypeError(f"expected a path, bytes or a file open in binary mode, not {type(source).__name__}")


def check_size(size: tuple[int, int], max_pixels: int | None = None) -> None:
    """Raise `PictureTooLargeError` for more than `max_pixels`; None means twice `PIL.Image.MAX_IMAGE_PIXELS`."""
    if max_pixels is None and Image.MAX_IMAGE_PIXELS is not None:
        max_pixels = 2 * Image.MAX_IMAGE_PIXELS
    if max_pixels is not None and size[0] * size[1] > max_pixels:
        raise PictureTooLargeError(f"{size[0]}x{size[1]} has more than the {max_pixels:,} pixels allowed")


def open_image(data: bytes, max_pixels: int | None = None) -> Image.Image:
    """A Pillow image of encoded bytes, its pixels not yet read (but those of JPEG XL).

    `max_pixels`: as for `check_size`; more than Pillow's own limit only if that is raised, too. Raises
    `UnsupportedFormatError` for what is no picture and `PictureTooLargeError`.
    """
    if not data:
        raise UnsupportedFormatError("there are no bytes: the input is empty")
    with our_errors("not a picture that can be read"), as_stored():
        img = _opened(data, max_pixels)
    check_size(img.size, max_pixels)
    return img


def load_image(img: Image.Image) -> None:
    """Read the pixels of an opened image; raises `UnsupportedFormatError` if they are damaged."""
    with our_errors("the picture is damaged or cut short"):
        img.load()


_inside: ContextVar[bool] = ContextVar("inside", default=False)


def inside() -> bool:
    """Whether it is this package that opens a file, see `as_stored`."""
    return _inside.get()


@contextmanager
def as_stored() -> Iterator[None]:
    """Our own plugin, should it be registered with Pillow, leaves files that are opened here as they are stored."""
    token = _inside.set(True)
    try:
        yield
    finally:
        _inside.reset(token)


@contextmanager
def our_errors(what: str) -> Iterator[None]:
    """A hostile file can make a parser raise anything: say `what` instead."""
    try:
        yield
    except CodecError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureTooLargeError(str(error)) from None
    except MemoryError:
        raise PictureTooLargeError("there is not enough memory for the picture") from None
    except Exception as error:
        raise UnsupportedFormatError(f"{what} ({_reason(error)})") from None


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "no known format"  # Pillow names an address in memory
    return (str(error).splitlines() or [""])[0][:120] or type(error).__name__


def _opened(data: bytes, max_pixels: int | None) -> Image.Image:
    if data.startswith(JXL_STARTS):
        return _open_jxl(data, max_pixels)
    try:
        return Image.open(io.BytesIO(data))
    except UnidentifiedImageError:
        if _brands(data).isdisjoint(_HEIF):
            raise
    return _open_heif(data)


def _brands(data: bytes) -> set[bytes]:
    """What an ISO media file says it is; nothing for other files."""
    if data[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(data[:4], "big"), 256)
    return {data[8:12], *(data[i : i + 4] for i in range(16, end, 4))}


def optional(package: str, extra: str) -> ModuleType:
    """A package that an extra of this one brings; raises `UnsupportedFormatError` naming it."""
    try:
        return importlib.import_module(package)
    except ImportError:
        raise UnsupportedFormatError(
            f"{extra.upper()} needs one more package: pip install 'sain-codec[{extra}]'"
        ) from None


def _open_heif(data: bytes) -> Image.Image:
    """Without registering a Pillow plugin: that would change what other code in the process can open."""
    img: Image.Image = optional("pillow_heif", "heif").HeifImageFile(io.BytesIO(data))
    return img


def _open_jxl(data: bytes, max_pixels: int | None) -> Image.Image:
    """The plugin reads all pixels at once, so the size is looked up before."""
    plugin = optional("pillow_jxl.JpegXLImagePlugin", "jxl")  # registers itself with Pillow, too
    check_size(jxl_size(data), max_pixels)
    try:
        img: Image.Image = plugin.JXLImageFile(io.BytesIO(data))
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # Rust's, deliberately no Exception
            raise UnsupportedFormatError("not a picture that can be read (the JPEG XL decoder gave up)") from None
        raise
    return img


def warn_caller(message: str) -> None:
    """A UserWarning that points at the line which called this package."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back and str(frame.f_globals.get("__name__")).partition(".")[0] == "codec":
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)
