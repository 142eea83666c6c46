"""The digest's material: the same whatever happens to metadata, other when pixels are encoded again, never a crash."""

import io
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import codec
from codec import payload
from codec.carriers import get
from codec.carriers.base import Options
from codec.header import digest
from tests.conftest import PICTURES, SHARED

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF></rdf:RDF></x:xmpmeta>'
EXIF = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x01\0\0\0\0\0\0"
READERS: dict[str, Callable[[bytes], Iterator[memoryview]]] = {
    "webp": payload.webp,
    "avif": payload.isobmff,
    "heif": payload.isobmff,
}


def written(name: str, quality: int = 60, alpha: bool = False, **metadata: bytes) -> bytes:
    with Image.open(PICTURES / "kodim04-crop.png") as file:
        img = file.convert("RGB").crop((0, 0, 64, 48))
    if alpha:
        img.putalpha(Image.linear_gradient("L").resize(img.size))
    return get(name).save(img, Options(quality), metadata)


def mark(name: str, data: bytes) -> str:
    return digest((1, 1), READERS[name](data))


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("alpha", [False, True])
def test_bound_to_pixels_alone(name: str, alpha: bool) -> None:
    plain = mark(name, written(name, alpha=alpha))
    for metadata in ({"xmp": XMP}, {"exif": EXIF}, {"xmp": XMP * 9, "exif": EXIF}):
        assert mark(name, written(name, alpha=alpha, **metadata)) == plain
    assert mark(name, written(name, 50, alpha=alpha)) != plain
    assert mark(name, written(name, alpha=not alpha)) != plain


def without_chunk(data: bytes, name: bytes) -> bytes:
    """A RIFF file with one chunk less."""
    at = data.index(name)
    length = int.from_bytes(data[at + 4 : at + 8], "little")
    rest = data[12:at] + data[at + 8 + length + length % 2 :]
    return b"RIFF" + (len(rest) + 4).to_bytes(4, "little") + b"WEBP" + rest


def test_a_removed_chunk_changes_nothing() -> None:
    data = written("webp", xmp=XMP)
    assert mark("webp", without_chunk(data, b"XMP ")) == mark("webp", data)


@pytest.mark.parametrize("name", READERS)
def test_what_trails_the_file_changes_nothing(name: str) -> None:
    data = written(name, xmp=XMP)
    for trail in (bytes(40_000), b"junk" * 10_000, b"VP8 \0\0\0\0" * 2):
        assert mark(name, data + trail) == mark(name, data)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("edit", ["-Artist=me", "-XMP-dc:Subject=me", "-all="])
def test_exiftool_changes_nothing(name: str, edit: str, tmp_path: Path) -> None:
    data = written(name, xmp=XMP, exif=EXIF)
    assert mark(name, edited(data, edit, tmp_path / f"a{get(name).suffixes[0]}")) == mark(name, data)


def edited(data: bytes, edit: str, path: Path) -> bytes:
    exiftool = shutil.which("exiftool")
    if exiftool is None:
        pytest.skip("exiftool is not installed")
    path.write_bytes(data)
    done = subprocess.run([exiftool, edit, "-overwrite_original", str(path)], capture_output=True, text=True)
    if done.returncode and "not yet supported" in done.stderr:
        pytest.skip("this exiftool cannot write the format")
    assert done.returncode == 0, done.stderr
    assert path.read_bytes() != data
    return path.read_bytes()


def boxed(name: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + name + content


def test_jpeg_xl() -> None:
    start = boxed(b"JXL ", b"\r\n\x87\n")
    one = start + boxed(b"xml ", XMP) + boxed(b"jxlc", b"pixels")
    other = start + boxed(b"Exif", b"\0\0\0\0" + EXIF[6:]) + boxed(b"jxlc", b"pixels")
    changed = start + boxed(b"jxlc", b"pixelz")
    marks = [digest((1, 1), payload.jxl(data)) for data in (one, other, changed)]
    assert marks[0] == marks[1] != marks[2]
    assert payload.jxl_xmp(one) == XMP
    assert payload.jxl_xmp(other) is None
    assert b"".join(payload.jxl(b"\xff\x0apixels")) == b"\xff\x0apixels"


def items(version: int, method: int = 0) -> bytes:
    """A file with one item of the bytes `pixels`, its place told by an `iloc` of any version, and one of metadata."""
    wide = 4 if version == 2 else 2
    entries = [
        boxed(b"infe", b"\x02\0\0\0" + number.to_bytes(2, "big") + b"\0\0" + kind + b"\0")
        for number, kind in ((2, b"Exif"), (1, b"av01"))
    ]
    iinf = boxed(b"iinf", b"\0\0\0\0\0\x02" + b"".join(entries))
    how = method.to_bytes(2, "big") if version else b""

    def file(at: int) -> bytes:
        extent = b"\0\0\0\x01" + at.to_bytes(4, "big") + b"\0\0\0\x06"
        item = (1).to_bytes(wide, "big") + how + b"\0\0" + extent[2:]
        iloc = boxed(b"iloc", bytes([version, 0, 0, 0, 0x44, 0]) + (1).to_bytes(wide, "big") + item)
        inside = boxed(b"idat", b"pixels") if method == 1 else b""
        return boxed(b"ftyp", b"avif\0\0\0\0") + boxed(b"meta", bytes(4) + iinf + iloc + inside)

    return file(0) if method == 1 else file(len(file(0)) + 8) + boxed(b"mdat", b"pixels")


@pytest.mark.parametrize(("version", "method"), [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1)])
def test_every_way_to_place_an_item(version: int, method: int) -> None:
    assert b"".join(payload.isobmff(items(version, method))) == b"av01pixels"


def test_items_built_from_other_items_are_refused() -> None:
    with pytest.raises(codec.UnsupportedFormatError):
        list(payload.isobmff(items(1, method=2)))


def test_phones_own_files() -> None:
    paths = sorted((SHARED / "large").glob("*.heic"))
    if not paths:
        pytest.skip("the large photos are not at hand")
    for path in paths:
        kinds = {bytes(part) for part in payload.isobmff(path.read_bytes()) if len(part) == 4}
        assert b"hvc1" in kinds


def test_items_that_share_bytes_cannot_blow_up() -> None:
    data = bytearray(written("avif"))
    at = data.index(b"iloc")
    # item 1's one extent: as long as the file; then as if there were thousands
    entry = data[at + 8 :]
    count = int.from_bytes(entry[2:4], "big")
    assert count >= 1
    data[at + 10 : at + 12] = b"\xff\xff"
    with pytest.raises(codec.UnsupportedFormatError):
        list(payload.isobmff(bytes(data)))


FILES = {name: written(name, xmp=XMP, exif=EXIF) for name in READERS}


@given(st.sampled_from(sorted(FILES)), st.data())
@settings(max_examples=400, deadline=None)
def test_damage_is_refused_or_changes_the_digest_or_nothing(name: str, draw: st.DataObject) -> None:
    data = bytearray(FILES[name])
    for _ in range(draw.draw(st.integers(1, 6))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    cut = draw.draw(st.integers(0, len(data)))
    for damaged in (bytes(data), bytes(data[:cut])):
        try:
            total = sum(len(part) for part in READERS[name](damaged))
        except codec.UnsupportedFormatError:
            continue
        assert total <= 3 * len(damaged)


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    for start in (b"RIFF\xff\xff\xff\x7fWEBP", b"\0\0\0\x14ftypavif", b"\0\0\0\x0cJXL \r\n\x87\n", b""):
        for reader in (payload.webp, payload.isobmff, payload.jxl):
            try:
                list(reader(start + data))
            except codec.UnsupportedFormatError:
                continue


def test_pngs_digest_outlives_recompression() -> None:
    data = codec.encode(np.arange(48 * 64, dtype=np.uint16).reshape(48, 64).astype(np.uint8), format="png")
    with Image.open(io.BytesIO(data)) as img:
        out = io.BytesIO()
        text = img.info["xmp"]
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", text.decode())
        img.save(out, "PNG", compress_level=1, pnginfo=info)
    assert out.getvalue() != data
    assert np.array_equal(codec.decode(out.getvalue(), to="numpy"), codec.decode(data, to="numpy"))
