"""EXIF is changed in place: what must change does, nothing else, whatever the bytes."""

import io
import struct
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from codec import exif as exifs

MAIN, CAMERA, PLACE, SMALL, PICTURE = 8, 0x100, 0x200, 0x300, 0x380
NOTE = b"maker note with absolute offset 0x0142"
JPEG = b"\xff\xd8 an old thumbnail \xff\xd9"
LATITUDE = struct.pack(">6I", 52, 1, 31, 1, 1234, 100)
Value = int | bytes


def directory(order: str, at: int, entries: list[tuple[int, int, Value]], link: int = 0) -> bytes:
    """A directory at `at`, its longer values right behind it."""
    table, values = b"", b""
    behind = at + 6 + 12 * len(entries)
    for tag, kind, value in entries:
        if isinstance(value, bytes):
            count = len(value) // (8 if kind == 5 else 1)
            table += struct.pack(order + "HHII", tag, kind, count, behind + len(values))
            values += value
        else:
            inline = struct.pack(order + ("H2x" if kind == 3 else "I"), value)
            table += struct.pack(order + "HHI", tag, kind, 1) + inline
    return struct.pack(order + "H", len(entries)) + table + struct.pack(order + "I", link) + values


def build(order: str = "<", small: list[tuple[int, int, Value]] | None = None, picture: bytes = JPEG) -> bytes:
    """What a camera writes: settings with a maker note, place, thumbnail."""
    if small is None:
        small = [(0x103, 3, 6), (0x201, 4, PICTURE), (0x202, 4, len(picture))]
    main: list[tuple[int, int, Value]] = [
        (0x100, 4, 4000), (0x101, 4, 3000), (0x10F, 2, b"a camera\0"), (0x112, 3, 6), (0x8769, 4, CAMERA),
        (0x8825, 4, PLACE), (0x9C9C, 1, b"behind the place"),
    ]  # fmt: skip
    parts = {
        0: (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", MAIN),
        MAIN: directory(order, MAIN, main, SMALL),
        CAMERA: directory(order, CAMERA, [(0x927C, 7, NOTE), (0xA002, 3, 4000), (0xA003, 4, 3000)]),
        PLACE: directory(order, PLACE, [(1, 2, b"North\0"), (2, 5, LATITUDE)]),
        SMALL: directory(order, SMALL, small),
        PICTURE: picture,
    }
    block = bytearray(PICTURE + len(picture) + 8)
    for at, part in parts.items():
        block[at : at + len(part)] = part
    return exifs.PREFIX + bytes(block)


def opened(exif: bytes) -> Image.Exif:
    """As Pillow reads it: somebody else's word."""
    parsed = Image.Exif()
    parsed.load(exif)
    return parsed


def changed(before: bytes, after: bytes) -> set[int]:
    """Offsets in the TIFF structure of the bytes that differ."""
    assert len(before) == len(after)
    return {i - len(exifs.PREFIX) for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b}


@pytest.fixture(params=["<", ">"], ids=["little-endian", "big-endian"])
def exif(request: pytest.FixtureRequest) -> bytes:
    return build(request.param)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_found_set_and_written(exif: bytes, orientation: int) -> None:
    assert exifs.orientation(exif) == 6
    turned = exifs.with_orientation(exif, orientation)
    assert exifs.orientation(turned) == opened(turned)[0x112] == orientation
    assert len(changed(exif, turned)) == (orientation != 6)
    shortest = exifs.only_orientation(orientation)
    assert (shortest is None) == (orientation == 1)
    if shortest:
        assert dict(opened(shortest)) == {0x112: orientation}
        assert exifs.orientation(shortest) == orientation


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_invalid_orientations_count_as_none(exif: bytes, orientation: int) -> None:
    assert exifs.orientation(exifs.with_orientation(exif, orientation)) == 1
    assert exifs.only_orientation(orientation) is None


def test_the_size_is_stated_everywhere(exif: bytes) -> None:
    sized = exifs.with_size(exif, (1234, 567))
    parsed = opened(sized)
    assert (parsed[0x100], parsed[0x101]) == (1234, 567)
    camera = parsed.get_ifd(0x8769)
    assert (camera[0xA002], camera[0xA003]) == (1234, 567)
    assert len(changed(exif, sized)) <= 8
    assert exifs.with_size(sized, (4000, 3000)) == exif


def test_a_size_without_room_is_left(exif: bytes) -> None:
    camera = opened(exifs.with_size(exif, (70_000, 80_000))).get_ifd(0x8769)
    assert (camera[0xA002], camera[0xA003]) == (4000, 80_000)


def test_the_place_leaves_no_trace(exif: bytes) -> None:
    clean = exifs.without_gps(exif)
    before, after = opened(exif), opened(clean)
    assert len(before.get_ifd(0x8825)) == 2
    assert dict(after) == {tag: value for tag, value in before.items() if tag != 0x8825}
    assert after.get_ifd(0x8769) == before.get_ifd(0x8769)
    assert after.get_ifd(Image.ExifTags.IFD.IFD1) == before.get_ifd(Image.ExifTags.IFD.IFD1)
    place = slice(6 + PLACE, 6 + SMALL)
    assert b"North" in exif
    assert not any(clean[place])
    assert exifs.without_gps(clean) == clean
    main_end = MAIN + 6 + 12 * 7
    assert all(MAIN <= at < main_end or PLACE <= at < SMALL for at in changed(exif, clean))


def test_a_place_in_the_wrong_directory_goes_too() -> None:
    exif = build(small=[(0x103, 3, 6), (0x8825, 4, PLACE)])
    clean = exifs.without_gps(exif)
    assert 0x8825 not in opened(clean).get_ifd(Image.ExifTags.IFD.IFD1)
    assert 0x8825 not in opened(clean)


def test_a_thumbnail_is_replaced_in_its_place(exif: bytes) -> None:
    seen: list[bytes] = []
    new = b"\xff\xd8 newer \xff\xd9"

    def remake(old: bytes) -> bytes:
        seen.append(old)
        return new

    other = exifs.with_thumbnail(exif, remake)
    small = opened(other).get_ifd(Image.ExifTags.IFD.IFD1)
    assert seen == [JPEG]
    assert (small[0x201], small[0x202]) == (PICTURE, len(new))
    assert other[6 + PICTURE :].rstrip(b"\0") == new
    assert all(at >= SMALL for at in changed(exif, other))


@pytest.mark.parametrize("new", [None, JPEG + b"!"], ids=["none", "too long"])
def test_a_thumbnail_without_successor_is_gone(exif: bytes, new: bytes | None) -> None:
    other = exifs.with_thumbnail(exif, lambda _: new)
    assert opened(other).get_ifd(Image.ExifTags.IFD.IFD1) == {}
    assert not any(other[6 + SMALL :])
    link = 6 + MAIN + 2 + 12 * 7
    assert any(exif[link : link + 4])
    assert not any(other[link : link + 4])
    assert {k: v for k, v in opened(other).items() if k != 0x8825} == {
        k: v for k, v in opened(exif).items() if k != 0x8825
    }


def test_thumbnails_that_are_no_jpeg_are_gone() -> None:
    strips: list[tuple[int, int, Value]] = [(0x103, 3, 1), (0x111, 4, PICTURE), (0x117, 4, 30)]
    for exif in (build(small=strips, picture=b"p" * 30), build(picture=b"GIF89a, of all things")):
        other = exifs.with_thumbnail(exif, lambda _: pytest.fail("nothing to make anew"))
        assert not any(other[6 + SMALL :])


def test_nothing_to_do_changes_nothing() -> None:
    exif = build(small=[(0x103, 3, 6)])
    assert exifs.with_thumbnail(exif, lambda _: None) == exif
    for orientation in range(2, 9):
        shortest = exifs.only_orientation(orientation)
        assert shortest is not None
        for edit in (exifs.without_gps, lambda exif: exifs.with_size(exif, (9, 9))):
            assert edit(shortest) == shortest


EDITS: list[Callable[[bytes], bytes]] = [
    lambda exif: exifs.with_size(exif, (1234, 567)),
    lambda exif: exifs.with_orientation(exif, 1),
    exifs.without_gps,
    lambda exif: exifs.with_thumbnail(exif, lambda old: old[:-2]),
    lambda exif: exifs.with_thumbnail(exif, lambda _: None),
]


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        exifs.PREFIX,
        b"garbage, and a lot of it",
        b"II*\0",
        b"MM\0*\0\0\0\x08",
        b"II*\0\xff\xff\xff\xff" + bytes(50),
        b"II*\0\x04\0\0\0" + bytes(50),  # the directory lies in the header
        b"II*\0\x08\0\0\0\xff\xff" + bytes(500),  # more entries than bytes
        build()[:60],
    ],
)
def test_malformed_exif_comes_back_as_it_was(exif: bytes) -> None:
    assert not exifs.is_readable(exif)
    assert exifs.orientation(exif) == 1
    for edit in EDITS:
        assert edit(exif) == exif


@pytest.mark.parametrize("target", [MAIN, CAMERA, 0, 0xFFFF, PICTURE])
def test_directories_that_lie_about_their_place_cost_no_other_tag(exif: bytes, target: int) -> None:
    order = "<" if exif[6:7] == b"I" else ">"
    entry = exif.index(struct.pack(order + "HHII", 0x8825, 4, 1, PLACE))
    forged = exif[: entry + 8] + struct.pack(order + "I", target) + exif[entry + 12 :]
    parsed = opened(exifs.without_gps(forged))
    assert 0x8825 not in parsed
    assert parsed[0x10F] == "a camera"
    assert parsed.get_ifd(0x8769)[0x927C] == NOTE


def test_a_thumbnail_directory_that_is_the_main_one_is_left() -> None:
    exif = bytearray(build())
    struct.pack_into("<I", exif, 6 + MAIN + 2 + 12 * 7, MAIN)
    assert exifs.with_thumbnail(bytes(exif), lambda _: None) == exif


def test_large_hostile_blocks_are_quick() -> None:
    entries = struct.pack("<HHII", 0x8825, 4, 1, 0x10_0000) * 65_000
    forged = b"II*\0\x08\0\0\0" + struct.pack("<H", 65_000) + entries + bytes(1_000_000)
    place = struct.pack("<H", 20_000) + struct.pack("<HHII", 2, 1, 1_000_000, 100) * 20_000
    greedy = b"II*\0\x08\0\0\0" + directory("<", 8, [(0x8825, 4, 100)]).ljust(92, b"\0") + place + bytes(1_000_000)
    start = time.process_time()
    for edit in EDITS:
        assert len(edit(forged)) == len(forged)
        assert len(edit(greedy)) == len(greedy)
    assert time.process_time() - start < 6


@given(
    st.sampled_from([build("<"), build(">")]),
    st.lists(st.tuples(st.integers(6, PICTURE + 40), st.integers(0, 255)), min_size=1, max_size=12),
    st.integers(0, PICTURE + 40),
)
@settings(max_examples=400, deadline=None)
def test_mutations_never_raise_nor_change_the_length(exif: bytes, changes: list[tuple[int, int]], end: int) -> None:
    block = bytearray(exif)
    for at, value in changes:
        block[min(at, len(block) - 1)] = value
    for damaged in (bytes(block), bytes(block[:end])):
        for edit in EDITS:
            assert len(edit(damaged)) == len(damaged)
        assert 1 <= exifs.orientation(damaged) <= 8


@given(
    st.binary(max_size=300), st.sampled_from([b"", exifs.PREFIX, b"II*\0\x08\0\0\0", exifs.PREFIX + b"MM\0*\0\0\0\x08"])
)
@settings(max_examples=200, deadline=None)
def test_any_bytes_never_raise_nor_change_the_length(data: bytes, start: bytes) -> None:
    for edit in EDITS:
        assert len(edit(start + data)) == len(start + data)


def test_pillow_agrees_that_the_new_thumbnail_is_a_picture() -> None:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, "JPEG", quality=20)
    exif = exifs.with_thumbnail(build(picture=JPEG + bytes(1000)), lambda _: out.getvalue())
    small = opened(exif).get_ifd(Image.ExifTags.IFD.IFD1)
    data = exif[6 + small[0x201] : 6 + small[0x201] + small[0x202]]
    with Image.open(io.BytesIO(data)) as img:
        assert img.size == (8, 8)
