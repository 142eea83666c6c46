"""The digest's material: the same whatever happens to metadata, other when pixels are encoded again, never a crash."""

import io
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import codec
from codec.carriers import get, payload
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
    for start in (b"RIFF\0\0\0\0WEBP", b"\0\0\0\x14ftypavif", b"\0\0\0\x0cJXL \r\n\x87\n", b""):
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
