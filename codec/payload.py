"""What the pixels of a file are coded in, without its metadata: for the digest that binds a header to them.

It stays the same when a tool edits, removes or moves metadata, and changes when pixels are encoded again. Files are
untrusted: every length is checked, and all raise `UnsupportedFormatError` for what they cannot follow.

WebP: RFC 9649, section 2. ISO media boxes: ISO/IEC 14496-12, section 4.2; items: section 8.11. JPEG XL: 18181-2.
"""

from collections.abc import Iterator
from typing import NamedTuple

from codec.errors import UnsupportedFormatError

Parts = Iterator[memoryview]
_METADATA = {b"Exif", b"mime", b"uri "}
"""Types of HEIF items that hold no pixels."""
_MOST = 4096
"""Boxes of one level, items, and pieces of items that are followed; our own files have a dozen."""


def _malformed() -> UnsupportedFormatError:
    return UnsupportedFormatError("the file's structure is damaged")


class Reader:
    """Big-endian numbers from bytes; raises instead of reading past the end."""

    def __init__(self, data: memoryview) -> None:
        self.data, self.at = data, 0

    def take(self, length: int) -> memoryview:
        """The next bytes."""
        if length < 0 or self.at + length > len(self.data):
            raise _malformed()
        self.at += length
        return self.data[self.at - length : self.at]

    def number(self, length: int) -> int:
        """Of `length` bytes; 0 for none."""
        return int.from_bytes(self.take(length), "big")


def webp(data: bytes) -> Parts:
    """The chunks that hold pixels, with their names."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise _malformed()
    at, view = 12, memoryview(data)
    end = min(len(data), 8 + int.from_bytes(data[4:8], "little"))  # readers ignore what trails, such as padding
    for _ in range(_MOST):
        if at + 8 > end:
            return
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if name in (b"VP8 ", b"VP8L", b"ALPH", b"ANMF"):
            yield view[at : at + 8 + length]
        at += 8 + length + length % 2
    raise _malformed()


def boxes(view: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Type and content of each box."""
    at = 0
    for _ in range(_MOST):
        if at + 8 > len(view):
            return
        length, name, head = int.from_bytes(view[at : at + 4], "big"), bytes(view[at + 4 : at + 8]), 8
        if length == 1:  # the real length, of 64 bits, follows
            length, head = int.from_bytes(view[at + 8 : at + 16], "big"), 16
        elif length == 0:  # up to the end
            length = len(view) - at
        if length < head or at + length > len(view):
            raise _malformed()
        yield name, view[at + head : at + length]
        at += length
    raise _malformed()


def jxl(data: bytes) -> Parts:
    """The codestream; of a container its boxes' contents."""
    view = memoryview(data)
    if data[:2] == b"\xff\x0a":
        yield view
        return
    for name, content in boxes(view):
        if name in (b"jxlc", b"jxlp"):
            yield content


def jxl_xmp(data: bytes) -> bytes | None:
    """The XMP packet of a JPEG XL container, None without."""
    if data[:2] == b"\xff\x0a":
        return None
    return next((bytes(content) for name, content in boxes(memoryview(data)) if name == b"xml "), None)


class _Item(NamedTuple):
    in_idat: bool
    extents: list[tuple[int, int]]
    """Offset and length; length 0 means up to the end."""


def isobmff(data: bytes) -> Parts:
    """Type and bytes of each item of an AVIF or HEIF file that is no metadata, in the order of their numbers."""
    view = memoryview(data)
    meta = next((content for name, content in boxes(view) if name == b"meta"), None)
    if meta is None or len(meta) < 4:
        raise _malformed()
    parts = dict(boxes(meta[4:]))
    if b"iinf" not in parts or b"iloc" not in parts:
        raise _malformed()
    places, idat = _locations(parts[b"iloc"]), parts.get(b"idat", memoryview(b""))
    left = 2 * len(data)  # items may share bytes, but not so often that following them takes for ever
    for number, kind in sorted(_types(parts[b"iinf"]).items()):
        if kind in _METADATA:
            continue
        yield memoryview(kind)
        item = places.get(number, _Item(False, []))
        source = idat if item.in_idat else view
        for offset, length in item.extents:
            end = offset + length if length else len(source)
            left -= end - offset
            if not offset <= end <= len(source) or left < 0:
                raise _malformed()
            yield source[offset:end]


def _types(iinf: memoryview) -> dict[int, bytes]:
    """Number -> type of each item."""
    reader = Reader(iinf)
    version = reader.number(1)
    reader.take(3 + (2 if version == 0 else 4))
    types = {}
    for name, content in boxes(iinf[reader.at :]):
        if name == b"infe":
            entry = Reader(content)
            version = entry.number(1)
            entry.take(3)
            number = entry.number(2 if version < 3 else 4)
            entry.take(2)
            types[number] = bytes(entry.take(4)) if version >= 2 else b"mime"
    return types


def _locations(iloc: memoryview) -> dict[int, _Item]:
    """Number -> place of each item."""
    reader = Reader(iloc)
    version = reader.number(1)
    reader.take(3)
    sizes = reader.number(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    wide = 4 if version == 2 else 2
    places: dict[int, _Item] = {}
    total = 0
    for _ in range(reader.number(wide)):
        number = reader.number(wide)
        method = reader.number(2) & 15 if version else 0
        outside = reader.number(2)  # another file
        if method > 1 or outside:
            raise UnsupportedFormatError("the file's items are stored in a way that is not read")
        base, count = reader.number(base_size), reader.number(2)
        total += count + 1
        if total > _MOST:
            raise _malformed()
        extents = []
        for _ in range(count):
            reader.take(index_size if version else 0)
            extents.append((base + reader.number(offset_size), reader.number(length_size)))
        places[number] = _Item(method == 1, extents)
    return places
