"""EXIF changed in place: nothing moves and the length stays, for maker notes hold absolute offsets.

Cameras, phones and editors write much that the standard forbids, and attackers write anything. What is malformed comes
back as it was; nothing here raises, and nothing follows a chain of more than one link.
"""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from codec.tiff import EXIF, Block, Directory, Entry, MalformedError

PREFIX = b"Exif\0\0"
"""What a JPEG puts before the TIFF structure that EXIF is; `codec.Metadata.exif` always has it."""

ORIENTATION = 0x0112
_WIDTH, _HEIGHT = 0x0100, 0x0101
_STRIPS, _STRIP_LENGTHS, _JPEG, _JPEG_LENGTH = 0x0111, 0x0117, 0x0201, 0x0202
_GPS, _PIXEL_WIDTH, _PIXEL_HEIGHT = 0x8825, 0xA002, 0xA003
_MOST_GPS = 4
"""Entries that are looked for in each directory; files of good faith have one, in the first."""

P = ParamSpec("P")


def _in_place(edit: Callable[Concatenate[Block, P], None]) -> Callable[Concatenate[bytes, P], bytes]:
    """A function of EXIF bytes out of one that changes a block; malformed bytes come back as they were."""

    @wraps(edit)
    def of_bytes(exif: bytes, /, *args: P.args, **kwargs: P.kwargs) -> bytes:
        try:
            block = _block(exif)
            edit(block, *args, **kwargs)
        except MalformedError:
            return exif
        return exif[: _start(exif)] + bytes(block.data)

    return of_bytes


def _start(exif: bytes) -> int:
    return len(PREFIX) if exif.startswith(PREFIX) else 0


def _block(exif: bytes) -> Block:
    return Block(exif[_start(exif) :])


def prefixed(exif: bytes | None) -> bytes | None:
    """With the prefix exactly once; PNG, WebP and AVIF do without, and some writers put it there all the same."""
    while exif and exif.startswith(PREFIX):
        exif = exif[len(PREFIX) :]
    return PREFIX + exif if exif else None


def is_readable(exif: bytes) -> bool:
    """Whether the main directory can be read; where it cannot, the functions here change nothing."""
    try:
        _block(exif).main()
    except MalformedError:
        return False
    return True


def orientation(exif: bytes) -> int:
    """1…8, how a viewer turns the picture; 1 where nothing valid is said."""
    try:
        block = _block(exif)
        values = [block.value(entry) for entry in block.main().find(ORIENTATION)]
    except MalformedError:
        return 1
    return next((value for value in values if value is not None and 1 <= value <= 8), 1)


def only_orientation(orientation: int) -> bytes | None:
    """The shortest EXIF that says it; None for 1, which needs no words, and for what is no orientation."""
    if not 2 <= orientation <= 8:
        return None
    entry = b"\x01\x12\0\x03\0\0\0\x01" + orientation.to_bytes(2, "big") + b"\0\0"
    return PREFIX + b"MM\0*\0\0\0\x08\0\x01" + entry + b"\0\0\0\0"


@_in_place
def with_orientation(block: Block, orientation: int) -> None:
    """Another orientation, 1…8, where there is one."""
    _set(block, block.main(), ORIENTATION, orientation)


@_in_place
def with_size(block: Block, size: tuple[int, int]) -> None:
    """Width and height of the picture, wherever they stand and have room for the number."""
    main = block.main()
    _set_size(block, main, (_WIDTH, _HEIGHT), size)
    if directory := block.child(main, EXIF):
        _set_size(block, directory, (_PIXEL_WIDTH, _PIXEL_HEIGHT), size)


def _set_size(block: Block, directory: Directory, tags: tuple[int, int], size: tuple[int, int]) -> None:
    for tag, side in zip(tags, size, strict=True):
        _set(block, directory, tag, side)


def _set(block: Block, directory: Directory, tag: int, value: int) -> None:
    for entry in directory.find(tag):
        if block.value(entry) is not None and value < 256**entry.width:
            block.put(entry.at + 8, entry.width, value)


@_in_place
def without_gps(block: Block) -> None:
    """Without the place: the GPS directory and its values become zeros, and no entry points there."""
    for place in (lambda main: block.child(main, EXIF), block.linked, lambda main: main):
        for _ in range(_MOST_GPS):
            directory = place(block.main())  # anew: in a forged file, directories overlap
            if directory is None or not (entries := directory.find(_GPS)):
                break
            _blank_gps(block, entries[0])
            block.remove(directory, entries[0])


def _blank_gps(block: Block, entry: Entry) -> None:
    at = block.value(entry)
    directory = block.leading_entries(at) if at else None
    if directory is None or not block.is_free(directory.at, directory.link - directory.at):
        return
    for child in directory.entries:
        if child.length > 4:
            block.blank(block.number(child.at + 8, 4), child.length)
    block.blank(directory.at, directory.link - directory.at)


@_in_place
def with_thumbnail(block: Block, remake: Callable[[bytes], bytes | None]) -> None:
    """Another thumbnail, for one of other pixels shows what was cut off or painted over.

    `remake`: the JPEG to put in place of the one it is given, no longer than that one. Where it has none (None), or
    the thumbnail is no JPEG, the thumbnail is blanked and no longer linked.
    """
    main = block.main()
    directory = block.linked(main)
    if directory is None or not (directory.find(_JPEG) or directory.find(_STRIPS)):
        return
    start, length = _jpeg_place(block, directory)
    old = bytes(block.data[start : start + length])
    new = remake(old) if old.startswith(b"\xff\xd8") else None
    if new is None or len(new) > length:
        _unlink(block, main, directory)
        return
    block.blank(start, length)
    block.data[start : start + len(new)] = new
    _set(block, directory, _JPEG_LENGTH, len(new))


def _jpeg_place(block: Block, directory: Directory) -> tuple[int, int]:
    """Start and length of the JPEG thumbnail, cut at the end of the block; nothing where there is none."""
    start, length = block.first(directory, _JPEG), block.first(directory, _JPEG_LENGTH)
    if start is None or length is None or not block.is_free(start, length):
        return 0, 0
    return start, min(length, max(len(block.data) - start, 0))


def _unlink(block: Block, main: Directory, directory: Directory) -> None:
    start, length = _jpeg_place(block, directory)
    block.blank(start, length)
    strips, lengths = block.numbers(directory, _STRIPS), block.numbers(directory, _STRIP_LENGTHS)
    for start, length in zip(strips, lengths, strict=False):
        block.blank(start, length)
    block.put(main.link, 4, 0)
    block.data[directory.at : directory.link] = bytes(directory.link - directory.at)
