"""Pillow's many modes to grey or RGB, eight bits, with or without transparency."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from codec.errors import UnsupportedFormatError

Pixels = npt.NDArray[np.uint8]
"""`[H, W, 3]` sRGB (or whatever the ICC profile says), or `[H, W]` grey; 0…255."""

_REFUSED = {
    "F": "floating-point pictures have no fixed white: scale to 0…255 and convert to L first",
    "LAB": "Lab pictures need their ICC profile to become RGB: convert with PIL.ImageCms first",
}


def planes(img: Image.Image) -> tuple[Pixels, Pixels | None]:
    """Pixels, and transparency `[H, W]` unless all is opaque, of a loaded image.

    Raises `UnsupportedFormatError` for modes that cannot be stored. 16-bit grey is rounded to eight bits; 16-bit
    colour has lost its lower bits in Pillow already. CMYK becomes sRGB, by its ICC profile if that can be used.
    """
    if img.mode.startswith("I"):
        return _of_integers(img)
    if img.mode == "CMYK":
        return np.array(_from_cmyk(img)), None
    if img.mode in ("RGBX", "YCbCr", "HSV"):
        return np.array(img.convert("RGB")), None
    kind = {"1": "L", "L": "L", "LA": "L", "La": "L"}.get(img.mode, "RGB")
    if img.mode in ("1", "L", "RGB") and "transparency" not in img.info:
        return np.array(img.convert(kind)), None
    if img.mode not in ("1", "L", "RGB", "LA", "La", "P", "PA", "RGBA", "RGBa"):
        raise UnsupportedFormatError(_REFUSED.get(img.mode, f"pictures of mode {img.mode} cannot be stored"))
    return _split(img.convert("LA" if kind == "L" else "RGBA"), kind)


def _split(img: Image.Image, kind: str) -> tuple[Pixels, Pixels | None]:
    return np.array(img.convert(kind)), unless_opaque(np.array(img.getchannel("A")))


def unless_opaque(alpha: Pixels) -> Pixels | None:
    """Transparency `[H, W]`; None where it hides nothing."""
    return None if alpha.min() == 255 else alpha


def reduced(values: npt.NDArray[Any]) -> Pixels:
    """0…65535 to 0…255, rounded: (v · 255 + 32767) // 65535."""
    out = np.empty(values.shape, np.uint8)
    for row, wide in zip(out, values, strict=True):  # by rows: the sum needs 32 bits, four times the picture
        row[...] = (wide.astype(np.uint32) * 255 + 32767) // 65535
    return out


def _of_integers(img: Image.Image) -> tuple[Pixels, Pixels | None]:
    values = np.asarray(img)
    if img.mode == "I" and not (values.min() >= 0 and values.max() <= 65535):
        raise UnsupportedFormatError("32-bit pictures have no fixed white: scale to 0…255 and convert to L first")
    key = img.info.get("transparency")
    alpha = np.where(values == key, 0, 255).astype(np.uint8) if isinstance(key, int) else None
    return reduced(values), None if alpha is None else unless_opaque(alpha)


def _from_cmyk(img: Image.Image) -> Image.Image:
    """As sRGB, by the embedded profile; without a usable one, by Pillow's plain arithmetic."""
    try:
        from PIL import ImageCms  # a Pillow may have been built without

        profile = ImageCms.ImageCmsProfile(io.BytesIO(img.info["icc_profile"]))
        converted = ImageCms.profileToProfile(
            img,
            profile,
            ImageCms.createProfile("sRGB"),
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            "RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except Exception:  # no profile, or one that is damaged, of another colour space, hostile
        converted = None
    return converted or img.convert("RGB")


def _raw_mode(img: Image.Image) -> str:
    tile = getattr(img, "tile", None)
    return str(tile[0].args) if tile else ""


def mend_transparency(img: Image.Image) -> None:
    """Bring the colour that a PNG calls transparent to the depth that the pixels will have; Pillow leaves it as it is.

    Before they are read: only then is the depth of the file known.
    """
    key, raw = img.info.get("transparency"), _raw_mode(img)
    if isinstance(key, int) and (scale := {"L;2": 85, "L;4": 17}.get(raw)) and key <= 255 // scale:
        img.info["transparency"] = key * scale
    elif isinstance(key, tuple) and raw == "RGB;16B":
        img.info["transparency"] = tuple(value >> 8 for value in key)
