"""What `decode` must know beside the pixels, as one line of text. Knows neither torch nor any container format.

    1;sain-x2-lite-1608e3c0;768x512;384x256;7f3a9c01;c3.87;g;a1c0ffee2
    |  model and weights     full    LR     |        |     |  CRC-32 of the transparency that lies beside the pixels
    format version                       digest      |     grey, where the carrier knows only colour
                                                     coarseness: mean log2 of the luma steps, or what compares to it

The digest is a CRC-32 that binds the line to the coded pixels: what lossless tools do to a file leaves it true,
resizing or encoding again does not. `codec.embed` puts the line into files; `Header.to_json` is the same for a
database column.
"""

import json
import re
import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from codec.errors import CodecError, UnknownModelError

VERSION = 1
Size = tuple[int, int]
"""Width and height in pixels."""

_FIELDS = re.compile(
    r"(\d{1,4});([\w.-]{1,80});(\d{1,6})x(\d{1,6});(\d{1,6})x(\d{1,6});([0-9a-f]{8})((?:;[\w.-]{1,12}){0,8})", re.ASCII
)
_CONDITION = re.compile(r"c(\d\.\d\d)", re.ASCII)
_ALPHA = re.compile(r"a([0-9a-f]{8})", re.ASCII)


def digest(lr_size: Size, parts: Iterable[bytes | memoryview]) -> str:
    """Eight hex digits that bind a header to a file: CRC-32 of LR size and whatever its pixels are coded in."""
    crc = zlib.crc32(struct.pack("<2I", *lr_size))
    for part in parts:
        crc = zlib.crc32(part, crc)
    return f"{crc:08x}"


@dataclass(frozen=True)
class Header:
    """The fields of a file; equal to what `parse` makes of its `format`."""

    model: str
    """Network and weights: `sain-x2-lite-1608e3c0`."""
    full_size: Size
    lr_size: Size
    digest: str
    condition: float | None = None
    """The coarseness that the network was told, 0.00…9.99; None in JPEGs of earlier releases, whose tables state it."""
    grey: bool = False
    """A grey picture in a carrier that knows only colour."""
    alpha: str | None = None
    """CRC-32 of the coded transparency, eight hex digits; None without."""

    def format(self) -> str:
        """As one line of printable ASCII without spaces."""
        (width, height), (w, h) = self.full_size, self.lr_size
        more = [f"c{self.condition:.2f}"] if self.condition is not None else []
        more += ["g"] if self.grey else []
        more += [f"a{self.alpha}"] if self.alpha else []
        return ";".join([str(VERSION), self.model, f"{width}x{height}", f"{w}x{h}", self.digest, *more])

    @classmethod
    def parse(cls, text: str) -> "Header":
        """The inverse of `format`; raises `UnknownModelError` for another version, `CodecError` if malformed."""
        version = text.partition(";")[0]
        if version.isdecimal() and int(version) != VERSION:
            raise UnknownModelError(f"the file has format version {version[:4]}; this installation reads {VERSION}")
        fields = _FIELDS.fullmatch(text)
        if fields is None:
            raise CodecError("the file's rescaling header is malformed")
        _, model, *numbers, bound, more = fields.groups()
        width, height, w, h = map(int, numbers)
        if min(width, height, w, h) == 0:
            raise CodecError("the file's rescaling header names an empty picture")
        return cls(model, (width, height), (w, h), bound, **_optional(more))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, for a database column."""
        return {"version": VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, value: str | bytes | Mapping[str, Any]) -> "Header":
        """The inverse of `to_json`, from a mapping or from JSON text; raises as `parse`."""
        try:
            fields = dict(value if isinstance(value, Mapping) else json.loads(value))
            version = int(fields.pop("version"))
            fields["full_size"], fields["lr_size"] = tuple(fields["full_size"]), tuple(fields["lr_size"])
            line = cls(**fields).format()
        except (TypeError, KeyError, ValueError, RecursionError) as error:
            raise CodecError(f"not a header in JSON: {str(error)[:80] or type(error).__name__}") from None
        return cls.parse(f"{version};{line.partition(';')[2]}")  # one place checks every field


def _optional(more: str) -> dict[str, Any]:
    """The fields behind the digest; an unknown one comes from a newer version and may change what pixels mean."""
    fields: dict[str, Any] = {}
    for field in more.split(";")[1:]:
        if match := _CONDITION.fullmatch(field):
            fields["condition"] = float(match[1])
        elif match := _ALPHA.fullmatch(field):
            fields["alpha"] = match[1]
        elif field == "g":
            fields["grey"] = True
        else:
            raise UnknownModelError(f"the file's header has a field that this installation does not know: {field}")
    return fields
