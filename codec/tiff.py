"""The TIFF structure inside EXIF, as bytes that can be changed; every access is checked against their end."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""Bytes of one value, by type."""
_WHOLE_NUMBERS = (1, 3, 4, 13)
EXIF = 0x8769
"""Tag of the entry in the main directory that points to the directory of the camera's settings."""
_MOST_ENTRIES = 64
"""Of a directory read leniently; the standard knows 32 for the place."""
_MOST_NUMBERS = 256
_HEADER = 8
_ENTRY = 12


class MalformedError(Exception):
    """Not a TIFF structure, or one that points outside itself; never leaves `codec.exif`."""


@dataclass(frozen=True)
class Entry:
    """One tag; its value, or the offset of that, stands in the last four of its twelve bytes."""

    at: int
    tag: int
    kind: int
    count: int

    @property
    def width(self) -> int:
        """Bytes of one value; 0 for an unknown type."""
        return _SIZES.get(self.kind, 0)

    @property
    def length(self) -> int:
        """Bytes of all values; more than four lie elsewhere."""
        return self.width * self.count


@dataclass(frozen=True)
class Directory:
    """A list of entries ("IFD") and where it lies."""

    at: int
    entries: tuple[Entry, ...]

    @property
    def link(self) -> int:
        """Where the offset of the next directory stands."""
        return self.at + 2 + _ENTRY * len(self.entries)

    def find(self, tag: int) -> list[Entry]:
        """All entries of a tag; files of good faith have one or none."""
        return [entry for entry in self.entries if entry.tag == tag]


class Block:
    """The structure. Offsets count from its first byte."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)
        orders: dict[bytes, Literal["little", "big"]] = {b"II*\0": "little", b"MM\0*": "big"}
        order = orders.get(data[:4])
        if order is None:
            raise MalformedError
        self._order = order

    def number(self, at: int, width: int) -> int:
        """An unsigned number of `width` bytes."""
        if not 0 <= at <= len(self.data) - width:
            raise MalformedError
        return int.from_bytes(self.data[at : at + width], self._order)

    def put(self, at: int, width: int, value: int) -> None:
        """Write an unsigned number."""
        if not 0 <= at <= len(self.data) - width:
            raise MalformedError
        self.data[at : at + width] = value.to_bytes(width, self._order)

    def main(self) -> Directory:
        """The directory of the picture itself."""
        return self._directory(self.number(4, 4))

    def linked(self, main: Directory) -> Directory | None:
        """The directory behind the main one, which describes the thumbnail; None if there is no sound one."""
        try:
            directory = self._directory(self.number(main.link, 4))
        except MalformedError:
            return None
        return None if directory.at < main.link + 4 and main.at < directory.link else directory

    def child(self, parent: Directory, tag: int) -> Directory | None:
        """The directory that an entry points to; None if there is no sound one."""
        at = self.first(parent, tag)
        try:
            return None if at is None else self._directory(at)
        except MalformedError:
            return None

    def _directory(self, at: int) -> Directory:
        count = self.number(at, 2)
        if at < _HEADER or at + 2 + _ENTRY * count > len(self.data):
            raise MalformedError
        return Directory(at, tuple(self._entry(at + 2 + _ENTRY * i) for i in range(count)))

    def _entry(self, at: int) -> Entry:
        return Entry(at, self.number(at, 2), self.number(at + 2, 2), self.number(at + 4, 4))

    def leading_entries(self, at: int) -> Directory | None:
        """The entries of a directory up to the first one that is none; None if there are none at all."""
        entries: list[Entry] = []
        try:
            for i in range(min(self.number(at, 2), _MOST_ENTRIES)):
                entries.append(self._entry(at + 2 + _ENTRY * i))  # noqa: PERF401 - keeps what came before the end
        except MalformedError:
            pass
        known = next((i for i, entry in enumerate(entries) if not entry.width), len(entries))
        return Directory(at, tuple(entries[:known])) if known else None

    def value(self, entry: Entry) -> int | None:
        """A single whole number that stands in the entry itself; None for anything else."""
        single = entry.kind in _WHOLE_NUMBERS and entry.count == 1
        return self.number(entry.at + 8, entry.width) if single else None

    def first(self, directory: Directory, tag: int) -> int | None:
        """The value of the first entry of a tag, as `value`."""
        entries = directory.find(tag)
        return self.value(entries[0]) if entries else None

    def numbers(self, directory: Directory, tag: int) -> list[int]:
        """All whole numbers of the first entry of a tag, wherever they lie; none if they are not whole or not here."""
        entry = next(iter(directory.find(tag)), None)
        if entry is None or entry.kind not in _WHOLE_NUMBERS or entry.count > _MOST_NUMBERS:
            return []
        at = entry.at + 8 if entry.length <= 4 else self.number(entry.at + 8, 4)
        try:
            return [self.number(at + i * entry.width, entry.width) for i in range(entry.count)]
        except MalformedError:
            return []

    def is_free(self, at: int, length: int) -> bool:
        """Whether a range touches neither the header nor a directory: only malformed files have values there."""
        return at >= _HEADER and not any(at < end and start < at + length for start, end in self._taken)

    @cached_property
    def _taken(self) -> list[tuple[int, int]]:
        main = self.main()
        directories = (main, self.child(main, EXIF), self.linked(main))
        return [(directory.at, directory.link + 4) for directory in directories if directory]

    def blank(self, at: int, length: int) -> None:
        """Zeros, as far as the range lies inside and is free."""
        if self.is_free(at, length):
            end = min(at + length, len(self.data))
            self.data[at:end] = bytes(max(end - at, 0))

    def remove(self, directory: Directory, entry: Entry) -> None:
        """Close the gap that an entry leaves in its directory; what lies behind the directory stays in its place."""
        end = min(directory.link + 4, len(self.data))
        self.data[entry.at : end] = self.data[entry.at + _ENTRY : end] + bytes(_ENTRY)
        self.put(directory.at, 2, len(directory.entries) - 1)
