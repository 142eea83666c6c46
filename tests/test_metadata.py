"""EXIF, ICC profile, XMP and orientation survive, and the LR file carries them."""

import io

import pytest
from PIL import Image, ImageCms

import codec
from codec.picture import Pixels

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
