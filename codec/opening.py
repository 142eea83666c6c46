"""What `decode` does before any network runs: find the header, hold it against the file, say what can be restored."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from PIL import Image

from codec import alpha as alphas
from codec import carriers
from codec.carriers import LRFile, Options
from codec.errors import CodecError, NotRescaledError, StaleHeaderError
from codec.header import Header, Size
from codec.models.description import describe, lr_size
from codec.picture import Pixels, check_size

OnStale = Literal["raise", "restore"]


@dataclass(frozen=True)
class Opened:
    """A file whose header has been checked against it."""

    file: LRFile
    stated: Header
    """As it was found, or given."""
    on_stale: OnStale

    @property
    def stale(self) -> bool:
        """Whether the pixels were resized or encoded again since."""
        if self.stated.lr_size != self.file.size:
            return True
        try:
            return self.stated.digest != self.file.digest
        except CodecError:  # stored in a way that we never write
            return True

    @property
    def resized(self) -> bool:
        """Whether the picture has the shape that was written, up to rounding to whole pixels."""
        (w, h), (now_w, now_h) = self.stated.lr_size, self.file.size
        return abs(w * now_h - h * now_w) <= max(w, h)

    @property
    def grown(self) -> bool:
        """Whether it has more pixels than were written: nothing that we know lies in the additional ones."""
        (w, h), (now_w, now_h) = self.stated.lr_size, self.file.size
        return now_w > w or now_h > h

    @property
    def header(self) -> Header:
        """As the pixels are sent through the network: of a stale file, the size is what they can be restored to."""
        if self.stated.lr_size == self.file.size or self.grown:
            return self.stated
        scale, (w, h) = describe(self.stated.model).scale, self.file.size
        return replace(self.stated, lr_size=(w, h), full_size=(w * scale, h * scale))

    @property
    def condition(self) -> float:
        """The coarseness that the network is told.

        The header knows of the encoder that wrote the file, a JPEG's tables of the last one. Where these are two, their
        squared errors add up. What other formats' last encoder did, nobody knows: it is taken for fine.
        """
        first, last = self.stated.condition, self.file.condition
        if first is None:  # a JPEG's header of an earlier release
            return self.file.carrier.condition(Options()) if last is None else last
        if last is None:
            return first
        # tables that were kept took nothing away the second time, even from a crop
        twice = self.stale and round(last, 2) != first
        return math.log2(4**first + 4**last) / 2 if twice else last

    @property
    def shown_size(self) -> Size:
        """What `decode` returns: the full size, also of a file that was resized; of a crop what is left."""
        return self.stated.full_size if self.resized else self.header.full_size

    def lr(self, pixels: Pixels) -> Pixels:
        """The pixels of the file as the network takes them: no larger than they were written."""
        return _resized(pixels, self.header.lr_size, Image.Resampling.BICUBIC)

    def fitted(self, pixels: Pixels) -> Pixels:
        """Restored pixels in `shown_size`."""
        return _resized(pixels, self.shown_size, Image.Resampling.LANCZOS)

    def alpha(self) -> Pixels | None:
        """Transparency `[H, W]` of `shown_size`; raises `CodecError` if it is gone, unless told to restore."""
        if self.stated.alpha is None:
            return None
        try:
            alpha = alphas.restore(self.file.alpha, self.stated.alpha, self.stated.full_size)
        except CodecError as error:
            if self.on_stale == "raise":
                raise
            warnings.warn(f"{error}: the picture is opaque now", stacklevel=3)
            return None
        if self.shown_size == self.stated.full_size:
            return alpha
        warnings.warn("the picture was cropped: its transparency no longer fits", stacklevel=3)
        return None


def open_file(
    data: bytes, header: Header | Mapping[str, Any] | str | None, on_stale: OnStale, max_pixels: int | None
) -> Opened:
    """Open an encoded file; raises as `codec.decode` says."""
    file = carriers.read(data, max_pixels)
    found = (_given(header) if header is not None else file.header) if file else None
    if file is None or found is None:
        raise NotRescaledError(
            "this is an ordinary picture: codec.encode did not write it, or its metadata was stripped; "
            "open it as it is, for example with PIL.Image.open"
        )
    scale = describe(found.model).scale
    check_size(found.full_size, max_pixels)
    if found.lr_size != lr_size(found.full_size, scale):
        raise CodecError(f"the file's header is inconsistent: {found.full_size} cannot become {found.lr_size}")
    opened = Opened(file, found, on_stale)
    if (on_stale == "raise" and opened.stale) or (opened.grown and not opened.resized):
        raise StaleHeaderError(
            f"the picture was resized or encoded again after codec.encode wrote it ({found.lr_size} then, "
            f"{file.size} now): what it hid for the full size is gone; use an untouched copy, the picture as it is, "
            'or on_stale="restore", which takes copies of the same shape, and crops'
        )
    return opened


def _given(header: Header | Mapping[str, Any] | str) -> Header:
    return header if isinstance(header, Header) else Header.from_json(header)


def _resized(pixels: Pixels, size: Size, how: Image.Resampling) -> Pixels:
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    return np.array(Image.fromarray(pixels).resize(size, how))
