"""What `decode` must know beside the pixels, as bytes. Knows neither torch nor any container format.

A file names its model, its full size and what it is bound to, in one attribute of an XMP packet (192 bytes in a
JPEG, marker included):

    <rdf:RDF …><rdf:Description xmlns:s="urn:sain:" s:h="1;sain-x2-lite-1608e3c0;768x512;384x256;7f3a9c01"/></rdf:RDF>
                                                        |  model and weights     full    LR      digest
                                                        format version

XMP outlives every tool that keeps metadata at all; it is found with one bounded regular expression, never with an
XML parser. The digest is a CRC-32 over LR size and quantisation tables: lossless tools leave it true, resizing or
encoding again does not. `Header.to_json` is the same for a database column.
"""

import re
import struct
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from codec.errors import CodecError, UnknownModelError

VERSION = 1
Size = tuple[int, int]
"""Width and height in pixels."""

_NAMESPACE = "urn:sain:"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_ENTRY = re.compile(rb'<rdf:Description xmlns:s="urn:sain:" s:h="([^"<>&]{1,160})"/>')
_EMPTY = re.compile(rb"<rdf:RDF[^<>]{0,200}></rdf:RDF>")
_FIELDS = re.compile(r"(\d{1,4});([\w.-]{1,80});(\d{1,6})x(\d{1,6});(\d{1,6})x(\d{1,6});([0-9a-f]{8})", re.ASCII)


def digest(lr_size: Size, tables: Iterable[Iterable[int]]) -> str:
    """Eight hex digits that bind a header to a JPEG: LR size and every quantisation table in the file's order."""
    data = struct.pack("<2I", *lr_size) + b"".join(struct.pack("<64H", *table) for table in tables)
    return f"{zlib.crc32(data):08x}"


@dataclass(frozen=True)
class Header:
    """The fields of a file; equal to what `parse` makes of its `format`."""

    model: str
    """Network and weights: `sain-x2-lite-1608e3c0`."""
    full_size: Size
    lr_size: Size
    digest: str

    def format(self) -> str:
        """The value of the XMP attribute."""
        (width, height), (w, h) = self.full_size, self.lr_size
        return f"{VERSION};{self.model};{width}x{height};{w}x{h};{self.digest}"

    @classmethod
    def parse(cls, text: str) -> "Header":
        """The inverse of `format`; raises `UnknownModelError` for another version, `CodecError` if malformed."""
        version = text.partition(";")[0]
        if version.isdecimal() and int(version) != VERSION:
            raise UnknownModelError(f"the file has format version {version[:4]}; this installation reads {VERSION}")
        fields = _FIELDS.fullmatch(text)
        if fields is None:
            raise CodecError("the file's rescaling header is malformed")
        _, model, *numbers, bound = fields.groups()
        width, height, w, h = map(int, numbers)
        if min(width, height, w, h) == 0:
            raise CodecError("the file's rescaling header names an empty picture")
        return cls(model, (width, height), (w, h), bound)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, for a database column."""
        return {"version": VERSION, **asdict(self)}


def find(xmp: bytes | None) -> Header | None:
    """Our header in an XMP packet, None if it has none; raises as `Header.parse`."""
    entry = _ENTRY.search(xmp) if xmp else None
    return Header.parse(entry[1].decode("ascii", "replace")) if entry else None


def insert(header: Header, xmp: bytes | None) -> bytes:
    """The user's packet with our header in it (in place of an older one), or a packet of our own."""
    entry = f'<rdf:Description xmlns:s="{_NAMESPACE}" s:h="{header.format()}"/>'.encode()
    own = f'<rdf:RDF xmlns:rdf="{_RDF}">'.encode() + entry + b"</rdf:RDF>"
    users = remove(xmp)
    if users is None:
        return own
    before, end, after = users.rpartition(b"</rdf:RDF>")
    return before + entry + end + after if end else users + own


def remove(xmp: bytes | None) -> bytes | None:
    """The packet as the user had it; None where nothing is left of it."""
    if xmp is None:
        return None
    users = _ENTRY.sub(b"", xmp)
    if users != xmp:
        users = _EMPTY.sub(b"", users)
    return users or None
