"""What a caller may ask of a file: a quality, or one target. Checked before any work is done."""

from dataclasses import dataclass, fields
from numbers import Real
from operator import index
from typing import Any

from codec.errors import CodecError

DEFAULT = 75
"""Quality where nothing is asked for."""


def whole(name: str, value: Any, low: int, high: int) -> int:
    """`value` as an int in `low`…`high`; raises `CodecError`."""
    try:
        number = None if isinstance(value, bool) else index(value)
    except TypeError:
        number = None
    if number is None or not low <= number <= high:
        raise CodecError(f"{name} must be a whole number in {low}…{high}, not {value!r}")
    return number


def _positive(name: str, value: Any, high: float) -> float:
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not number or not 0 < value <= high:  # NaN compares false
        raise CodecError(f"{name} must be a number above 0 and at most {high:g}, not {value!r}")
    return float(value)


def share(name: str, value: Any) -> float:
    """`value` as a float in 0…1; raises `CodecError`."""
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not number or not 0 <= value <= 1:  # NaN compares false
        raise CodecError(f"{name} must be a number in 0…1, not {value!r}")
    return float(value)


@dataclass(frozen=True)
class Wish:
    """Exactly one of its fields is set."""

    quality: int | None = None
    """1…100."""
    max_bytes: int | None = None
    """Of the whole file, at least 1."""
    bpp: float | None = None
    """Bits per full-size pixel that the whole file may take."""
    psnr: float | None = None
    """RGB dB that the restored picture must reach."""

    @classmethod
    def of(cls, quality: Any = None, max_bytes: Any = None, bpp: Any = None, psnr: Any = None) -> "Wish":
        """From a caller's arguments, `DEFAULT` quality if all are None; raises `CodecError`."""
        given = [field.name for field, value in zip(fields(cls), (quality, max_bytes, bpp, psnr), strict=True)
                 if value is not None]  # fmt: skip
        if len(given) > 1:
            raise CodecError(f"{' and '.join(given)} exclude each other: give one of quality, max_bytes, bpp, psnr")
        if max_bytes is not None:
            return cls(max_bytes=whole("max_bytes", max_bytes, 1, 1 << 40))
        if bpp is not None:
            return cls(bpp=_positive("bpp", bpp, 1000))
        if psnr is not None:
            return cls(psnr=_positive("psnr", psnr, 200))
        return cls(quality=whole("quality", DEFAULT if quality is None else quality, 1, 100))
