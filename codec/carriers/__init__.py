"""Carriers: the ordinary file formats that hold the LR picture.

The contract. A carrier is an object with what `base.Carrier` names. `write` turns an LR picture, its metadata and a
header into a file that any viewer of the format shows; `open` tells all that can be known of such a file before its
pixels are decoded. For every carrier

* pixels come back as the format's reference decoder shows them, in the order in which they were given: orientation
  is told to viewers (as an EXIF tag or in the format's own way), and comes back as the EXIF tag that it was;
* EXIF, ICC profile and XMP come back as they were given, byte for byte unless the format's table in `docs/` says so;
* the header's digest is bound to what the pixels are coded in: it stays true when a tool edits, strips or reorders
  metadata, or recodes losslessly, and fails when pixels are encoded again;
* `condition` is what the network is told: the mean log2 luma step of the JPEG whose noise is nearest to what the
  carrier's encoder leaves at a quality. JPEG reads it off its own tables, the others off `calibration.json`, which
  `python -m eval.calibrate` made, and state it in their header;
* where the format has transparency, viewers see it; the exact one lies beside the pixels in the XMP, in all formats;
* all errors are `codec.CodecError`s.
"""

from functools import cache
from pathlib import PurePath

from codec.carriers.base import UNBOUND, Carrier, LRFile, Options
from codec.errors import CodecError
from codec.picture import open_image

__all__ = ["UNBOUND", "Carrier", "LRFile", "Options", "by_suffix", "carriers", "get", "read"]


@cache
def carriers() -> dict[str, Carrier]:
    """All carriers by name."""
    from codec.carriers.avif import AVIF
    from codec.carriers.heif import HEIF
    from codec.carriers.jpeg import JPEG
    from codec.carriers.jxl import JXL
    from codec.carriers.png import PNG
    from codec.carriers.webp import WebP

    return {carrier.name: carrier for carrier in (JPEG(), HEIF(), AVIF(), WebP(), PNG(), JXL())}


def get(name: str) -> Carrier:
    """A carrier by name; raises `CodecError`."""
    carrier = carriers().get(name) if isinstance(name, str) else None
    if carrier is None:
        raise CodecError(f"format must be one of {', '.join(carriers())}, not {name!r}")
    return carrier


def by_suffix(path: str) -> Carrier | None:
    """The carrier that a file name asks for, None if it asks for none."""
    suffix = PurePath(path).suffix.lower()
    return next((c for c in carriers().values() if suffix in c.suffixes), None)


def read(data: bytes, max_pixels: int | None = None) -> LRFile | None:
    """Open a file; None if it is a picture, but of a kind that no carrier writes."""
    img = open_image(data, max_pixels)
    carrier = next((c for c in carriers().values() if c.pillow == img.format), None)
    return carrier.open(data, img) if carrier else None
