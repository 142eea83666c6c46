"""The JPEG carrier: the model's own quantisation tables, optimised Huffman tables.

The compact header is a comment of what the tables do not tell: nothing, the full size where it is no multiple of the
LR picture's (`sain;767x511`), or the whole line.
"""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from PIL import Image, JpegImagePlugin

from codec import embed, extended_xmp
from codec import header as headers
from codec.carriers.base import Carrier, LRFile, Options
from codec.errors import CodecError
from codec.header import Header
from codec.jpeg.recognise import recognise
from codec.jpeg.tables import COARSEST, Table, condition, quality_of, scale_tables
from codec.models.description import describe
from codec.picture import Metadata, Picture

MAX_SEGMENT = 65_504
"""Bytes of XMP, and about the same of EXIF, that one JPEG marker segment holds."""
_FULL_SIZE = re.compile(rb"sain;(\d{1,6})x(\d{1,6})")


def _tables(img: Image.Image) -> Table:
    """Quantisation steps `[T, 8, 8]` of an opened file: luma, then chroma if there is any."""
    quantization = img.quantization  # type: ignore[attr-defined]
    return np.array([quantization[key] for key in sorted(quantization)], np.int64).reshape(-1, 8, 8)


def _digest(size: headers.Size, tables: Table) -> str:
    return headers.digest(size, [table.astype("<u2").tobytes() for table in tables])


class JPEG(Carrier):
    """Bound by its tables, which lossless tools keep and encoding again replaces."""

    name: ClassVar = "jpeg"
    pillow: ClassVar = "JPEG"
    suffixes: ClassVar = (".jpg", ".jpeg", ".jpe", ".jfif")
    mime: ClassVar = "image/jpeg"
    max_side: ClassVar = 65_500  # libjpeg writes no larger pictures
    refined: ClassVar = "coefficients"
    grey: ClassVar = True
    transparent: ClassVar = False

    def condition(self, options: Options) -> float:
        return condition(self._scaled(options)[0])

    def qualities(self) -> Sequence[float]:
        return [quality_of(percent) for percent in range(COARSEST, -1, -1)]

    def tells(self, model: str, options: Options) -> bool:
        tables = self._scaled(options)
        return recognise(tables) == model == recognise(tables[:1])

    def stated(self, header: Header, lr: Picture) -> Header:
        # the tables tell the condition as long as they are ours; of a file that is encoded again, the header does
        told = None if header.condition is None else round(header.condition, 2)
        return replace(header, condition=told, grey=False)

    @staticmethod
    def _scaled(options: Options, grey: bool = False) -> Table:
        return scale_tables(options.tables, options.quality)[: 1 if grey else 2]

    def written_digest(self, lr: Picture, options: Options) -> str | None:
        return _digest(lr.size, self._scaled(options, lr.pixels.ndim == 2))

    def embedded(self, header: Header, users: Metadata, options: Options, alpha: bytes | None) -> dict[str, bytes]:
        xmp = embed.insert(header if options.form == "xmp" else None, users.xmp, alpha)
        kept = {"exif": users.exif, "icc_profile": users.icc_profile, "xmp": xmp}
        if alpha is not None and xmp is not None and len(xmp) > MAX_SEGMENT:
            guid, kept["extra"] = extended_xmp.segments(embed.insert(None, None, alpha) or b"")
            kept["xmp"] = embed.insert(header if options.form == "xmp" else None, users.xmp, extended=guid)
        for name, block in (("XMP", kept["xmp"]), ("EXIF", users.exif)):
            if len(block or b"") > MAX_SEGMENT:
                raise CodecError(
                    f"the picture's {name} ({len(block or b'')} bytes) does not fit into a JPEG: shorten it first"
                )
        if options.form == "compact":
            kept["comment"] = self._comment(header, options)
        return {k: v for k, v in kept.items() if v}

    def _comment(self, header: Header, options: Options) -> bytes:
        """The least that tells `find_header` what the tables do not."""
        if not self.tells(header.model, options) or header.alpha:
            return embed.text_of(header)
        (width, height), (w, h), scale = header.full_size, header.lr_size, describe(header.model).scale
        return b"" if (width, height) == (w * scale, h * scale) else f"sain;{width}x{height}".encode()

    def save(self, img: Image.Image, options: Options, metadata: Mapping[str, bytes]) -> bytes:
        tables = self._scaled(options, img.mode == "L").reshape(-1, 64).tolist()
        img = img if options.coefficients is None else options.coefficients.to_image()
        # two ways to write the same coefficients: below some 15 kB, progressive's many scans and tables cost more
        files = []
        for progressive in (True, False):
            out = io.BytesIO()
            img.save(
                out,
                "JPEG",
                qtables=tables,
                subsampling=self.subsampling(options),
                optimize=True,
                progressive=progressive,
                **metadata,
            )
            files.append(out.getvalue())
        return min(files, key=len)

    def open(self, data: bytes, img: Image.Image) -> LRFile | None:
        ours = isinstance(img, JpegImagePlugin.JpegImageFile) and img.mode in ("L", "RGB") and img.quantization
        return LRFile(self, data, img) if ours else None

    def digest(self, file: LRFile) -> str:
        return _digest(file.size, _tables(file.image))

    def stated_condition(self, img: Image.Image) -> float | None:
        return condition(_tables(img)[0])

    def find_header(self, file: LRFile) -> Header | None:
        comment = file.image.info.get("comment")
        size = _FULL_SIZE.fullmatch(comment or b"")
        if header := super().find_header(file) or (None if size else embed.find_text(comment)):
            return header
        model = recognise(_tables(file.image))
        if model is None:
            return None
        scale = describe(model).scale
        full = (int(size[1]), int(size[2])) if size else (file.size[0] * scale, file.size[1] * scale)
        return Header(model, full, file.size, file.digest, round(condition(_tables(file.image)[0]), 2))

    def find_alpha(self, img: Image.Image) -> bytes | None:
        return embed.find_alpha(extended_xmp.find(img, img.info.get("xmp"))) or super().find_alpha(img)
