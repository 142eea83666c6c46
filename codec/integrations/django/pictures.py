"""Bytes of an upload or a stored file, looked at: is it ours, how large is it in full, what does it restore to."""

from collections.abc import Mapping
from typing import Any

from PIL import Image

from codec import opening
from codec.api import Info, decode, inspect
from codec.errors import CodecError, NotRescaledError, PictureTooLargeError, StaleHeaderError, UnsupportedFormatError
from codec.header import Size
from codec.networks import Engine
from codec.opening import OnStale
from codec.picture import open_image, read_picture
from codec.pillow_info import frames

MAX_SOURCE_BYTES = 100_000_000
"""No larger file is taken into memory, unless a storage's options say so."""


def source_bytes(file: Any, limit: int) -> bytes:
    """All bytes of a Django file, from its beginning; raises `PictureTooLargeError` for more than `limit`."""
    if (size := _size(file)) > limit:
        raise PictureTooLargeError(f"the file has {size:,} bytes, more than the {limit:,} allowed for a picture")
    data = b"".join(file.chunks())
    if file.seekable():
        file.seek(0)
    return data


def _size(file: Any) -> int:
    try:
        return int(file.size)
    except (AttributeError, OSError):  # a stream, or a file that has no name of its own
        return 0


def ours(data: bytes, max_pixels: int | None) -> Info | None:
    """What an untouched file of ours says of itself, None for any other picture.

    Raises `UnsupportedFormatError` for what is no picture, and `CodecError` for one that must not be encoded either:
    a file of a later release, one that is damaged or too large, an animation.
    """
    try:
        info = inspect(data, max_pixels=max_pixels)
    except (NotRescaledError, StaleHeaderError):
        info = None
    if info and info.untouched:
        return info
    if (count := frames(open_image(data, max_pixels))) > 1:
        raise UnsupportedFormatError(f"the file holds {count} pictures, of which only one would be stored")
    return None


def full_size(data: bytes, max_pixels: int | None = None) -> Size | None:
    """Width and height of what `restored` gives, without decoding pixels; None for what is no picture."""
    try:
        return opening.open_file(data, None, "restore", max_pixels).shown_size
    except CodecError:
        try:
            return open_image(data, max_pixels).size
        except CodecError:
            return None


def restored(data: bytes, on_stale: OnStale, max_pixels: int | None, options: Mapping[str, Any]) -> Image.Image:
    """The full picture of a file of ours, any other picture as it is; raises as `codec.decode`.

    `options` are those of `codec.encode`: what encodes restores.
    """
    engine: Any = {name: options.get(name) for name in Engine._fields}
    try:
        full: Image.Image = decode(data, on_stale=on_stale, max_pixels=max_pixels, **engine)
    except NotRescaledError:
        full = read_picture(data, max_pixels).to_pil()
    return full
