"""The size of a JPEG XL picture, from its first bytes (ISO/IEC 18181-1, annex D.2; -2, clause 9)."""

from codec.errors import UnsupportedFormatError
from codec.payload import boxes

_CODESTREAM = b"\xff\x0a"
_CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
JXL_STARTS = (_CODESTREAM, _CONTAINER)
"""What files begin with."""

_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_WIDTHS = (9, 13, 18, 30)


def jxl_size(data: bytes) -> tuple[int, int]:
    """Width and height; raises `UnsupportedFormatError` if they cannot be found."""
    stream = _codestream(data)
    if not stream.startswith(_CODESTREAM):
        raise UnsupportedFormatError("not a picture that can be read (JPEG XL without a codestream)")
    bits = _Bits(stream[2:16])
    small = bits.take(1)
    height = _side(bits, small)
    ratio = bits.take(3)
    if not ratio:
        return _side(bits, small), height
    numerator, denominator = _RATIOS[ratio - 1]
    return height * numerator // denominator, height


class _Bits:
    """Numbers of any width, lowest bit first; zeros behind the end."""

    def __init__(self, data: bytes) -> None:
        self._rest = int.from_bytes(data, "little")

    def take(self, width: int) -> int:
        value = self._rest & ((1 << width) - 1)
        self._rest >>= width
        return value


def _side(bits: _Bits, small: int) -> int:
    if small:
        return 8 * (bits.take(5) + 1)
    return bits.take(_WIDTHS[bits.take(2)]) + 1


def _codestream(data: bytes) -> bytes:
    """The first bytes of the picture itself, wherever the container has them."""
    if not data.startswith(_CONTAINER):
        return data[:16]
    for kind, content in boxes(memoryview(data)):
        if kind in (b"jxlc", b"jxlp"):
            start = 4 if kind == b"jxlp" else 0  # behind the part's number
            return bytes(content[start : start + 16])
    return b""
