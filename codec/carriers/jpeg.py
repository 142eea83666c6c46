"""The JPEG carrier: the model's own quantisation tables, optimised Huffman tables, 4:2:0."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, JpegImagePlugin

from codec import header as headers
from codec.errors import CodecError, PictureTooLargeError, UnsupportedFormatError
from codec.header import Header, Size
from codec.jpeg.tables import Table, condition, scale_tables
from codec.picture import Metadata, Picture, load_image, open_image

MAX_SIDE = 65_500
"""Pixels; libjpeg writes no larger pictures."""
MAX_SEGMENT = 65_504
"""Bytes of XMP, and about the same of EXIF, that one JPEG marker segment holds."""


@dataclass(frozen=True)
class LRFile:
    """An opened file: its pixels are not decoded before `picture` is called."""

    image: Image.Image
    tables: Table
    """Quantisation steps `[T, 8, 8]`: luma, then chroma if there is any."""

    @property
    def size(self) -> Size:
        """Width and height of the LR picture."""
        return self.image.size

    @property
    def digest(self) -> str:
        """What a header of this file must be bound to."""
        return headers.digest(self.size, self.tables.reshape(-1, 64).tolist())

    @property
    def condition(self) -> float:
        """The coarseness that the network is told."""
        return condition(self.tables[0])

    @property
    def header(self) -> Header | None:
        """Our header, None if the file has none."""
        return headers.find(self.image.info.get("xmp"))

    def picture(self) -> Picture:
        """Decode the pixels; the metadata are the user's alone."""
        load_image(self.image)
        info = self.image.info
        metadata = Metadata(info.get("exif"), info.get("icc_profile"), headers.remove(info.get("xmp")))
        return Picture(np.array(self.image), metadata)


def write(lr: Picture, base: Table, quality: int, model: str, full_size: Size) -> bytes:
    """The LR picture as a JPEG whose tables are `base` `[2, 8, 8]` scaled by `quality`, with a header in its XMP."""
    if max(lr.size) > MAX_SIDE:
        raise PictureTooLargeError(f"a JPEG holds at most {MAX_SIDE} pixels a side; the LR picture is {lr.size}")
    tables = scale_tables(base, quality)[: 1 if lr.pixels.ndim == 2 else 2].reshape(-1, 64).tolist()
    header = Header(model, full_size, lr.size, headers.digest(lr.size, tables))
    metadata = lr.metadata
    xmp = headers.insert(header, metadata.xmp)
    for name, segment in (("XMP", xmp), ("EXIF", metadata.exif or b"")):
        if len(segment) > MAX_SEGMENT:
            raise CodecError(f"the picture's {name} ({len(segment)} bytes) does not fit into a JPEG: shorten it first")
    options = {"exif": metadata.exif, "icc_profile": metadata.icc_profile, "xmp": xmp}
    kept = {k: v for k, v in options.items() if v}
    img = lr.to_pil()
    return min((_save(img, tables, progressive, kept) for progressive in (True, False)), key=len)


def _save(img: Image.Image, tables: list[list[int]], progressive: bool, metadata: dict[str, bytes]) -> bytes:
    """One way to write the same coefficients: below some 15 kB, progressive's many scans and tables cost more."""
    out = io.BytesIO()
    img.save(out, "JPEG", qtables=tables, subsampling="4:2:0", optimize=True, progressive=progressive, **metadata)
    return out.getvalue()


def read(data: bytes) -> LRFile | None:
    """Open a file; None if it is a picture, but no JPEG of ours could look like it."""
    img = open_image(data)
    if not isinstance(img, JpegImagePlugin.JpegImageFile) or img.mode not in ("L", "RGB"):
        return None
    if not img.quantization:
        raise UnsupportedFormatError("the JPEG has no quantisation tables")
    tables = np.array([img.quantization[key] for key in sorted(img.quantization)], np.int64)
    return LRFile(img, tables.reshape(-1, 8, 8))
