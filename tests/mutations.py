"""Files to start from and ways to damage them, for `tests.fuzz`. The same seed always gives the same files."""

import io
import random
import re
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

import codec
from codec.picture import Pixels
from tests.conftest import PICTURES, pixels_of
from tests.corpora import installed

ORDINARY = ("JPEG", "PNG", "GIF", "TIFF", "WEBP", "AVIF", "BMP")
EXIF = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description dc="me"/></rdf:RDF></x:xmpmeta>'
NUMBERS = (b"0", b"1", b"2", b"99999", b"999999", b"65535", b"60000")
LENGTHS = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_OURS = re.compile(rb"sain;[!-~]+|1;sain-[!-~]+?(?=[\"'<\0]|$)")
_NAMES = re.compile(
    rb"ftyp|meta|hdlr|pitm|iinf|infe|iloc|idat|mdat|iprp|ipco|ipma|ispe|pixi|colr|irot|hvcC|av1C|"  # ISO media, JPEG XL
    rb"jxlc|jxlp|xml |IHDR|PLTE|tRNS|IDAT|iTXt|tEXt|eXIf|iCCP|IEND|RIFF|VP8[ LX]|ALPH|EXIF|XMP |"  # PNG, WebP
    rb"\xff[\xc0-\xc4\xda-\xdd\xe0-\xef\xfe]"  # JPEG
)

Mutation = Callable[[bytearray, random.Random, list[bytes]], bytearray]


def seeds() -> list[bytes]:
    """Files of every carrier and header form, and ordinary pictures."""
    photo = pixels_of(PICTURES / "kodim08-crop.png")[:61, :90]
    rows, columns = np.indices(photo.shape[:2])
    alpha = np.uint8(255) * (rows + columns < 80)
    dressed = Image.fromarray(photo)
    dressed.info = {"exif": EXIF, "xmp": XMP}
    pictures: list[Pixels | Image.Image] = [photo, photo[..., 1], np.dstack([photo, alpha]), dressed]
    files = [codec.encode(p, 60, format=f, header=h) for f in installed() for p in pictures for h in ("xmp", "compact")]
    for name in ORDINARY:
        out = io.BytesIO()
        dressed.save(out, name)
        files.append(out.getvalue())
    return files


def flip(data: bytearray, rng: random.Random, _: list[bytes]) -> bytearray:
    """Some bits."""
    for _ in range(rng.choice((1, 1, 2, 8, 40))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def overwrite(data: bytearray, rng: random.Random, _: list[bytes]) -> bytearray:
    """Some bytes."""
    at, length = rng.randrange(len(data)), rng.choice((1, 2, 4, 4, 8))
    data[at : at + length] = rng.choice((b"\xff" * length, bytes(length), rng.randbytes(length)))
    return data


def cut(data: bytearray, rng: random.Random, _: list[bytes]) -> bytearray:
    """The end off."""
    return data[: rng.randrange(len(data))]


def splice(data: bytearray, rng: random.Random, files: list[bytes]) -> bytearray:
    """A piece of another file in."""
    other = rng.choice(files)
    start, at = rng.randrange(len(other)), rng.randrange(len(data))
    return data[:at] + other[start : start + rng.choice((4, 64, 1000, len(other)))] + data[at:]


def repeat(data: bytearray, rng: random.Random, _: list[bytes]) -> bytearray:
    """Bytes many times, or not at all."""
    start = rng.randrange(len(data))
    piece = data[start : start + rng.choice((2, 16, 300))]
    return data[:start] + piece * rng.choice((0, 2, 50)) + data[start + len(piece) :]


def _marks(data: bytes | bytearray) -> list[int]:
    """Where chunks, boxes and segments seem to begin: the length of most stands before their name."""
    return [
        max(0, match.start() - (0 if match[0][0] == 0xFF or data[:4] == b"RIFF" else 4))
        for match in _NAMES.finditer(data)
    ]


def chunk(data: bytearray, rng: random.Random, files: list[bytes]) -> bytearray:
    """A whole chunk left out, repeated, or replaced by one of another file."""
    starts = [*_marks(data), len(data)]
    i = rng.randrange(max(1, len(starts) - 1))
    start, end = starts[i], starts[min(i + 1, len(starts) - 1)]
    other = rng.choice(files)
    theirs = [*_marks(other), len(other)]
    j = rng.randrange(max(1, len(theirs) - 1))
    foreign = other[theirs[j] : theirs[min(j + 1, len(theirs) - 1)]]
    piece = data[start:end]
    return data[:start] + rng.choice((b"", piece * 2, piece * 30, foreign, foreign + piece)) + data[end:]


def length(data: bytearray, rng: random.Random, _: list[bytes]) -> bytearray:
    """Another length of a chunk, box or segment."""
    if marks := _marks(data):
        at, number = rng.choice(marks), rng.choice((*LENGTHS, len(data), len(data) + 1))
        if data[at] == 0xFF:
            data[at + 2 : at + 4] = struct.pack(">H", number & 0xFFFF)
        elif data[:4] == b"RIFF":
            data[at + 4 : at + 8] = struct.pack("<I", number & 0xFFFFFFFF)
        else:
            data[at : at + 4] = struct.pack(">I", number & 0xFFFFFFFF)
    return data


def edit_header(data: bytearray, rng: random.Random, files: list[bytes]) -> bytearray:
    """Another number or field in our own line, where the file has one."""
    ours = _OURS.search(data)
    digits = [i for i in range(*ours.span()) if 48 <= data[i] < 58] if ours else []
    if not digits:
        return flip(data, rng, files)
    i, value = rng.choice(digits), rng.choice((*NUMBERS, b";", b"x", b"g", b'"', b"<", b"\xff"))
    data[i : i + len(value)] = value
    return data


MUTATIONS: tuple[Mutation, ...] = (flip, overwrite, cut, splice, repeat, chunk, length, edit_header)


def mended(data: bytearray) -> bytearray:
    """With the checksums of a PNG made to fit, or none of what was changed would ever be looked at."""
    at = 8
    while data.startswith(b"\x89PNG\r\n\x1a\n") and at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            break
        data[end : end + 4] = struct.pack(">I", zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return data


def mutated(files: list[bytes], number: int, seed: int) -> bytes:
    """Input `number` of a run."""
    rng = random.Random(f"{seed} {number}")  # noqa: S311 - it is meant to be repeatable
    data = bytearray(rng.choice(files))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if data:
            data = rng.choice(MUTATIONS)(data, rng, files)
    return bytes(mended(data) if rng.random() < 0.8 else data)
