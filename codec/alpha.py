"""Transparency: coded without loss at full size, whatever the carrier, because a mask must come back exact."""

import io
import zlib

import numpy as np
from PIL import Image

from codec.errors import CodecError
from codec.header import Size
from codec.picture import Pixels, load_image, open_image


def code(alpha: Pixels) -> bytes:
    """`[H, W]` as a PNG: one bit a pixel where that is enough."""
    img = Image.fromarray(alpha)
    if np.isin(alpha, (0, 255)).all():
        img = img.convert("1", dither=Image.Dither.NONE)
    out = io.BytesIO()
    img.save(out, "PNG", optimize=True)
    return out.getvalue()


def crc(data: bytes) -> str:
    """Eight hex digits that a header states of coded transparency."""
    return f"{zlib.crc32(data):08x}"


def restore(data: bytes | None, expected: str, size: Size) -> Pixels:
    """The inverse of `code`, `[H, W]`; raises `CodecError` if the data are missing, damaged or of another size."""
    if data is None or crc(data) != expected:
        raise CodecError("the transparency was removed from the file or damaged")
    img = open_image(data)
    if img.size != size or img.format != "PNG" or img.mode not in ("1", "L"):
        raise CodecError("the file's transparency does not fit its picture")
    load_image(img)
    return np.array(img.convert("L"))


def shown(alpha: Pixels, size: Size) -> Pixels:
    """What viewers of an LR picture of `size` see, `[h, w]`."""
    return np.array(Image.fromarray(alpha).resize(size, Image.Resampling.BOX))


def hide(pixels: Pixels, alpha: Pixels) -> Pixels:
    """The pixels with white where nothing shows: for carriers whose viewers show everything."""
    mask = alpha == 0
    return np.where(mask if pixels.ndim == 2 else mask[..., None], np.uint8(255), pixels)
