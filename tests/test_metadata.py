"""EXIF, ICC profile, XMP and orientation survive, and the LR file carries them."""

import io
import struct
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageOps
from PIL.PngImagePlugin import PngInfo

import codec
from codec.picture import Metadata, Picture, Pixels, read_picture
from tests.conftest import jpeg_bytes
from tests.test_exif import NOTE, build, opened

XMP = b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description dc="me"/></rdf:RDF>'
ORIENTATION = 0x0112


@pytest.fixture
def dressed(one_photo: Pixels) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[0x010E] = "a test"
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    out = io.BytesIO()
    Image.fromarray(one_photo).save(out, "JPEG", quality=95, exif=exif, icc_profile=icc, xmp=XMP)
    return out.getvalue()


def test_metadata_is_in_the_file_and_comes_back(dressed: bytes) -> None:
    data = codec.encode(dressed)
    with Image.open(io.BytesIO(dressed)) as original, Image.open(io.BytesIO(data)) as lr:
        restored = codec.decode(data)
        for key in ("exif", "icc_profile"):
            assert lr.info[key] == original.info[key]
            assert restored.info[key] == original.info[key]
        assert XMP[:60] in lr.info["xmp"]
        assert restored.info["xmp"] == XMP
    # a tag, not a rotation: pixels keep their order, LR and full picture agree
    assert restored.getexif()[ORIENTATION] == 6
    assert restored.size == (192, 144)


def test_nothing_is_made_up(one_photo: Pixels) -> None:
    assert codec.decode(codec.encode(one_photo)).info == {}


def test_exif_set_by_hand_is_kept(one_photo: Pixels) -> None:
    img = Image.fromarray(one_photo)
    img.getexif()[ORIENTATION] = 3
    assert codec.decode(codec.encode(img)).getexif()[ORIENTATION] == 3


def test_encoding_an_encoded_file_again_leaves_one_header(dressed: bytes) -> None:
    once = codec.encode(dressed)
    twice = codec.encode(once)
    assert codec.inspect(twice).header.full_size == (96, 72)
    assert codec.decode(twice).info["xmp"] == XMP


def test_too_much_metadata_is_refused(one_photo: Pixels) -> None:
    img = Image.fromarray(one_photo)
    for key, value in (("xmp", b"<a>" + b"x" * 65_500 + b"</a>"), ("exif", b"Exif\0\0" + b"x" * 65_600)):
        img.info = {key: value}
        with pytest.raises(codec.CodecError, match=f"{key.upper()} .* does not fit"):
            codec.encode(img)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_every_format_brings_the_same_blocks(one_photo: Pixels, kind: str) -> None:
    exif, out = build(), io.BytesIO()
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    Image.fromarray(one_photo).save(out, kind, exif=exif, icc_profile=b"a profile", xmp=XMP, pnginfo=text)
    for given in (out.getvalue(), Image.open(out)):
        metadata = read_picture(given).metadata
        assert metadata.xmp == XMP
        assert metadata.icc_profile == b"a profile"
        assert metadata.exif is not None
        if kind == "AVIF":  # Pillow's writer moves the orientation into the container, and its reader brings it back
            assert opened(metadata.exif)[ORIENTATION] == 6
        else:
            assert metadata.exif == exif


@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0", b"Exif\0\0Exif\0\0"])
def test_the_prefix_is_there_once(prefix: bytes) -> None:
    img = Image.new("L", (2, 2))
    img.info = {"exif": prefix + build()[6:]}
    assert read_picture(img).metadata.exif == build()


@pytest.mark.parametrize("exif", [b"", b"Exif\0\0", None, "text", 5])
def test_no_exif_is_none(exif: object) -> None:
    img = Image.new("L", (2, 2))
    img.info = {"exif": exif}
    assert read_picture(img).metadata.exif is None


@pytest.mark.parametrize("value", [b"", None, 5])
def test_odd_values_are_none(value: object) -> None:
    img = Image.new("L", (2, 2))
    img.info = {"xmp": value, "icc_profile": value}
    assert read_picture(img).metadata == Metadata()


def test_xmp_as_text_becomes_bytes() -> None:
    img = Image.new("L", (2, 2))
    img.info = {"XML:com.adobe.xmp": XMP.decode() + "\u00fc"}
    assert read_picture(img).metadata.xmp == XMP + "\u00fc".encode()


def test_exif_in_a_png_the_old_way() -> None:
    img = Image.new("L", (2, 2))
    block = build()
    img.info = {"Raw profile type exif": f"\nexif\n{len(block):8}\n{block.hex()}\n"}
    assert read_picture(img).metadata.exif == block


def test_the_descriptive_tags_of_a_tiff(one_photo: Pixels) -> None:
    exif, out = opened(build()), io.BytesIO()
    del exif[0x100], exif[0x101]  # Pillow would believe them
    Image.fromarray(one_photo).save(out, "TIFF", exif=exif, icc_profile=b"a profile")
    assert NOTE in out.getvalue()
    for given in (out.getvalue(), Image.open(out)):
        picture = read_picture(given)
        assert picture.size == (144, 192)  # Pillow turns the pixels of a TIFF itself
        assert picture.metadata.icc_profile == b"a profile"
        assert picture.metadata.exif is not None
        parsed = opened(picture.metadata.exif)
        assert {tag: value for tag, value in parsed.items() if tag not in (0x8769, 0x8825)} == {0x10F: "a camera"}
        assert parsed.get_ifd(0x8769) == {0xA002: 4000, 0xA003: 3000}
        assert parsed.get_ifd(0x8825)[1] == "North"


def set_orientation(img: Image.Image) -> None:
    img.getexif()[ORIENTATION] = 3


def set_date(img: Image.Image) -> None:
    img.getexif().get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"


def replace_info(img: Image.Image) -> None:
    set_orientation(img)
    img.info["exif"] = build(">")


def remove_info(img: Image.Image) -> None:
    img.getexif()
    del img.info["exif"]


@pytest.mark.parametrize(
    ("edit", "check"),
    [
        (lambda img: img.getexif(), lambda exif: exif == build()),
        (set_orientation, lambda exif: opened(exif)[ORIENTATION] == 3 and opened(exif)[0x10F] == "a camera"),
        (set_date, lambda exif: opened(exif).get_ifd(0x8769)[0x9003].startswith("2024")),
        (lambda img: img.getexif().clear(), lambda exif: exif is None),
        (replace_info, lambda exif: exif == build(">")),
        (remove_info, lambda exif: exif is None),
    ],
)
def test_what_a_caller_did_to_the_exif_of_a_file(
    one_photo: Pixels, edit: Callable[[Image.Image], Any], check: Callable[[Any], bool]
) -> None:
    img = Image.open(io.BytesIO(jpeg_bytes(one_photo, exif=build())))
    edit(img)
    assert check(read_picture(img).metadata.exif)


def test_a_picture_that_was_turned_upright(one_photo: Pixels) -> None:
    img = Image.open(io.BytesIO(jpeg_bytes(one_photo, exif=build())))
    picture = read_picture(ImageOps.exif_transpose(img))
    assert picture.size == (144, 192)
    assert picture.metadata.exif is not None
    parsed = opened(picture.metadata.exif)
    assert ORIENTATION not in parsed
    assert parsed[0x10F] == "a camera"


def test_exif_given_to_a_new_image() -> None:
    img = Image.new("L", (2, 2))
    assert read_picture(img).metadata.exif is None
    set_orientation(img)
    exif = read_picture(img).metadata.exif
    assert exif is not None
    assert dict(opened(exif)) == {ORIENTATION: 3}
    # an orientation that only the XMP knows is no change of the EXIF
    img = Image.new("L", (2, 2))
    img.info = {"xmp": b'<a tiff:Orientation="6"/>'}
    assert read_picture(img).metadata.exif is None


def test_what_a_picture_holds_comes_back_through_pillow(dressed: bytes) -> None:
    picture = read_picture(dressed)
    assert picture.metadata == read_picture(picture.to_pil()).metadata
    assert set(picture.to_pil().info) == {"exif", "icc_profile", "xmp"}
    assert Picture(picture.pixels).to_pil().info == {}


def with_extended_xmp(jpeg: bytes, name: bytes, packet: bytes) -> bytes:
    """A JPEG with an extended packet, in two pieces."""
    pieces = b""
    for start in range(0, len(packet), half := -(-len(packet) // 2)):
        part = packet[start : start + half]
        body = b"http://ns.adobe.com/xmp/extension/\0" + name * 32 + struct.pack(">II", len(packet), start) + part
        pieces += b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    return jpeg[:2] + pieces + jpeg[2:]


def test_extended_xmp_is_missed_aloud(one_photo: Pixels) -> None:
    jpeg = with_extended_xmp(jpeg_bytes(one_photo), b"A", b"x" * 60_001)
    with pytest.warns(UserWarning, match=r"60,001 bytes of extended XMP") as caught:
        read_picture(jpeg)
    assert [warning.filename for warning in caught] == [__file__]
    ours = with_extended_xmp(jpeg_bytes(one_photo), b"B", b'<a xmlns:s="urn:sain:"/>' + b"x" * 60_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_picture(ours)
